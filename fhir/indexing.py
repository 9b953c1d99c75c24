"""From a resource to its index rows: every value that a search can ask for, and the patients it belongs to.

This is what loading spends its time on, so all that depends only on the resource type is worked out once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhir import registry
from fhir.expressions import Found, reference_type
from fhir.hashing import MIXED, NONE, digest, reference_key
from fhir.search.types import composite, date, display, number, quantity, reference, string, token, uri
from fhir.search.types.quantity import QuantityRow
from fhir.search.types.reference import ReferenceRow
from fhir.search.types.string import StringRow
from fhir.search.types.token import TokenRow

SECURITY_CONTEXT = "securityContext"
"""The code under which what a Binary's securityContext names is indexed, though R4 has no such parameter."""

_BY_ADDRESS = frozenset({"_id", "_lastUpdated"})
"""Parameters that the Resource table answers itself."""


@dataclass(slots=True)
class IndexRows:
    """All index rows of one resource, without the columns (patient, date, resource_id) that they share.

    `high` is the high end of the main date. `compartments` are the digests of the patients it belongs to,
    `owners` their ids.
    `fhir_id` and `updated` are the resource's id and its meta.lastUpdated, as they stand. `bad_dates` says
    which dates no calendar has: nothing finds these.
    """

    fhir_id: str = ""
    updated: str = ""
    patient: int = NONE
    date: int = 0
    high: int = 0
    tokens: set[TokenRow] = field(default_factory=set)
    references: set[ReferenceRow] = field(default_factory=set)
    strings: list[StringRow] = field(default_factory=list)
    dates: set[tuple[int, int, int]] = field(default_factory=set)
    quantities: set[QuantityRow] = field(default_factory=set)
    compartments: set[int] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    bad_dates: list[str] = field(default_factory=list)


_Adder = Callable[[IndexRows, list[Found]], None]

_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the modules of the parameter types raise for a JSON value of another type than R4's."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a resource type before any resource is seen."""

    add: dict[str, _Adder]
    main_date: str
    compartment: frozenset[str]
    patient_parameter: str


@cache
def parameter_hash(resource_type: str, code: str) -> int:
    """Return the hash that all rows of a parameter carry, those of token values excepted."""
    return digest(resource_type, code)


@cache
def _plan(resource_type: str) -> _Plan:
    adders = {code: _adder(p) for code, p in registry.search_parameters(resource_type).items()}
    main = registry.main_date(resource_type)
    patient = registry.patient_parameter(resource_type)
    return _Plan(
        add={code: add for code, add in adders.items() if add is not None and code not in _BY_ADDRESS},
        main_date=main.code if main else "",
        compartment=frozenset(p.code for p in registry.compartment_parameters(resource_type)),
        patient_parameter=patient.code if patient else "",
    )


def _adder(parameter: registry.SearchParameter) -> _Adder | None:
    resource_type, code = parameter.resource_type, parameter.code
    key = parameter_hash(resource_type, code)
    match parameter.type:
        case "token":
            return _token_adder(parameter)
        case "reference":
            texts = display.key(parameter)
            return lambda rows, found: _add_references(rows, resource_type, code, texts, found)
        case "string":
            return lambda rows, found: rows.strings.extend(string.index(key, found).values())
        case "uri":
            return lambda rows, found: rows.strings.extend(uri.index(key, found).values())
        case "date":
            return lambda rows, found: rows.dates.update(date.index(key, found))
        case "quantity":
            return lambda rows, found: rows.quantities.update(quantity.index(key, found))
        case "number":
            return lambda rows, found: rows.quantities.update(number.index(key, found))
        case "composite":
            return lambda rows, found: _add_composites(rows, parameter, found)
        case _:
            return None


def _token_adder(parameter: registry.SearchParameter) -> _Adder:
    """Add the codes, and the texts where the values can have some."""
    resource_type, code = parameter.resource_type, parameter.code
    texts = display.key(parameter)

    def add(rows: IndexRows, found: list[Found]) -> None:
        rows.tokens.update(token.index(resource_type, code, found))

    def add_with_texts(rows: IndexRows, found: list[Found]) -> None:
        add(rows, found)
        rows.strings.extend(display.index(texts, found))

    return add_with_texts if display.has_texts(parameter) else add


def index_rows(resource_type: str, resource: dict[str, Any]) -> IndexRows:
    """Return the index rows of a stored resource, or of one that has its id and is about to be stored.

    Values that are not of the type that R4 gives them, which a lenient loader lets through, are passed over;
    the other values of the same parameter count. Raises KeyError for a Patient without an id, TooManyPairs.
    """
    plan = _plan(resource_type)
    rows = IndexRows(resource.get("id", ""), resource.get("meta", {}).get("lastUpdated", ""))
    named: set[int] = set()
    for parameter, found in registry.extract(resource):
        if parameter.code not in plan.add:
            continue
        try:
            _add(plan, rows, named, parameter.code, found)
        except _MALFORMED:
            _add_singly(plan, rows, named, parameter.code, found)
    if resource_type == "Patient":
        rows.compartments, rows.owners = {reference_key("Patient", resource["id"])}, {resource["id"]}
    elif resource_type == "Binary":
        _add_security_context(rows, resource)
    rows.patient = _sole_patient(rows.compartments, named if plan.patient_parameter else rows.compartments)
    return rows


def _add(plan: _Plan, rows: IndexRows, named: set[int], code: str, found: list[Found]) -> None:
    plan.add[code](rows, found)
    if code in plan.compartment:
        own = _own_patients(found)
        rows.owners |= own
        rows.compartments |= {reference_key("Patient", each) for each in own}
    if code == plan.patient_parameter:
        named |= _patients(found)
    if code == plan.main_date:
        rows.date, rows.high = next(date.spans(found), (0, 0))


def _add_singly(plan: _Plan, rows: IndexRows, named: set[int], code: str, found: list[Found]) -> None:
    """Some value is malformed: find out which, and add the others."""
    for each in found:
        try:
            _add(plan, rows, named, code, [each])
        except date.DateError as error:
            rows.bad_dates.append(str(error))
        except _MALFORMED:
            continue


def _add_composites(rows: IndexRows, parameter: registry.SearchParameter, found: list[Found]) -> None:
    made = composite.index(parameter, found)
    rows.tokens |= made.tokens
    rows.references |= made.references
    rows.strings += made.strings
    rows.dates |= made.dates
    rows.quantities |= made.quantities


def _add_references(rows: IndexRows, resource_type: str, code: str, texts: int, found: list[Found]) -> None:
    """Index what references point at, and the texts and identifiers that some of them carry."""
    rows.references |= reference.index(parameter_hash(resource_type, code), found)
    rows.strings.extend(display.index(texts, found))
    identifiers = [
        (value["identifier"], "Identifier")
        for value, kind in found
        if kind == "Reference" and "identifier" in value
    ]
    if identifiers:
        rows.tokens |= token.index(resource_type, code + reference.IDENTIFIER, identifiers)


def owners(resource_type: str, resource: dict[str, Any]) -> set[str]:
    """Return the ids of the patients that a stored resource belongs to: `index_rows` without all the rest."""
    if resource_type == "Patient":
        return {resource["id"]}
    codes = _plan(resource_type).compartment
    return set[str]().union(
        *(
            _own_patients([each])
            for parameter, found in registry.extract(resource)
            if parameter.code in codes
            for each in found
            if isinstance(each[0], dict) and isinstance(each[0].get("reference", ""), str)
        )
    )


def _own_patients(found: list[Found]) -> set[str]:
    """Return the ids of the patients here that the references name, and of no other server's."""
    addresses = (
        reference.own_address(value.get("reference", "")) for value, kind in found if kind == "Reference"
    )
    return {
        address.removeprefix("Patient/")
        for address in addresses
        if address and address.startswith("Patient/")
    }


def _patients(found: list[Found]) -> set[int]:
    """Return the targets of all references to patients, wherever those are."""
    return {
        reference.target_key(value.get("reference", ""))
        for value, kind in found
        if kind == "Reference" and reference_type(value) == "Patient"
    }


def _sole_patient(compartments: set[int], named: set[int]) -> int:
    """Return the one patient of the resource, NONE without any, MIXED where the column cannot tell.

    Where it names a patient, a search for that patient and a right to that patient both hold for the
    resource, and for no other patient; so either is answered from this column.
    """
    if not compartments and not named:
        return NONE
    if compartments == named and len(named) == 1:
        return next(iter(named))
    return MIXED


def _add_security_context(rows: IndexRows, binary: dict[str, Any]) -> None:
    """Index what a Binary's visibility depends on. https://hl7.org/fhir/R4/binary-definitions.html"""
    context = binary.get(SECURITY_CONTEXT)
    if context:
        key = parameter_hash("Binary", SECURITY_CONTEXT)
        rows.references.update(reference.index(key, [(context, "Reference")]))

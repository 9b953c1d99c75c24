"""Reference parameters: what a resource points at. https://hl7.org/fhir/R4/search.html#reference"""

import re
from functools import lru_cache
from typing import Any

from django.conf import settings

from fhir.condition import Condition
from fhir.elements import is_resource_type
from fhir.expressions import Found
from fhir.hashing import NONE, digest, reference_key
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, patient_parameter
from fhir.search.criteria import REFERENCES, Asked, Criterion, Probe
from fhir.search.escapes import unescape
from fhir.search.modifiers import unknown_modifier
from fhir.search.types import token

ReferenceRow = tuple[int, int]
"""(hash, target)"""


def own_address(text: str) -> str | None:
    """Return "Type/id" if `text` is a reference to a resource here: relative, or absolute under our own base.

    A version suffix is dropped. None for everything else: fragments, URNs, other servers, conditional
    references.
    """
    return _own_address(text, settings.FHIR_BASE)


@lru_cache(maxsize=8192)
def _own_address(text: str, base: str) -> str | None:
    """`own_address`, remembered: many resources in a row refer to the same patient, encounter and
    practitioner."""
    text = text.removeprefix(f"{base}/")
    resource_type, slash, rest = text.partition("/")
    fhir_id, _, version = rest.partition("/")
    if not slash or not fhir_id or not is_resource_type(resource_type):
        return None
    if version and not version.startswith("_history/"):
        return None
    return f"{resource_type}/{fhir_id}"


def target_key(text: str) -> int:
    """Return the digest that a reference's target is indexed by: of "Type/id" if it is here, else of the
    text.
    """
    return _target_key(text, settings.FHIR_BASE)


@lru_cache(maxsize=8192)
def _target_key(text: str, base: str) -> int:
    return digest(_own_address(text, base) or text)


def index(parameter_hash: int, found: list[Found]) -> set[ReferenceRow]:
    """Return the rows of the references found; one without a literal target gives one with target NONE."""
    rows: set[ReferenceRow] = set()
    for value, kind in found:
        for text in _literals(value, kind):
            rows.add((parameter_hash, target_key(text) if text else NONE))
    return rows


def _literals(value: Any, kind: str) -> tuple[str, ...]:
    """Return the texts that find a value: a canonical with a version also without it, a fragment none."""
    match kind:
        case "Reference":
            text = value.get("reference", "")
            return ("",) if text[:1] == "#" else (text,)
        case "canonical" | "uri" | "url":
            bare = value.partition("|")[0]
            return (value, bare) if bare != value else (value,)
        case _:
            return ("",)


IDENTIFIER = ":identifier"
"""What is added to a parameter's code to find references by the identifier in them, which are tokens."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def criterion(asked: Asked) -> Criterion:
    """What a reference parameter asks: an id, Type/id, an absolute URL here or elsewhere, or a canonical URL.

    A resource type as modifier says what an id is of; `:identifier` compares the reference's own identifier.
    Raises BadRequest for an id that could be of no type, a contradicting type, or another modifier.
    """
    parameter = asked.parameter
    if asked.modifier == "identifier":
        code = parameter.code + IDENTIFIER
        return Criterion(
            tuple(token.probe(text, parameter.resource_type, code) for text in asked.values), rank=15
        )
    if asked.modifier and asked.modifier not in parameter.targets:
        raise unknown_modifier(asked)
    keys = [each for text in asked.values for each in targets(asked, unescape(text))]
    key = digest(parameter.resource_type, parameter.code)
    probes = tuple(
        Probe(REFERENCES, Condition("x.hash = %s AND x.target = %s", (key, target)), unique=True)
        for target in dict.fromkeys(keys)
    )
    patient = keys[0] if len(keys) == 1 and _names_patient(asked) else NONE
    # Every index can be read for one patient alone, so the patient is the last to start from.
    return Criterion(probes, rank=84 if patient else 25, patient=patient)


def targets(asked: Asked, text: str) -> list[int]:
    """Return the digests of what a value may mean: several where it is an id and the types are not told."""
    address = own_address(text)
    if address is not None:
        if asked.modifier and not address.startswith(f"{asked.modifier}/"):
            raise BadRequest(f"'{text}' is not a {asked.modifier}, as '{asked.name}' says it is.")
        return [digest(address)]
    if _ID.fullmatch(text) and not _is_canonical(asked.parameter):
        return [reference_key(each, text) for each in _types(asked)]
    if not text or (asked.modifier and ":" not in text):
        raise BadRequest(f"'{text}' is not a reference for '{asked.name}'.")
    return [digest(text)]


def _types(asked: Asked) -> tuple[str, ...]:
    if asked.modifier:
        return (asked.modifier,)
    # `patient` may only lead to patients, whatever else its definition, shared by many types, lists.
    return ("Patient",) if asked.parameter.code == "patient" else asked.parameter.targets


def _is_canonical(parameter: SearchParameter) -> bool:
    return "Reference" not in parameter.element_types


def _names_patient(asked: Asked) -> bool:
    """Whether this parameter, asked for one value, asks for one patient here by the element that names the
    patient.
    """
    named = patient_parameter(asked.parameter.resource_type)
    if named is None or asked.parameter.code not in (named.code, *named.same_path):
        return False
    text = unescape(asked.values[0])
    address = own_address(text)
    if address is not None:
        return address.startswith("Patient/")
    return bool(_ID.fullmatch(text)) and _types(asked) == ("Patient",)

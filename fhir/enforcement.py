"""The one place that turns an Access into what may be seen and written.

`visible` is a condition for SQL, `may_write` a decision about one resource. Both say the same: rules without
patients reach everything of their types; rules with patients reach the compartments of those patients, and
for reading and searching the shared types. A type in no table is out of reach of a rule with patients.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from fhir.access import Access, Rule
from fhir.hashing import MIXED, digest, reference_key
from fhir.outcome import Forbidden
from fhir.registry import RESOURCE_TYPES, compartment_class

if TYPE_CHECKING:  # what makes index rows asks this module for its conditions
    from fhir.indexing import IndexRows

TYPE_NUMBERS = {name: number for number, name in enumerate(RESOURCE_TYPES)}
"""The number of each type in Compartment.type."""
SECURITY_CONTEXT = digest("Binary", "securityContext")
"""The hash under which ReferenceIndex has what a Binary's securityContext names."""

_COMPARTMENT_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "compartment")
_SHARED_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "shared")


class AccessLapsed(Exception):
    """The guard did not hold inside the statement: the Access has to be asked for again."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression with %s placeholders, and their values."""

    sql: str
    params: tuple[Any, ...] = ()


ALWAYS = Condition("1 = 1")
NEVER = Condition("1 = 0")


def guard(access: Access) -> Condition:
    """What must hold in the same statement that reads or writes for `access`; else raise AccessLapsed."""
    return Condition(access.guard.sql, access.guard.params) if access.guard else ALWAYS


def require(access: Access, resource_type: str, letter: str) -> None:
    """Raise Forbidden unless some rule allows this interaction on some resources of this type.

    A caller may always ask for resources of its own fhirUser's type: `visible` then shows that one only.
    """
    rules = access.rules_for(resource_type, letter)
    if rules and (letter in "rs" or _are_writable(resource_type, rules)):
        return
    if letter == "r" and access.own.startswith(f"{resource_type}/"):
        return
    raise Forbidden(f"The token's scopes do not allow '{letter}' on {resource_type}.")


def visible(access: Access, resource_type: str, letter: str) -> Condition:
    """The condition that a row `r` of fhir_resource with this type is within reach of `letter` ("r" or
    "s")."""
    rules = access.rules_for(resource_type, letter)
    if any(rule.patients is None for rule in rules):
        return ALWAYS
    reached = _reached(access, resource_type, letter, _patients(rules))
    if letter == "r" and access.own.startswith(f"{resource_type}/"):
        own = Condition("r.key = %s", (digest(access.own),))
        return (
            own
            if reached is NEVER
            else Condition(f"({own.sql} OR {reached.sql})", own.params + reached.params)
        )
    return reached


def may_write(
    access: Access,
    resource_type: str,
    letter: str,
    compartments_before: Set[int] | None,
    compartments_after: Set[int] | None,
) -> bool:
    """Whether `letter` (c, u or d) may turn a resource with the one set of patients into one with the other.

    The sets are of digests, as fhir.indexing gives them. None stands for a resource that is not there (before
    a create, after a delete). Under rules with patients both sets must lie within these patients and name
    one: nothing is written into, or taken out of, another's record.
    """
    rules = access.rules_for(resource_type, letter)
    if any(rule.patients is None for rule in rules):
        return True
    if not rules or not _are_writable(resource_type, rules):
        return False
    patients = _keys(_patients(rules))
    sides = [side for side in (compartments_before, compartments_after) if side is not None]
    return all(side and patients.issuperset(side) for side in sides)


def _patients(rules: tuple[Rule, ...]) -> frozenset[str]:
    return frozenset().union(*(rule.patients or () for rule in rules))


def _reached(access: Access, resource_type: str, letter: str, patients: frozenset[str]) -> Condition:
    """What rules with these patients reach of a type."""
    kind = compartment_class(resource_type)
    if not patients:
        return NEVER
    if kind == "shared":
        return ALWAYS
    if resource_type == "Binary":
        return _secured(access, letter)
    if kind != "compartment":
        return NEVER
    return _in_compartments("r", patients, [resource_type])


def _are_writable(resource_type: str, rules: tuple[Rule, ...]) -> bool:
    """Rules with patients never write what belongs to no patient."""
    return compartment_class(resource_type) == "compartment" or any(rule.patients is None for rule in rules)


def _keys(patients: frozenset[str]) -> frozenset[int]:
    return frozenset(reference_key("Patient", patient) for patient in patients)


def _in_compartments(alias: str, patients: frozenset[str], names: list[str]) -> Condition:
    """The row itself names its patient where it has one only; else the compartment's rows are asked.

    `names` are the types that the row may be of: with them the question is answered from the primary key.
    """
    chosen, params = _among(sorted(_keys(patients)))
    probe = (
        f"EXISTS (SELECT 1 FROM fhir_compartment c WHERE c.patient {chosen} "  # noqa: S608
        f"AND c.type IN ({', '.join(['%s'] * len(names))}) "
        f"AND c.date = {alias}.date AND c.resource_id = {alias}.id)"
    )
    numbers = tuple(TYPE_NUMBERS[name] for name in names)
    return Condition(
        f"({alias}.patient {chosen} OR ({alias}.patient = {MIXED} AND {probe}))", (*params, *params, *numbers)
    )


def _among(values: list[int]) -> tuple[str, tuple[Any, ...]]:
    """A comparison with one or several numbers whose text does not depend on how many there are."""
    if len(values) == 1:
        return "= %s", (values[0],)
    if connection.vendor == "postgresql":
        return "= ANY(%s::bigint[])", (f"{{{','.join(map(str, values))}}}",)
    return "IN (SELECT value FROM json_each(%s))", (json.dumps(values),)


def _secured(access: Access, letter: str) -> Condition:
    """A Binary is within reach where its securityContext is: https://hl7.org/fhir/R4/binary.html#security."""
    context = _context(access, letter)
    return Condition(
        "EXISTS (SELECT 1 FROM fhir_referenceindex x "  # noqa: S608
        "JOIN fhir_resource t ON t.key = x.target AND NOT t.deleted WHERE x.hash = %s "
        f"AND x.patient = r.patient AND x.date = r.date AND x.resource_id = r.id AND {context.sql})",
        (SECURITY_CONTEXT, *context.params),
    )


def _context(access: Access, letter: str) -> Condition:
    """The condition that the row `t`, a securityContext, is itself within reach: its types grouped by
    patients."""
    whole = [name for name in _SHARED_TYPES if access.allows(name, letter)]
    limited: dict[frozenset[str], list[str]] = {}
    for name in _COMPARTMENT_TYPES:
        rules = access.rules_for(name, letter)
        if any(rule.patients is None for rule in rules):
            whole.append(name)
        elif rules:
            limited.setdefault(_patients(rules), []).append(name)
    parts = [_of_types("t", whole)]
    for patients, names in limited.items():
        of_types, within = _of_types("t", names), _in_compartments("t", patients, names)
        parts.append(Condition(f"({of_types.sql} AND {within.sql})", of_types.params + within.params))
    return Condition(
        f"({' OR '.join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.params),
    )


def _of_types(alias: str, names: list[str]) -> Condition:
    if not names:
        return NEVER
    return Condition(f"{alias}.type IN ({', '.join(['%s'] * len(names))})", tuple(names))


def sees(access: Access, resource_type: str, fhir_id: str, content: Callable[[], IndexRows]) -> bool:
    """Whether `access` may read a resource with this content: `visible`, for versions that are not the
    current one.

    `content` gives the index rows of that version; it is asked only where they matter.
    """
    rules = access.rules_for(resource_type, "r")
    if access.own == f"{resource_type}/{fhir_id}" or any(rule.patients is None for rule in rules):
        return True
    patients = _patients(rules)
    kind = compartment_class(resource_type)
    if not patients or kind == "shared":
        return bool(patients)
    rows = content()
    if resource_type == "Binary":
        return any(
            _reaches_context(access, target) for key, target in rows.references if key == SECURITY_CONTEXT
        )
    return kind == "compartment" and not _keys(patients).isdisjoint(rows.compartments)


def _reaches_context(access: Access, target: int) -> bool:
    context = _context(access, "r")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM fhir_resource t WHERE t.key = %s AND NOT t.deleted AND {context.sql}",  # noqa: S608
            (target, *context.params),
        )
        return cursor.fetchone() is not None

"""The one place that turns an Access into what may be seen and written.

`visible` is a condition for SQL, `may_write` a decision about one resource. Both say the same: rules without
patients reach everything of their types; rules with patients reach the compartments of those patients, and for
reading and searching the shared types. A type in no table is out of reach of a rule with patients.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass

from django.db import connection

from fhir.access import Access, Rule
from fhir.hashing import MIXED, digest, reference_key
from fhir.outcome import Forbidden
from fhir.registry import RESOURCE_TYPES, compartment_class

TYPE_NUMBERS = {name: number for number, name in enumerate(RESOURCE_TYPES)}
"""The number of each type in Compartment.type."""
SECURITY_CONTEXT = digest("Binary", "security-context")
"""The hash under which ReferenceIndex has what a Binary's securityContext names, though R4 has no such parameter."""

_COMPARTMENT_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "compartment")
_SHARED_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "shared")


class AccessLapsed(Exception):
    """The guard did not hold inside the statement: the Access has to be asked for again."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression with %s placeholders, and their values."""

    sql: str
    params: tuple[object, ...] = ()


ALWAYS = Condition("1 = 1")
NEVER = Condition("1 = 0")


def guard(access: Access) -> Condition:
    """What must hold in the same statement that reads or writes for `access`; else raise AccessLapsed."""
    return Condition(access.guard.sql, access.guard.params) if access.guard else ALWAYS


def require(access: Access, resource_type: str, letter: str) -> None:
    """Raise Forbidden unless some rule allows this interaction on some resources of this type.

    A caller may always ask for resources of its own fhirUser's type: `visible` then shows that one only.
    """
    if access.allows(resource_type, letter):
        return
    if letter == "r" and access.own.startswith(f"{resource_type}/"):
        return
    raise Forbidden(f"The token's scopes do not allow '{letter}' on {resource_type}.")


def visible(access: Access, resource_type: str, letter: str) -> Condition:
    """The condition that a row `r` of fhir_resource with this type is within reach of `letter` ("r" or "s")."""
    rules = access.rules_for(resource_type, letter)
    if any(rule.patients is None for rule in rules):
        return ALWAYS
    reached = _reached(access, resource_type, letter, _patients(rules))
    if letter == "r" and access.own.startswith(f"{resource_type}/"):
        own = Condition("r.key = %s", (digest(access.own),))
        return own if reached is NEVER else Condition(f"({own.sql} OR {reached.sql})", own.params + reached.params)
    return reached


def may_write(
    access: Access,
    resource_type: str,
    letter: str,
    compartments_before: Set[str] | None,
    compartments_after: Set[str] | None,
) -> bool:
    """Whether `letter` (c, u or d) may turn a resource with the one set of patients into one with the other.

    None stands for a resource that is not there (before a create, after a delete). Under rules with patients both
    sets must lie within these patients and name one: nothing is written into, or taken out of, another's record.
    """
    rules = access.rules_for(resource_type, letter)
    if any(rule.patients is None for rule in rules):
        return True
    if compartment_class(resource_type) != "compartment":
        return False
    patients = _patients(rules)
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
    return _in_compartments("r", patients, TYPE_NUMBERS[resource_type])


def _in_compartments(alias: str, patients: frozenset[str], type_number: int) -> Condition:
    """The row itself names its patient where it has one only; else the compartment's rows are asked."""
    keys = sorted(reference_key("Patient", patient) for patient in patients)
    chosen, params = _among(keys)
    probe = (
        f"EXISTS (SELECT 1 FROM fhir_compartment c WHERE c.patient {chosen} AND c.type = %s "
        f"AND c.date = {alias}.date AND c.resource_id = {alias}.id)"
    )
    return Condition(
        f"({alias}.patient {chosen} OR ({alias}.patient = {MIXED} AND {probe}))", (*params, *params, type_number)
    )


def _among(values: list[int]) -> tuple[str, tuple[object, ...]]:
    """A comparison with one or several numbers whose text does not depend on how many there are."""
    if len(values) == 1:
        return "= %s", (values[0],)
    if connection.vendor == "postgresql":
        return "= ANY(%s::bigint[])", (f"{{{','.join(map(str, values))}}}",)
    return "IN (SELECT value FROM json_each(%s))", (json.dumps(values),)


def _secured(access: Access, letter: str) -> Condition:
    """A Binary is within reach where its securityContext is: https://hl7.org/fhir/R4/binary.html#security."""
    parts = [_secured_by(access, kind, letter) for kind in _COMPARTMENT_TYPES]
    shared = [name for name in _SHARED_TYPES if access.allows(name, letter)]
    if shared:
        parts.append(Condition(f"t.type IN ({', '.join(['%s'] * len(shared))})", tuple(shared)))
    found = [part for part in parts if part is not NEVER]
    if not found:
        return NEVER
    return Condition(
        "EXISTS (SELECT 1 FROM fhir_referenceindex x JOIN fhir_resource t ON t.key = x.target AND NOT t.deleted "
        "WHERE x.hash = %s AND x.patient = r.patient AND x.date = r.date AND x.resource_id = r.id "
        f"AND ({' OR '.join(part.sql for part in found)}))",
        (SECURITY_CONTEXT, *(value for part in found for value in part.params)),
    )


def _secured_by(access: Access, resource_type: str, letter: str) -> Condition:
    """The condition that the securityContext `t` is of this type and within reach."""
    rules = access.rules_for(resource_type, letter)
    if not rules:
        return NEVER
    if any(rule.patients is None for rule in rules):
        return Condition("t.type = %s", (resource_type,))
    inner = _in_compartments("t", _patients(rules), TYPE_NUMBERS[resource_type])
    return Condition(f"(t.type = %s AND {inner.sql})", (resource_type, *inner.params))

"""The one place that turns an Access into what may be seen and written.

`visible` is a condition for SQL, `sees` and `may_write` decide about one resource. All say the same: rules
without patients reach everything of their types; rules with patients reach the compartments of those
patients, and for reading and searching the shared types. A type in no table is out of reach of a rule with
patients. A rule with criteria reaches of this what the criteria find. What several rules reach adds up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

from fhir.access import Access, Rule
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.granular import found_by, is_understood, satisfied
from fhir.hashing import MIXED, digest, reference_key
from fhir.indexing import IndexRows
from fhir.outcome import Forbidden
from fhir.registry import RESOURCE_TYPES, compartment_class
from fhir.rows import ON_POSTGRESQL
from fhir.tables import TYPE_NUMBERS

SECURITY_CONTEXT = digest("Binary", "securityContext")
"""The hash under which ReferenceIndex has what a Binary's securityContext names."""

_COMPARTMENT_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "compartment")
_SHARED_TYPES = tuple(name for name in RESOURCE_TYPES if compartment_class(name) == "shared")

Rules = tuple[Rule, ...]


class AccessLapsed(Exception):
    """The guard did not hold inside the statement: the Access has to be asked for again."""


def guard(access: Access) -> Condition:
    """What must hold in the same statement that reads or writes for `access`; else raise AccessLapsed.

    A subquery that evaluates it needs a LIMIT: PostgreSQL would dissolve it, and evaluate the condition again
    wherever it is named.
    """
    return Condition(access.guard.sql, access.guard.params) if access.guard else ALWAYS


def require(access: Access, resource_type: str, letter: str) -> None:
    """Raise Forbidden unless some rule allows this interaction on some resources of this type."""
    if not permits(access, resource_type, letter):
        raise Forbidden(f"The token's scopes do not allow '{letter}' on {resource_type}.")


def permits(access: Access, resource_type: str, letter: str) -> bool:
    """Whether some rule allows this interaction on some resources of this type.

    A caller may always ask for resources of its own fhirUser's type: `visible` then shows that one only.
    """
    rules = _understood(access, resource_type, letter)
    if rules and (letter in "rs" or _are_writable(resource_type, rules)):
        return True
    return letter == "r" and access.own.startswith(f"{resource_type}/")


def reaches_all(access: Access, resource_type: str, letter: str) -> bool:
    """Whether this interaction may be done with every resource of this type."""
    return _reach_all(_rules(access, resource_type, letter))


def visible(access: Access, resource_type: str, letter: str, home: str = "r") -> Condition:
    """The condition that a row `r` of fhir_resource with this type is within reach of `letter` ("r" or
    "s").

    Where `r` has its columns id, patient and date only, `home` is the alias that has the others.
    """
    rules = _rules(access, resource_type, letter)
    reached = _reached(access, resource_type, letter, rules, home)
    if letter == "r" and reached is not ALWAYS and access.own.startswith(f"{resource_type}/"):
        return _either([Condition(f"{home}.key = %s", (digest(access.own),)), reached])
    return reached


def may_write(
    access: Access,
    resource_type: str,
    letter: str,
    before: IndexRows | None,
    after: IndexRows | None,
) -> bool:
    """Whether `letter` (c, u or d) may turn a resource with the one content into one with the other.

    None stands for a resource that is not there (before a create, after a delete). Both must be within reach
    by themselves. Under rules with patients all patients that a side belongs to must be among these, and
    there must be one: nothing is written into, or taken out of, another's record.
    """
    rules = _rules(access, resource_type, letter)
    if _reach_all(rules):
        return True
    if not rules or not _are_writable(resource_type, rules):
        return False
    sides = [side for side in (before, after) if side is not None]
    return all(_is_writable(_concerning(resource_type, rules, side), side) for side in sides)


def touches(access: Access, resource_type: str, letter: str, content: IndexRows) -> bool:
    """Whether `letter` (c, u or d) reaches a resource with this content for one of its patients at least."""
    rules = _rules(access, resource_type, letter)
    if not _are_writable(resource_type, rules):
        return False
    found = _concerning(resource_type, rules, content)
    return _in_all(found) or not _keys(_patients(found)).isdisjoint(content.compartments)


def sees(
    access: Access, resource_type: str, fhir_id: str, content: Callable[[], IndexRows], letter: str = "r"
) -> bool:
    """Whether `letter` ("r" or "s") reaches a resource with this content: `visible`, for versions that are
    not the current one.

    `content` gives the index rows of that version; it is asked only where they matter.
    """
    rules = _rules(access, resource_type, letter)
    if _reach_all(rules) or (letter == "r" and access.own == f"{resource_type}/{fhir_id}"):
        return True
    kind = compartment_class(resource_type)
    if not rules or (kind == "shared" and any(not rule.criteria for rule in rules)):
        return bool(rules)
    rows = content()
    found = _concerning(resource_type, rules, rows)
    if not found or _in_all(found) or kind == "shared":
        return bool(found)
    if resource_type == "Binary":
        return any(
            _reaches_context(access, target, letter)
            for key, target in rows.references
            if key == SECURITY_CONTEXT
        )
    return kind == "compartment" and not _keys(_patients(found)).isdisjoint(rows.compartments)


def _understood(access: Access, resource_type: str, letter: str) -> Rules:
    """The rules about this, without those whose criteria cannot be enforced."""
    rules = access.rules_for(resource_type, letter)
    return tuple(rule for rule in rules if not rule.criteria or is_understood(resource_type, rule.criteria))


def _rules(access: Access, resource_type: str, letter: str) -> Rules:
    """The rules about this that reach anything: they have patients, or reach all of them."""
    rules = _understood(access, resource_type, letter)
    return tuple(rule for rule in rules if rule.patients is None or rule.patients)


def _reach_all(rules: Rules) -> bool:
    return any(rule.patients is None and not rule.criteria for rule in rules)


def _in_all(rules: Rules) -> bool:
    return any(rule.patients is None for rule in rules)


def _patients(rules: Rules) -> frozenset[str]:
    return frozenset().union(*(rule.patients or () for rule in rules))


def _concerning(resource_type: str, rules: Rules, content: IndexRows) -> Rules:
    """Those of the rules whose criteria, if they have any, find a resource with this content."""
    found = satisfied(resource_type, [rule.criteria for rule in rules if rule.criteria], content)
    return tuple(rule for rule in rules if not rule.criteria or rule.criteria in found)


def _is_writable(rules: Rules, side: IndexRows) -> bool:
    patients = _keys(_patients(rules))
    return _in_all(rules) or (bool(side.compartments) and patients.issuperset(side.compartments))


def _reached(access: Access, resource_type: str, letter: str, rules: Rules, home: str) -> Condition:
    """What these rules reach of a type: for each set of patients once, with any of the criteria."""
    if _reach_all(rules):
        return ALWAYS
    plain = _patients(tuple(rule for rule in rules if not rule.criteria))
    parts = [_of_patients(access, resource_type, letter, plain, "r")] if plain else []
    criteria: dict[frozenset[str] | None, list[str]] = {}
    for rule in rules:
        if rule.criteria and (rule.patients is None or not rule.patients <= plain):
            criteria.setdefault(rule.patients, []).append(rule.criteria)
    for patients, queries in criteria.items():
        reach = _of_patients(access, resource_type, letter, patients, "r")
        found = [found_by(resource_type, query, "r", home) for query in dict.fromkeys(queries)]
        parts.append(_both(reach, _either(found)))
    return _either(parts)


def _of_patients(
    access: Access, resource_type: str, letter: str, patients: frozenset[str] | None, alias: str
) -> Condition:
    """What rules with these patients (None: with all) reach of a type."""
    kind = compartment_class(resource_type)
    if patients is None or kind == "shared":
        return ALWAYS
    if resource_type == "Binary":
        return _secured(access, letter)
    if kind != "compartment":
        return NEVER
    return _in_compartments(alias, patients, [resource_type])


def _either(parts: Iterable[Condition]) -> Condition:
    """The condition that one of these holds; NEVER and ALWAYS stay themselves."""
    found = tuple(part for part in parts if part is not NEVER)
    if not found or ALWAYS in found:
        return ALWAYS if found else NEVER
    if len(found) == 1:
        return found[0]
    params = tuple(value for part in found for value in part.params)
    return Condition(f"({' OR '.join(part.sql for part in found)})", params)


def _both(one: Condition, other: Condition) -> Condition:
    if NEVER in (one, other):
        return NEVER
    return other if one is ALWAYS else Condition(f"({one.sql} AND {other.sql})", one.params + other.params)


def _are_writable(resource_type: str, rules: Rules) -> bool:
    """Rules with patients never write what belongs to no patient."""
    return compartment_class(resource_type) == "compartment" or _in_all(rules)


def _keys(patients: frozenset[str]) -> frozenset[int]:
    return frozenset(reference_key("Patient", patient) for patient in patients)


def _in_compartments(alias: str, patients: frozenset[str], names: list[str]) -> Condition:
    """The row itself names its patient where it has one only; else the compartment's rows are asked.

    `names` are the types that the row may be of: with them the question is answered from the primary key.
    """
    chosen, params = _among(sorted(_keys(patients)))
    probe = (
        f"EXISTS (SELECT 1 FROM fhir_compartment c WHERE c.patient {chosen} "
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
    if ON_POSTGRESQL:
        return "= ANY(%s::bigint[])", (f"{{{','.join(map(str, values))}}}",)
    return "IN (SELECT value FROM json_each(%s))", (json.dumps(values),)


def _secured(access: Access, letter: str) -> Condition:
    """A Binary is within reach where its securityContext is: https://hl7.org/fhir/R4/binary.html#security."""
    context = _context(access, letter)
    return Condition(
        "EXISTS (SELECT 1 FROM fhir_referenceindex y "
        "JOIN fhir_resource t ON t.key = y.target AND NOT t.deleted WHERE y.hash = %s "
        f"AND y.patient = r.patient AND y.date = r.date AND y.resource_id = r.id AND {context.sql})",
        (SECURITY_CONTEXT, *context.params),
    )


def _context(access: Access, letter: str) -> Condition:
    """The condition that the row `t`, a securityContext, is itself within reach: its types grouped by
    patients."""
    whole: list[str] = []
    limited: dict[frozenset[str], list[str]] = {}
    parts: list[Condition] = []
    for name in (*_SHARED_TYPES, *_COMPARTMENT_TYPES):
        rules = _rules(access, name, letter)
        plain = tuple(rule for rule in rules if not rule.criteria)
        if _reach_all(rules) or (plain and name in _SHARED_TYPES):
            whole.append(name)
            continue
        if plain:
            limited.setdefault(_patients(plain), []).append(name)
        for rule in rules:
            if rule.criteria:
                reach = _of_patients(access, name, letter, rule.patients, "t")
                found = _both(reach, found_by(name, rule.criteria, "t", "t"))
                parts.append(_both(_of_types("t", [name]), found))
    for patients, names in limited.items():
        parts.append(_both(_of_types("t", names), _in_compartments("t", patients, names)))
    return _either([_of_types("t", whole), *parts])


def _of_types(alias: str, names: list[str]) -> Condition:
    if not names:
        return NEVER
    return Condition(f"{alias}.type IN ({', '.join(['%s'] * len(names))})", tuple(names))


def _reaches_context(access: Access, target: int, letter: str) -> bool:
    context = _context(access, letter)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM fhir_resource t WHERE t.key = %s AND NOT t.deleted AND {context.sql}",
            (target, *context.params),
        )
        return cursor.fetchone() is not None

"""What an access reaches of several types at once, for operations that answer with many of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhir.access import Access
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.enforcement import visible
from fhir.search.criteria import all_of, any_of

Reach = Mapping[str, Condition]
"""For each type of which something may be within reach, the condition on the row `r` of such a resource."""


def found(access: Access, types: Iterable[str]) -> Reach:
    """What a search for these types would find."""
    return _without_never({name: visible(access, name, "s") for name in types})


def read_or_found(access: Access, types: Iterable[str]) -> Reach:
    """What may be read or may be found, as for what a search includes."""
    reaches: dict[str, Condition] = {}
    for name in types:
        either = {visible(access, name, letter) for letter in "rs"} - {NEVER}
        reaches[name] = ALWAYS if ALWAYS in either else any_of(sorted(either, key=repr)) if either else NEVER
    return _without_never(reaches)


def read_and_found(access: Access, types: Iterable[str]) -> Reach:
    """What may be read and may be found: an export does both."""
    reaches: dict[str, Condition] = {}
    for name in types:
        both = (visible(access, name, "r"), visible(access, name, "s"))
        reaches[name] = NEVER if NEVER in both else all_of(dict.fromkeys(both))
    return _without_never(reaches)


def named_patients(access: Access, types: Iterable[str]) -> frozenset[str] | None:
    """The ids of the patients to whom it is limited what `access` may read or find of these types; None where
    it is not limited."""
    rules = [rule for name in types for letter in "rs" for rule in access.rules_for(name, letter)]
    if any(rule.patients is None for rule in rules):
        return None
    return frozenset[str]().union(*(rule.patients or () for rule in rules))


def one_of(reaches: Reach) -> Condition:
    """The condition that a row `r` is of one of these types and within reach; NEVER where there is none."""
    groups: dict[Condition, list[str]] = {}
    for name, reach in reaches.items():
        groups.setdefault(reach, []).append(name)
    if not groups:
        return NEVER
    return any_of(
        Condition(f"(r.type IN ({', '.join(['%s'] * len(names))}) AND {reach.sql})", (*names, *reach.params))
        for reach, names in groups.items()
    )


def _without_never(reaches: Reach) -> Reach:
    return {name: reach for name, reach in reaches.items() if reach is not NEVER}

"""Ways to break enforcement. Each is one that somebody could write by mistake, and takes away one rule."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import models

from accounts.models import ProxyQuerySet
from fhir import enforcement, granular, reach
from fhir.access import EVERYTHING, Access
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.hashing import MIXED
from fhir.interactions import bundle
from fhir.outcome import BadRequest
from fhir.registry import SHARED_TYPES
from fhir.search import branches, criteria, engine, include, matching, meaning, query
from fhir.store import histories, reading
from launch import rights

Set = Callable[[object, str, object], None]
Fault = Callable[[Set], None]


def everywhere(put: Set, name: str, original: object, broken: object) -> None:
    """Replace what several modules have imported."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith("fhir.") and vars(module).get(name) is original:
            put(module, name, broken)


def as_everybody(put: Set, module: object, name: str) -> None:
    """Let a function that takes an Access work with one that may do all."""
    original = getattr(module, name)

    def broken(*args: Any, **more: Any) -> Any:
        return original(*(widened(each) for each in args), **more)

    put(module, name, broken)


def widened(value: Any) -> Any:
    """An Access that may do all, with the same guard; anything else as it is."""
    return replace(EVERYTHING, guard=value.guard) if isinstance(value, Access) else value


def no_check_of_what_is_included(put: Set) -> None:
    """_include and _revinclude bring whatever is pointed at."""
    put(include, "visible", lambda *_: ALWAYS)


def lenient_reading_of_a_scopes_query(put: Set) -> None:
    """What a scope's query says in unknown words is passed over, as in a plain search."""

    def asked(kind: str, text: str) -> Any:
        try:
            return query.parse(kind, text, strict=False).asked
        except BadRequest:
            return None

    put(granular, "_asked", asked)


def queries_of_scopes_forgotten(put: Set) -> None:
    """Rules with criteria reach what they would reach without."""
    put(enforcement, "found_by", lambda *_: ALWAYS)
    put(enforcement, "satisfied", lambda _, asked, __: frozenset(asked))


def union_taken_as_intersection(put: Set) -> None:
    """Several rules must all hold."""
    original = enforcement._either

    def all_of(parts: Any) -> Condition:
        found = tuple(parts)
        return original(found) if len(found) < 2 or NEVER in found else criteria.all_of(found)

    put(enforcement, "_either", all_of)


def guard_ignored(put: Set) -> None:
    """Dead tokens go on working."""
    everywhere(put, "guard", enforcement.guard, lambda _: ALWAYS)


def deletions_shown_to_everybody(put: Set) -> None:
    """410 also for what the caller could never see."""
    put(reading, "_saw_last", lambda *_: True)


def versions_judged_by_the_current_one(put: Set) -> None:
    """An old version is shown if the resource is within reach now."""
    put(reading, "sees", lambda *_, **__: True)


def versions_of_a_type_judged_by_the_current_one(put: Set) -> None:
    """The same in the history of a type."""
    put(histories, "_judge", lambda *_: True)


def shared_types_writable(put: Set) -> None:
    """Rules with patients write what belongs to no patient."""
    original = enforcement._are_writable

    def writable(kind: str, rules: Any) -> bool:
        return kind in SHARED_TYPES or original(kind, rules)

    was = enforcement._is_writable
    put(enforcement, "_are_writable", writable)
    put(enforcement, "_is_writable", lambda rules, side: not side.compartments or was(rules, side))


def count_of_everything(put: Set) -> None:
    """The number of matches counts what is out of reach."""
    as_everybody(put, engine, "count")


def entries_of_a_batch_unchecked(put: Set) -> None:
    """What a batch asks for is looked up without the caller's rights."""
    original = bundle.look
    put(bundle, "look", lambda request: original(replace(request, access=widened(request.access))))


def only_what_comes_after_checked(put: Set) -> None:
    """An update may take a resource out of any record."""
    original = enforcement.may_write
    broken = lambda access, kind, letter, before, after: original(access, kind, letter, None, after)  # noqa: E731
    everywhere(put, "may_write", original, broken)


def only_what_was_before_checked(put: Set) -> None:
    """An update may put a resource into any record."""
    original = enforcement.may_write

    def broken(access: Access, kind: str, letter: str, before: Any, after: Any) -> bool:
        return original(access, kind, letter, before, None if before else after)

    everywhere(put, "may_write", original, broken)


def resources_of_several_patients_belong_to_all(put: Set) -> None:
    """MIXED is taken as a match."""
    put(
        enforcement,
        "_in_compartments",
        lambda alias, *_: Condition(f"({alias}.patient = {MIXED} OR {alias}.patient = {MIXED})"),
    )


def one_patient_of_several_is_enough_to_write(put: Set) -> None:
    """A resource of two patients is written by whoever writes for one."""
    original = enforcement._keys

    def broken(rules: Any, side: Any) -> bool:
        mine = original(enforcement._patients(rules))
        return enforcement._in_all(rules) or not mine.isdisjoint(side.compartments)

    put(enforcement, "_is_writable", broken)


def ends_of_proxies_ignored(put: Set) -> None:
    """A proxy counts for ever."""

    def in_force(self: models.QuerySet[Any], now: object = None) -> models.QuerySet[Any]:
        return self.filter(active=True)

    put(ProxyQuerySet, "in_force", in_force)


def own_record_widened_to_its_type(put: Set) -> None:
    """Who may read the own Practitioner reads all Practitioners."""
    original = enforcement.visible

    def broken(access: Access, kind: str, letter: str, home: str = "r") -> Condition:
        own = letter == "r" and access.own.startswith(f"{kind}/")
        return ALWAYS if own else original(access, kind, letter, home)

    everywhere(put, "visible", original, broken)


def shortcut_for_one_patient_past_the_query(put: Set) -> None:
    """A search that starts at one patient forgets that only some of that record may be found."""
    original = branches._reach

    def broken(access: Access, kind: str) -> Any:
        found = original(access, kind)
        return replace(found, whole=found.patients)

    put(branches, "_reach", broken)


def chains_over_everything(put: Set) -> None:
    """A chain tells of resources that the caller cannot find."""
    as_everybody(put, meaning, "branches")


def conditions_match_everything(put: Set) -> None:
    """Conditional interactions find what is out of reach."""
    as_everybody(put, engine, "page")
    put(matching, "visible", lambda *_: ALWAYS)


def files_without_their_context(put: Set) -> None:
    """A Binary is readable whatever it belongs to."""
    put(enforcement, "_secured", lambda *_: ALWAYS)


def clinicians_reach_all_patients(put: Set) -> None:
    """The care team does not count."""
    put(rights, "patients_cared_for_by", lambda _: None)


def whole_records_without_reach(put: Set) -> None:
    """$everything gives all that lies in the compartment."""
    put(reach, "found", lambda _, types: dict.fromkeys(types, ALWAYS))


ASKING = ("search", "count", "chain")
WRITING = ("update", "patch", "delete", "create")
FAULTS: dict[Fault, tuple[str, ...]] = {
    no_check_of_what_is_included: ("search",),
    lenient_reading_of_a_scopes_query: ("search", "read"),
    queries_of_scopes_forgotten: ("search", "read"),
    union_taken_as_intersection: ("search", "read"),
    guard_ignored: (),
    deletions_shown_to_everybody: ("read", "history"),
    versions_judged_by_the_current_one: ("vread", "history"),
    versions_of_a_type_judged_by_the_current_one: ("type_history", "system_history"),
    shared_types_writable: WRITING,
    count_of_everything: ("count",),
    entries_of_a_batch_unchecked: ("batch",),
    only_what_comes_after_checked: WRITING,
    only_what_was_before_checked: WRITING,
    resources_of_several_patients_belong_to_all: ("search", "read"),
    one_patient_of_several_is_enough_to_write: WRITING,
    ends_of_proxies_ignored: ("search", "read"),
    own_record_widened_to_its_type: ("read",),
    shortcut_for_one_patient_past_the_query: ("search",),
    chains_over_everything: ("chain",),
    conditions_match_everything: ("conditional_update", "conditional_delete"),
    files_without_their_context: ("search", "read"),
    clinicians_reach_all_patients: ("search", "read"),
    whole_records_without_reach: ("everything",),
}
"""Each fault with the kinds of requests that are sure to show it soon; none: all kinds."""

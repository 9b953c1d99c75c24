"""Ways to break enforcement where many resources, or many requests, are answered at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir import associated, conditional, enforcement, granular, reach, store
from fhir.access import EVERYTHING, Access
from fhir.condition import ALWAYS
from fhir.export import asking, deletions, members, rights, running
from fhir.interactions import bundle, conditional_patch, histories, patch, transaction, written
from fhir.registry import RESOURCE_TYPES
from fhir.search import across, engine, include, meaning
from fhir.search.query import Query
from fhir.search.types.reference import own_address
from fhir.store import histories as stored_histories
from oauth.tokens import effective_access
from tests.security.naive.faults import Fault, Set, as_everybody, widened


def exports_without_reach(put: Set) -> None:
    """An export holds all that lies in the patients' compartments."""
    original = running._fetch
    put(
        running,
        "_fetch",
        lambda access, kind, numbers, _, since: original(access, kind, numbers, ALWAYS, since),
    )


def exports_of_what_may_only_be_read(put: Set) -> None:
    """An export needs the right to read, and not that to search."""

    def read(access: Access, types: Any) -> reach.Reach:
        return reach._without_never({name: enforcement.visible(access, name, "r") for name in types})

    put(asking, "read_and_found", read)
    put(rights, "read_and_found", read)
    put(asking, "require", lambda *_: None)


def exports_with_all_that_is_referred_to(put: Set) -> None:
    """What belongs to no patient is exported whether it is within reach or not."""
    original = associated.resources
    put(running, "resources_at", lambda access, keys, _, since: original(access, keys, ALWAYS, since))


def exports_of_groups_that_are_out_of_reach(put: Set) -> None:
    """Whoever knows a Group's id can have its members exported."""

    def members_of(request: Any) -> frozenset[str]:
        group = store.read(EVERYTHING, "Group", request.id)
        return members.patients_of(group.text) if group and group.text else frozenset()

    put(asking, "_members", members_of)


def exports_of_former_members(put: Set) -> None:
    """Once a member of a Group, always one."""
    put(members, "_patients", lambda found, _: _named(found))


def _named(found: list[dict[str, Any]]) -> Any:
    for member in found:
        kind, _, fhir_id = (own_address(member["entity"].get("reference", "")) or "").partition("/")
        if kind == "Patient":
            yield fhir_id


def exports_of_patients_who_are_no_members(put: Set) -> None:
    """A request for some of a Group's members may name anybody."""
    original = asking._patients
    put(asking, "_patients", lambda access, references, _: original(access, references, None))
    put(running, "patients_of", lambda _: frozenset({"p1", "p2", "p3"}))


def exports_that_tell_of_all_deletions(put: Set) -> None:
    """Who could not see a resource is told that it was deleted."""
    put(deletions, "sees", lambda *_, **__: True)


def exports_that_tell_of_the_deletions_of_others(put: Set) -> None:
    """Deletions are told whoever the export is about."""
    put(deletions, "_is_theirs", lambda *_: True)


def histories_of_all_types(put: Set) -> None:
    """The history of the system has all types, whatever may be searched."""
    put(histories, "_searchable", lambda _: RESOURCE_TYPES)


def histories_of_what_was_deleted(put: Set) -> None:
    """What is gone belongs to nobody, and is shown to everybody."""
    original = stored_histories._judge
    put(stored_histories, "_judge", lambda access, row: bool(row[6]) or original(access, row))


def types_at_the_base_unchecked(put: Set) -> None:
    """A search of several types names types that may not be searched."""
    put(across, "require", lambda *_: None)


def searches_at_the_base_over_everything(put: Set) -> None:
    """A search of several types finds all there is."""
    original = engine.page

    def page(access: Access, query: Query, *rest: Any, **more: Any) -> engine.Page:
        return original(widened(access) if query.at_base else access, query, *rest, **more)

    put(engine, "page", page)


def reach_of_the_first_type_for_all(put: Set) -> None:
    """A search of several types looks at the rights to the first one only."""
    original = engine._branches

    def found(access: Access, query: Query, asked: Query) -> Any:
        rules = tuple(replace(rule, types=None, criteria="") for rule in access.rules_for(query.type, "s"))
        return original(replace(access, rules=rules), query, asked)

    put(engine, "_branches", found)


def what_is_included_by_what_is_included_unchecked(put: Set) -> None:
    """`:iterate` checks its first round only."""
    original = include._round

    def later(access: Access, due: Any, *rest: Any) -> Any:
        again = all(each.iterate for each in due)
        return original(widened(access) if again else access, due, *rest)

    put(include, "_round", later)


def second_links_of_chains_unchecked(put: Set) -> None:
    """A chain is checked where it begins, and not where it goes on."""
    original = meaning.criterion
    put(meaning, "criterion", lambda part, access: original(part, widened(access)))


def lists_of_others(put: Set) -> None:
    """_list tells what lies in Lists that the caller cannot find."""
    original = meaning._pointed

    def pointed(has: Any, access: Access) -> Any:
        return original(has, widened(access) if has.parameter.resource_type == "List" else access)

    put(meaning, "_pointed", pointed)


def conditional_references_to_everything(put: Set) -> None:
    """A reference that is a query finds what the caller cannot."""
    as_everybody(put, transaction, "meanings")


def conditional_creates_that_look_at_everything(put: Set) -> None:
    """If-None-Exist tells of what the caller cannot find."""
    as_everybody(put, conditional, "matches_of_all")


def changes_of_a_transaction_unchecked(put: Set) -> None:
    """Only the first entry of a transaction is checked."""
    original = transaction._change

    def change(plan: Any, entry: Any, locked: Any) -> Any:
        if entry.position == 0:
            return original(plan, entry, locked)
        return original(replace(plan, request=replace(plan.request, access=EVERYTHING)), entry, locked)

    put(transaction, "_change", change)


def letters_of_a_bundle_unchecked(put: Set) -> None:
    """A Bundle may do what its entries alone may not."""
    put(transaction, "require", lambda *_: None)


def looks_of_a_bundle_unchecked(put: Set) -> None:
    """What a transaction asks for is looked up without the caller's rights."""
    original = bundle.look
    put(bundle, "look", lambda request: original(replace(request, access=widened(request.access))))


def patches_that_test_what_cannot_be_read(put: Set) -> None:
    """'test' tells of content to who may only change it."""
    put(patch, "READING", frozenset())


def patched_resources_shown_to_all(put: Set) -> None:
    """The answer to a patch has the whole resource."""
    put(written, "shows", lambda *_: True)


def patches_by_criteria_unchecked(put: Set) -> None:
    """What criteria have found may be patched in any way."""
    original = patch.prepare_patch
    put(
        conditional_patch,
        "prepare_patch",
        lambda request, *rest: original(replace(request, access=EVERYTHING), *rest),
    )


def queries_of_scopes_read_as_the_first_word(put: Set) -> None:
    """Of several criteria in a scope's query only the first counts."""
    original = granular._asked

    def first(kind: str, text: str) -> Any:
        asked = original(kind, text)
        return asked[:1] if asked else asked

    put(granular, "_asked", first)


def services_do_what_they_once_were_registered_for(put: Set) -> None:
    """What was taken from an app's registration counts until its token ends."""
    put(effective_access, "narrow", lambda asked, _: tuple(asked))


def scopes_of_services_in_the_hands_of_persons(put: Set) -> None:
    """A system/ scope gives whoever holds it everybody's data."""

    def rules(scopes: Any, rights: Any, patient: str) -> Any:
        in_context = frozenset({patient}) if rights.reaches(patient) else frozenset[str]()
        patients_of = {"user": rights.patients, "patient": in_context, "system": None}
        return effective_access._united(scopes, patients_of, rights.writable)

    put(effective_access, "rules", rules)


FURTHER_FAULTS: dict[Fault, tuple[str, ...]] = {
    exports_without_reach: ("export",),
    exports_of_what_may_only_be_read: ("export",),
    exports_with_all_that_is_referred_to: ("export",),
    exports_of_groups_that_are_out_of_reach: ("export",),
    exports_of_former_members: ("export",),
    exports_of_patients_who_are_no_members: ("export",),
    exports_that_tell_of_all_deletions: ("export",),
    exports_that_tell_of_the_deletions_of_others: ("export",),
    histories_of_all_types: ("system_history",),
    histories_of_what_was_deleted: ("type_history", "system_history"),
    types_at_the_base_unchecked: ("system_search",),
    searches_at_the_base_over_everything: ("system_search",),
    reach_of_the_first_type_for_all: ("system_search",),
    what_is_included_by_what_is_included_unchecked: ("search",),
    second_links_of_chains_unchecked: ("chain",),
    lists_of_others: ("chain",),
    conditional_references_to_everything: ("transaction", "batch"),
    conditional_creates_that_look_at_everything: ("conditional_create",),
    changes_of_a_transaction_unchecked: ("transaction",),
    letters_of_a_bundle_unchecked: ("transaction", "batch"),
    looks_of_a_bundle_unchecked: ("transaction",),
    patches_that_test_what_cannot_be_read: ("patch", "conditional_patch"),
    patched_resources_shown_to_all: ("patch", "conditional_patch"),
    patches_by_criteria_unchecked: ("conditional_patch",),
    queries_of_scopes_read_as_the_first_word: ("search", "read"),
    services_do_what_they_once_were_registered_for: ("search", "read"),
    scopes_of_services_in_the_hands_of_persons: ("search", "read", "system_search"),
}
"""Each fault with the kinds of requests that are sure to show it soon."""

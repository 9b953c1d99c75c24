"""Conditions that decide about writes: criteria in URLs, conditional references, and If-None-Exist.

They are read strictly, an unknown parameter is an error and never ignored; and only what is within reach of a
search is found, so that no condition tells of other resources.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.conf import settings

from fhir import store
from fhir.access import Access
from fhir.elements import is_resource_type
from fhir.exchange import Request
from fhir.hashing import digest
from fhir.outcome import Conflict, PreconditionFailed
from fhir.rows import ON_POSTGRESQL
from fhir.search.matching import matches_of_all
from fhir.search.query import pairs
from fhir.store import Current

Condition = tuple[str, str]
"""A resource type and a query string."""


def as_condition(reference: str) -> Condition | None:
    """The condition, if a reference is a search on this server instead of an address.

    https://hl7.org/fhir/R4/http.html#trules
    """
    head, mark, query = reference.removeprefix(f"{settings.FHIR_BASE}/").partition("?")
    return (head, query) if mark and is_resource_type(head) else None


def existing(access: Access, conditions: Collection[Condition]) -> dict[Condition, list[str]]:
    """The ids of up to two resources for each If-None-Exist; nobody else decides on these until the
    transaction ends.

    Raises Forbidden without the right to search, BadRequest for what is not understood to the last word.
    https://hl7.org/fhir/R4/http.html#ccreate
    """
    # Else two transactions would both find nothing, and both create.
    store.alone(_key(condition) for condition in conditions)
    return matches_of_all(conditions, access) if conditions else {}


def criteria_of(request: Request) -> Condition:
    """The condition that the URL of a conditional interaction is."""
    return request.type, request.query


def locked_match(request: Request) -> tuple[str, Current] | None:
    """The id and state of the one resource that the request's criteria find, locked until the transaction
    ends; None if they find none.

    Raises PreconditionFailed if there are several, Conflict if others were changing it, and as `existing`
    does. https://hl7.org/fhir/R4/http.html#cond-update
    """
    condition = criteria_of(request)
    fhir_id = only_one(existing(request.access, [condition])[condition])
    if fhir_id is None:
        return None
    place = (request.type, fhir_id)
    current = store.lock(request.access, [place]).get(place)
    hold_matches(request.access, {condition: fhir_id})
    assert current is not None  # noqa: S101 — it has just been found again
    return fhir_id, current


def hold_matches(access: Access, found: Mapping[Condition, str]) -> None:
    """Raise Conflict unless, now that they are locked, these resources still match, each alone.

    On PostgreSQL they may have been changed between the search and the lock.
    """
    if not ON_POSTGRESQL or not found:
        return
    again = matches_of_all(list(found), access)
    if any(again[condition] != [fhir_id] for condition, fhir_id in found.items()):
        raise Conflict("Others were changing what the criteria find. Nothing was written; please try again.")


def only_one(found: Iterable[str]) -> str | None:
    """The id of what makes a conditional create needless, None if nothing does.

    Raises PreconditionFailed if there are several.
    """
    ids = list(found)
    if len(ids) > 1:
        raise PreconditionFailed("More than one resource matches the condition.", code="multiple-matches")
    return ids[0] if ids else None


def meanings(access: Access, references: Mapping[str, str]) -> dict[str, str]:
    """The "Type/id" that each conditional reference means, by the reference; it comes with the place it
    stands at.

    Raises PreconditionFailed, with that place, unless exactly one resource matches, and as `existing` does.
    """
    asked = {text: condition for text in references if (condition := as_condition(text))}
    found = matches_of_all(list(asked.values()), access) if asked else {}
    return {
        text: _sole(text, condition, found[condition], references[text]) for text, condition in asked.items()
    }


def _sole(text: str, condition: Condition, found: list[str], place: str) -> str:
    if len(found) == 1:
        return f"{condition[0]}/{found[0]}"
    what, code = ("more than one resource", "multiple-matches") if found else ("no resource", "not-found")
    raise PreconditionFailed(f"The reference {text[:200]} matches {what}.", code=code, expression=place)


def _key(condition: Condition) -> int:
    """The same for a query however it is written."""
    words = (word for pair in sorted(pairs(condition[1])) for word in pair)
    return digest(condition[0], *words)

"""What each writing entry of a transaction changes, by the rules of the interaction that it is."""

from __future__ import annotations

from fhir.exchange import Request
from fhir.interactions.bundle_entries import Entry
from fhir.interactions.conditional_update import prepare_match, prepare_new
from fhir.interactions.create import check_creation
from fhir.interactions.delete import prepare_deletion
from fhir.interactions.patch import operations_of, prepare_patch
from fhir.interactions.update import check_id, check_update
from fhir.interactions.written import draft
from fhir.store import Change, Current

LETTERS = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}
"""The right that each writing method needs."""


def change_of(entry: Entry, request: Request, current: Current | None, *, matched: bool) -> Change:
    """The change that the entry asks for, if the caller may make it.

    `request` is the entry's, with the id that it is about; `current` what is stored under this id, locked;
    `matched` says that the entry's criteria have found it. Raises what the interaction of its own would.
    """
    if entry.method == "DELETE":
        return prepare_deletion(request, current)
    if entry.method == "PATCH":
        return prepare_patch(request, operations_of(request), current)
    assert entry.resource is not None  # noqa: S101 — read_entry has seen to it
    if entry.method == "POST":
        change = draft(entry.type, request.id, "POST", entry.resource)
        check_creation(request, change)
        return change
    if entry.criteria and matched and current is not None:
        return prepare_match(request, entry.resource, (request.id, current))
    if entry.criteria:
        return prepare_new(request, request.id, entry.resource, current)
    check_id(request, entry.resource.get("id"))
    change = draft(entry.type, request.id, "PUT", entry.resource, current)
    check_update(request, change, current)
    return change

"""conditional update: new content for the one resource that matches. https://hl7.org/fhir/R4/http.html#cond-update"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir import store
from fhir.conditional import locked_match
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.incoming import resource_body
from fhir.interactions.create import check_creation
from fhir.interactions.update import check_id, check_update, may_choose_ids
from fhir.interactions.written import answer, draft
from fhir.outcome import BadRequest, Conflict, Forbidden, PreconditionFailed
from fhir.store import Change, Current


def conditional_update(request: Request) -> Answer:
    """200 with the new version of the one match, or 201 with a new resource where nothing matches.

    Only what a search by this access finds can match. Raises PreconditionFailed where several do, and as
    search and update do; Forbidden where nothing matches and the access may not create.
    """
    require(request.access, request.type, "u")
    resource = resource_body(request)

    def write() -> Change:
        match = locked_match(request)
        change = (
            prepare_match(request, resource, match) if match else _prepare_without_match(request, resource)
        )
        store.apply(request.access, [change])
        return change

    change = store.in_transaction(write)
    return answer(request, change, 201 if change.creates else 200)


def prepare_match(request: Request, resource: dict[str, Any], match: tuple[str, Current]) -> Change:
    """The change that gives the locked match this content.

    Raises BadRequest where the content has the id of another resource, and as `check_update` does.
    """
    fhir_id, current = match
    if resource.get("id", fhir_id) != fhir_id:
        raise BadRequest(
            "The resource's id is not that of the resource that matches.", expression=f"{request.type}.id"
        )
    change = draft(request.type, fhir_id, "PUT", {**resource, "id": fhir_id}, current)
    check_update(replace(request, id=fhir_id), change, current)
    return change


def _prepare_without_match(request: Request, resource: dict[str, Any]) -> Change:
    fhir_id = resource.get("id")
    if fhir_id is None:
        return prepare_new(request, store.new_fhir_id(), resource, None)
    place = (request.type, fhir_id)
    return prepare_new(request, fhir_id, resource, store.lock(request.access, [place]).get(place))


def prepare_new(request: Request, fhir_id: str, resource: dict[str, Any], current: Current | None) -> Change:
    """The change that creates the resource that nothing matches: under a new id, or its own if it has one.

    A new id needs the right to create; an own id that to update without being limited to patients, as it
    does without criteria. Raises Conflict where another resource has that id.
    """
    if request.if_match:
        raise PreconditionFailed("If-Match names a version; no resource matches the criteria.")
    placed = replace(request, id=fhir_id)
    if "id" not in resource:
        require(request.access, request.type, "c")
        change = draft(request.type, fhir_id, "PUT", {**resource, "id": fhir_id})
        check_creation(request, change)
        return change
    check_id(placed, resource["id"])
    if not may_choose_ids(request.access, request.type):
        raise Forbidden(
            "No resource matches, and the token may not create one under an id of its own choice."
        )
    if current is not None and not current.deleted:
        raise Conflict("No resource matches the criteria, and another one has the resource's id.")
    change = draft(request.type, fhir_id, "PUT", resource, current)
    check_update(placed, change, current)
    return change

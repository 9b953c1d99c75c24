"""update: new content for a resource under the id in the URL. https://hl7.org/fhir/R4/http.html#update"""

from __future__ import annotations

from fhir import store
from fhir.access import Access
from fhir.enforcement import reaches_all, require
from fhir.exchange import Answer, Request
from fhir.incoming import is_id, resource_body
from fhir.interactions.read import unknown
from fhir.interactions.written import answer, check_change, draft
from fhir.outcome import BadRequest, PreconditionFailed
from fhir.preconditions import hold_to_version
from fhir.store import Change, Current


def update(request: Request) -> Answer:
    """200 with the new version, or 201 if this is a new resource under an id of the client's choice.

    Content that is the same to the byte makes no new version. Raises BadRequest, Unprocessable, Forbidden,
    NotFound, PreconditionFailed (If-Match), Conflict (others were faster, again and again).
    """
    require(request.access, request.type, "u")
    resource = resource_body(request)
    check_id(request, resource.get("id"))

    def write() -> Change:
        current = store.lock(request.access, [(request.type, request.id)]).get((request.type, request.id))
        change = draft(request.type, request.id, "PUT", resource, current)
        check_update(request, change, current)
        store.apply(request.access, [change])
        return change

    change = store.in_transaction(write)
    return answer(request, change, 201 if change.creates else 200)


def check_id(request: Request, fhir_id: object) -> None:
    """Raise BadRequest unless the id in the URL is one, and the resource has the same."""
    if not is_id(request.id):
        raise BadRequest("An id has 1 to 64 letters, digits, '-' and '.'.", code="value")
    if fhir_id != request.id:
        raise BadRequest("The resource's id must be the id in the URL.", expression=f"{request.type}.id")


def check_update(request: Request, change: Change, current: Current | None) -> None:
    """Raise the error that says why this access may not make this change, or why If-Match forbids it."""
    if current is None or current.deleted:
        if not may_choose_ids(request.access, request.type):
            raise unknown(request)
        if request.if_match:
            raise PreconditionFailed("If-Match names a version; there is no current version.")
        return
    if not check_change(request, "u", change, current):
        raise unknown(request)
    hold_to_version(request, current.version)


def may_choose_ids(access: Access, resource_type: str) -> bool:
    """Whether an update may create: not under rules that are limited to patients, whose callers would learn
    from the answer which ids others use."""
    return reaches_all(access, resource_type, "u")

"""delete: the resource is gone, its history stays. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

from fhir import store
from fhir.enforcement import may_write, require
from fhir.exchange import Answer, Request
from fhir.interactions.read import unknown
from fhir.interactions.written import answer, check_change, draft
from fhir.preconditions import hold_to_version
from fhir.store import Change, Current


def delete(request: Request) -> Answer:
    """204, or 200 with an OperationOutcome if Prefer asks for one; the same again for what is deleted
    already.

    Raises Forbidden, NotFound (also for what is out of reach) and PreconditionFailed.
    """
    require(request.access, request.type, "d")
    change = store.in_transaction(lambda: _write(request))
    if request.prefer.get("return") != "OperationOutcome":
        return Answer(204, "", change.version, change.last_updated, is_on_record=True)
    said = answer(request, change, 200)
    said.location = ""
    return said


def _write(request: Request) -> Change:
    current = store.lock(request.access, [(request.type, request.id)]).get((request.type, request.id))
    change = prepare_deletion(request, current)
    store.apply(request.access, [change])
    return change


def prepare_deletion(request: Request, current: Current | None) -> Change:
    """The change that deletes the locked resource, if this access may."""
    if current is None:
        raise unknown(request)
    change = draft(request.type, request.id, "DELETE", None, current)
    if current.deleted:
        if not _could_delete(request):
            raise unknown(request)
    elif not check_change(request, "d", change, current):
        raise unknown(request)
    hold_to_version(request, current.version)
    return change


def _could_delete(request: Request) -> bool:
    """Whether the deletion that there is could have been this access's: what was deleted was within its
    reach."""
    last = store.last_content(request.type, request.id)
    return last is not None and may_write(request.access, request.type, "d", last, None)

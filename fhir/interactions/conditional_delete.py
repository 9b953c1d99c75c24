"""conditional delete: the one resource that matches is gone. https://hl7.org/fhir/R4/http.html#delete"""

from __future__ import annotations

from dataclasses import replace

from fhir import store
from fhir.conditional import locked_match
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.interactions.delete import prepare_deletion
from fhir.interactions.written import answer
from fhir.jsontext import serialise
from fhir.outcome import Issue, outcome
from fhir.store import Change

NOTHING = Issue(
    "information", "informational", "No resource matches the criteria: there is nothing to delete."
)


def conditional_delete(request: Request) -> Answer:
    """204, whether a resource matched or none; 200 with an OperationOutcome that says so if Prefer asks.

    Only what a search by this access finds can match. Raises PreconditionFailed where several do, and as
    search and delete do.
    """
    require(request.access, request.type, "d")
    change = store.in_transaction(lambda: _write(request))
    wants_words = request.prefer.get("return") == "OperationOutcome"
    if change is None:
        return Answer(200, serialise(outcome([NOTHING]))) if wants_words else Answer(204)
    if not wants_words:
        return Answer(204, "", change.version, change.last_updated, is_on_record=True)
    said = answer(request, change, 200)
    said.location = ""
    return said


def _write(request: Request) -> Change | None:
    match = locked_match(request)
    if match is None:
        return None
    change = prepare_deletion(replace(request, id=match[0]), match[1])
    store.apply(request.access, [change])
    return change

"""conditional patch: a patch of the one resource that matches. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

from dataclasses import replace

from fhir import store
from fhir.conditional import locked_match
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.interactions.patch import operations_of, prepare_patch
from fhir.interactions.written import answer
from fhir.outcome import NotFound
from fhir.store import Change


def conditional_patch(request: Request) -> Answer:
    """200 with the new version of the one match.

    Only what a search by this access finds can match. Raises NotFound where nothing does, PreconditionFailed
    where several do, and as search and patch do.
    """
    require(request.access, request.type, "u")
    operations = operations_of(request)

    def write() -> Change:
        match = locked_match(request)
        if match is None:
            raise no_match(request.type)
        change = prepare_patch(replace(request, id=match[0]), operations, match[1])
        store.apply(request.access, [change])
        return change

    return answer(request, store.in_transaction(write), 200)


def no_match(resource_type: str) -> NotFound:
    """The error of a patch whose criteria find nothing."""
    return NotFound(f"No {resource_type} that this token can find matches the criteria.")

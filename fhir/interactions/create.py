"""create: a new resource under an id of the server's. https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

from fhir import store
from fhir.conditional import existing, only_one
from fhir.enforcement import may_write, require
from fhir.exchange import Answer, Request
from fhir.incoming import resource_body
from fhir.interactions.written import answer, answer_about_existing, draft
from fhir.outcome import Forbidden
from fhir.store import Change


def create(request: Request) -> Answer:
    """201 with the resource as it is stored; its id and version are in Location and ETag.

    With If-None-Exist 200 about the resource that is there already: https://hl7.org/fhir/R4/http.html#ccreate

    Raises BadRequest, UnsupportedMediaType, Unprocessable, and Forbidden where it would not lie within reach.
    """
    require(request.access, request.type, "c")
    resource = resource_body(request)

    def write() -> Change:
        change = draft(request.type, store.new_fhir_id(), "POST", resource)
        check_creation(request, change)
        store.apply(request.access, [change])
        return change

    def write_unless_there() -> Change | str:
        condition = (request.type, request.if_none_exist)
        return only_one(existing(request.access, [condition])[condition]) or write()

    if not request.if_none_exist:
        return answer(request, store.in_transaction(write, one_statement=True), 201)
    made = store.in_transaction(write_unless_there)
    return (
        answer(request, made, 201)
        if isinstance(made, Change)
        else answer_about_existing(request, request.type, made)
    )


def check_creation(request: Request, change: Change) -> None:
    """Raise Forbidden unless the new resource lies within reach."""
    if not may_write(request.access, change.type, "c", None, change.content):
        raise Forbidden(
            f"This {change.type} would not be one that the token may write: by its patients or its content."
        )

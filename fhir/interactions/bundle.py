"""batch and transaction: many interactions in one request. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from typing import Any

from fhir import accounting
from fhir.exchange import Answer, Request
from fhir.incoming import json_body
from fhir.interactions.bundle_answers import looked, of_error
from fhir.interactions.bundle_entries import check_envelope, located, read_entry
from fhir.interactions.histories import system_history, type_history
from fhir.interactions.history import history
from fhir.interactions.read import read
from fhir.interactions.search import search, search_system
from fhir.interactions.transaction import transaction
from fhir.interactions.vread import vread
from fhir.outcome import BadRequest, FhirError
from fhir.renewal import with_renewal


def bundle(request: Request) -> Answer:
    """200 with a Bundle that has an answer for each entry, in their order.

    A transaction is carried out as a whole or raises the FhirError of the first entry that stands in the way;
    in a batch each entry has its own fate. Raises BadRequest, Unprocessable for what is no such Bundle.
    """
    received = json_body(request)
    if received.get("type") == "transaction":
        request.kind = "transaction"
    check_envelope(received)
    entries: list[dict[str, Any]] = received.get("entry", [])
    kind = received["type"]
    if kind == "transaction":
        read_entries = [read_entry(position, entry) for position, entry in enumerate(entries)]
        answers = transaction(request, read_entries, look)
    elif kind == "batch":
        answers = [_alone(request, position, entry) for position, entry in enumerate(entries)]
    else:
        raise BadRequest(
            "Send a Bundle of type batch or transaction.", code="value", expression="Bundle.type"
        )
    head = b'{"resourceType":"Bundle","type":"' + kind.encode() + b'-response"'
    text = head + (b',"entry":[' + b",".join(answers) + b"]}" if answers else b"}")
    # Each entry is an interaction of its own.
    return Answer(200, text, is_on_record=True)


def _alone(request: Request, position: int, entry: dict[str, Any]) -> bytes:
    """One entry of a batch: as a transaction of its own, if it writes. A token that ends meanwhile ends
    here."""
    asked = Request(request.access, kind=request.kind, entry=position)
    try:
        found = read_entry(position, entry)
        asked = found.request(request)
        if found.looks:
            answer = with_renewal(request, lambda: look(found.request(request)))
            accounting.tell(found.request(request), answer)
            return looked(found, answer)
        return with_renewal(request, lambda: transaction(request, [found], look))[0]
    except FhirError as error:
        asked.access = request.access
        accounting.refuse(asked, error)
        return of_error(located(error, f"Bundle.entry[{position}]"))


def look(request: Request) -> Answer:
    """What a GET or HEAD entry asks for: read, vread, a history or search, by its URL."""
    if request.version:
        return vread(request)
    if request.history and request.id:
        return history(request)
    if request.history:
        return type_history(request) if request.type else system_history(request)
    if request.id:
        return read(request)
    return search(request) if request.type else search_system(request)

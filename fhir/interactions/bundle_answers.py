"""The entries of a batch-response or transaction-response. https://hl7.org/fhir/R4/bundle.html#transaction"""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings

from fhir.exchange import Answer, Request, instant
from fhir.interactions.bundle_entries import Entry
from fhir.interactions.conditional_delete import NOTHING
from fhir.interactions.written import representation, said
from fhir.jsontext import serialise
from fhir.outcome import FhirError, outcome
from fhir.store import Change


def of_change(request: Request, change: Change) -> bytes:
    """What became of a writing entry; the resource itself only with `Prefer: return=representation`."""
    wish = request.prefer.get("return", "minimal")
    words = serialise(outcome([said(change)])) if wish == "OperationOutcome" else b""
    if change.resource is None:
        return _entry(Answer(204, version=change.version, last_updated=change.last_updated), words)
    location = f"{change.type}/{change.fhir_id}/_history/{change.version}"
    found = Answer(201 if change.creates else 200, "", change.version, change.last_updated, location)
    if wish == "representation":
        found.text = representation(request, change)
    return _entry(found, words)


def of_match(request: Request, found: Answer) -> bytes:
    """A create that ifNoneExist has made needless, answered by `answer_about_existing`; the resource itself
    only with `Prefer: return=representation`."""
    words, wish = found.text, request.prefer.get("return", "minimal")
    if wish != "representation":
        found.text = ""
    return _entry(found, _bytes(words) if wish == "OperationOutcome" else b"")


def looked(entry: Entry, found: Answer) -> bytes:
    """What another interaction has answered to a GET; to a HEAD, all but the content."""
    if entry.method == "HEAD":
        found.text = ""
    return _entry(found)


def of_nothing(request: Request) -> bytes:
    """A conditional delete that found nothing to delete."""
    wants_words = request.prefer.get("return") == "OperationOutcome"
    return _entry(Answer(204), serialise(outcome([NOTHING])) if wants_words else b"")


def of_error(error: FhirError) -> bytes:
    """Why an entry of a batch was not carried out."""
    return _entry(Answer(error.status), serialise(error.outcome()))


def _entry(found: Answer, said_of_it: bytes = b"") -> bytes:
    facts = {"status": f"{found.status} {HTTPStatus(found.status).phrase}"}
    if found.location:
        facts["location"] = f"{settings.FHIR_BASE}/{found.location}"
    if found.version:
        facts["etag"] = found.etag
    if found.last_updated:
        facts["lastModified"] = instant(found.last_updated)
    response = serialise(facts)
    if said_of_it:
        response = response[:-1] + b',"outcome":' + said_of_it + b"}"
    text = _bytes(found.text)
    if not text:
        return b'{"response":' + response + b"}"
    full_url = serialise({"fullUrl": f"{settings.FHIR_BASE}/{'/'.join(found.location.split('/')[:2])}"})
    head = full_url[:-1] + b"," if found.location else b"{"
    return head + b'"resource":' + text + b',"response":' + response + b"}"


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()

"""What create, update and delete share: making a change, and the answer about one that was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir import store
from fhir.enforcement import may_write, sees, touches
from fhir.exchange import Answer, Request
from fhir.indexing import IndexRows
from fhir.jsontext import serialise
from fhir.outcome import Forbidden, Issue, Unprocessable, outcome
from fhir.search.types.composite import TooManyPairs
from fhir.search.types.date import DateError
from fhir.store import Change, Current


def draft(
    resource_type: str,
    fhir_id: str,
    method: str,
    resource: dict[str, Any] | None,
    current: Current | None = None,
) -> Change:
    """`store.draft`, with Unprocessable for a date that no calendar has, and for more than can be indexed."""
    try:
        return store.draft(resource_type, fhir_id, method, resource, current)
    except DateError as error:
        raise Unprocessable(str(error), code="value") from error
    except TooManyPairs as error:
        raise Unprocessable(str(error), code="too-costly") from error


def check_change(request: Request, letter: str, change: Change, current: Current) -> bool:
    """Whether an existing resource is within reach of `letter` at all, which the caller answers with 404 if
    not.

    Raises Forbidden where it is, and the change would take it out of reach or touch another patient's record.
    """
    if may_write(request.access, change.type, letter, current.content, change.content):
        return True
    if not reaches(request, letter, current):
        return False
    raise Forbidden(
        f"The {change.type} is, or would be, one that the token may not write: by its patient or its content."
    )


def reaches(request: Request, letter: str, current: Current) -> bool:
    """Whether one of the patients that the resource belongs to is within reach of `letter`."""
    content = current.content
    return content is not None and touches(request.access, request.type, letter, content)


def answer(request: Request, change: Change, status: int) -> Answer:
    """The answer about a written resource, with as much of it as Prefer asks for: all of it, if it says
    nothing.

    https://hl7.org/fhir/R4/http.html#ops
    """
    wish = request.prefer.get("return", "representation")
    text: str | bytes = representation(request, change)
    if wish == "minimal":
        text = ""
    elif wish == "OperationOutcome":
        text = serialise(outcome([said(change)]))
    location = f"{change.type}/{change.fhir_id}/_history/{change.version}"
    return Answer(status, text, change.version, change.last_updated, location, is_on_record=True)


def representation(request: Request, change: Change) -> str:
    """The text of a written resource; of a patched one, which the caller has not sent whole, only if it is
    readable."""
    if change.method != "PATCH":
        return change.text
    content = change.content
    return change.text if content and shows(replace(request, id=change.fhir_id), content) else ""


def shows(request: Request, rows: IndexRows) -> bool:
    """Whether the caller may read the request's resource with this content."""
    return sees(request.access, request.type, request.id, lambda: rows)


def answer_about_existing(request: Request, resource_type: str, fhir_id: str) -> Answer:
    """200 about the resource that makes a conditional create needless, with its content if that may be read.

    https://hl7.org/fhir/R4/http.html#ccreate
    """
    found = Answer(200, location=f"{resource_type}/{fhir_id}")
    version = (
        store.read(request.access, resource_type, fhir_id)
        if request.access.allows(resource_type, "r")
        else None
    )
    wish = request.prefer.get("return")
    if version is not None:
        found.version, found.last_updated = version.number, version.last_updated
        found.location += f"/_history/{version.number}"
        found.text = "" if wish == "minimal" else version.text
        found.shown = (version.shown(resource_type, fhir_id),)
    if wish == "OperationOutcome":
        found.text = serialise(outcome([_there(found)]))
    return found


def _there(found: Answer) -> Issue:
    """What a conditional create has found, in words."""
    place = "/".join(found.location.split("/")[:2])
    which = f" as version {found.version}" if found.version else ""
    return Issue(
        "information", "informational", f"{place} matches and is stored{which}: nothing was created."
    )


def said(change: Change) -> Issue:
    """What became of a resource, in words."""
    place = f"{change.type}/{change.fhir_id}"
    if not change.changed:
        return Issue(
            "information", "informational", f"{place} stays at version {change.version}: nothing changed."
        )
    done = "was deleted" if change.resource is None else "is stored"
    return Issue("information", "informational", f"{place} {done} as version {change.version}.")

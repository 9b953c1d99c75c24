"""read: the current version of a resource. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from fhir import store
from fhir.enforcement import require
from fhir.exchange import EPOCH, Answer, Request
from fhir.outcome import Gone, NotFound
from fhir.store import Version


def read(request: Request) -> Answer:
    """The resource, or 304 where the client has it already.

    Raises Forbidden, NotFound (also for what is out of reach) and Gone (if what was deleted was within
    reach).
    """
    require(request.access, request.type, "r")
    found = store.read(request.access, request.type, request.id)
    if found is None:
        raise unknown(request)
    if found.deleted:
        raise Gone(f"{request.type}/{request.id} was deleted.")
    if _has_it(request, found):
        return Answer(304, version=found.number, last_updated=found.last_updated)
    return Answer(200, found.text, found.number, found.last_updated)


def unknown(request: Request) -> NotFound:
    """The one answer for what does not exist and for what this access may not know of."""
    return NotFound(f"There is no {request.type}/{request.id} that this token can see.")


def _has_it(request: Request, found: Version) -> bool:
    """https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2: If-None-Match wins, compared weakly."""
    if request.if_none_match:
        tags = {tag.strip().removeprefix("W/") for tag in request.if_none_match.split(",")}
        return "*" in tags or f'"{found.number}"' in tags
    if not request.if_modified_since:
        return False
    try:
        since = parsedate_to_datetime(request.if_modified_since)
    except (ValueError, OverflowError):
        return False
    if since.tzinfo is None:
        return False
    return found.last_updated // 1_000_000 <= (since - EPOCH).total_seconds()

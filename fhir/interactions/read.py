"""read: the current version of a resource. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from fhir import store
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.enforcement import require
from fhir.exchange import EPOCH, Answer, Request
from fhir.outcome import Gone, NotFound
from fhir.search.subset import part_of, wanted

MOST_TAGS = 100
"""How many ETags of an If-None-Match are looked at."""
_TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')


def read(request: Request) -> Answer:
    """The resource or the part of it that `_summary` or `_elements` want; 304, without looking at the
    content, where the client has it already.

    Raises Forbidden, NotFound (also for what is out of reach), Gone (if what was deleted was within reach),
    and BadRequest.
    """
    require(request.access, request.type, "r")
    part = wanted(request.query)
    found = store.read(request.access, request.type, request.id, _known(request))
    if found is None:
        raise unknown(request)
    if found.deleted:
        raise Gone(f"{request.type}/{request.id} was deleted.")
    if not found.text:
        return Answer(304, version=found.number, last_updated=found.last_updated)
    return Answer(200, part_of(found.text, part), found.number, found.last_updated)


def unknown(request: Request) -> NotFound:
    """The one answer for what does not exist and for what this access may not know of."""
    return NotFound(f"There is no {request.type}/{request.id} that this token can see.")


def _known(request: Request) -> Condition:
    """What must be true of the row `r` for the client to have its content already.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2: If-None-Match wins, and is compared weakly.
    """
    if request.if_none_match:
        tags = {tag.strip() for tag in request.if_none_match.split(",", MOST_TAGS)}
        if "*" in tags:
            return ALWAYS
        versions = sorted(int(found[1]) for tag in tags if (found := _TAG.fullmatch(tag)))
        marks = ", ".join(["%s"] * len(versions))
        return Condition(f"r.version IN ({marks})", tuple(versions)) if versions else NEVER
    since = _moment(request.if_modified_since)
    # Such a date has whole seconds: what was written within them is as old as it says.
    return NEVER if since is None else Condition("r.last_updated < %s", ((since + 1) * 1_000_000,))


def _moment(http_date: str) -> int | None:
    """Seconds since 1970, None for what is no HTTP date with a time zone: such a header is ignored."""
    try:
        found = parsedate_to_datetime(http_date) if http_date else None
    except (ValueError, OverflowError):
        return None
    return None if found is None or found.tzinfo is None else int((found - EPOCH).total_seconds())

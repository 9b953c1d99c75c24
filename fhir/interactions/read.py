"""read: the current version of a resource. https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from fhir import store
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.outcome import Gone, NotFound
from fhir.preconditions import known
from fhir.search.subset import part_of, wanted


def read(request: Request) -> Answer:
    """The resource or the part of it that `_summary` or `_elements` want; 304, without looking at the
    content, where the client has it already.

    Raises Forbidden, NotFound (also for what is out of reach), Gone (if what was deleted was within reach),
    and BadRequest.
    """
    require(request.access, request.type, "r")
    part = wanted(request.query)
    found = store.read(request.access, request.type, request.id, known(request))
    if found is None:
        raise unknown(request)
    if found.deleted:
        raise Gone(f"{request.type}/{request.id} was deleted.")
    shown = (found.shown(request.type, request.id),)
    if not found.text:
        return Answer(304, "", found.number, found.last_updated, shown=shown)
    return Answer(200, part_of(found.text, part), found.number, found.last_updated, shown=shown)


def unknown(request: Request) -> NotFound:
    """The one answer for what does not exist and for what this access may not know of."""
    return NotFound(f"There is no {request.type}/{request.id} that this token can see.")

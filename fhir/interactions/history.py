"""history of one resource: all its versions, newest first. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from django.conf import settings

from fhir import store
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.interactions.history_bundle import bundle, entry
from fhir.interactions.history_wishes import read_wishes
from fhir.interactions.read import unknown
from fhir.outcome import BadRequest
from fhir.search.subset import part_of, wanted


def history(request: Request) -> Answer:
    """A Bundle of the versions that this access may see, `_count` of them at once, `_since` and `_at` limit
    it in time.

    A resource of which nothing may be seen is not there. Raises Forbidden, NotFound, BadRequest.
    """
    require(request.access, request.type, "r")
    wishes, part = read_wishes(request.query), wanted(request.query)
    before = _version(wishes.cursor)
    found = store.versions(
        request.access, request.type, request.id, before=before, since=wishes.since, at=wishes.at
    )
    if found is None:
        raise unknown(request)
    here = f"{settings.FHIR_BASE}/{request.type}/{request.id}/_history"
    links = {"self": wishes.url(here)}
    if 0 < wishes.size < len(found):
        links["next"] = wishes.url(here, _cursor=str(found[wishes.size - 1].number))
    page = found[: wishes.size]
    entries = [entry(request.type, request.id, version, part_of(version.text, part)) for version in page]
    # What was left out before a later page is not counted, so no total is claimed there.
    text = bundle(links, None if before else len(found), entries)
    return Answer(200, text, shown=[version.shown(request.type, request.id) for version in page])


def _version(cursor: str) -> int | None:
    """The version behind which a page begins. Raises BadRequest for what is no cursor of ours."""
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:10]) > 0 and len(cursor) < 10):
        raise BadRequest("'_cursor' is not from a link of this history.", code="value")
    return int(cursor)

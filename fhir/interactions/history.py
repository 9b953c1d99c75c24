"""history of one resource: all its versions, newest first. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from django.conf import settings

from fhir import store
from fhir.enforcement import require
from fhir.exchange import Answer, Request, instant
from fhir.interactions.read import unknown
from fhir.jsontext import serialise
from fhir.outcome import BadRequest
from fhir.search.types import date
from fhir.store import Version

_KNOWN = frozenset({"_count", "_since", "version-before", "_format", "_pretty"})


def history(request: Request) -> Answer:
    """A Bundle of the versions that this access may see, `_count` of them at once, `_since` limits it in
    time.

    A resource of which nothing may be seen is not there. Raises Forbidden, NotFound, BadRequest.
    """
    require(request.access, request.type, "r")
    wishes = _wishes(request.query)
    size = _size(wishes.get("_count", ""))
    before = _number(wishes.get("version-before", ""), "version-before")
    since = _since(wishes.get("_since", ""))
    found = store.versions(request.access, request.type, request.id, before=before, since=since)
    if found is None:
        raise unknown(request)
    return Answer(200, _bundle(request, found, size, wishes))


def _wishes(query: str) -> dict[str, str]:
    """The parameters, each at most once. Raises BadRequest for others."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs) or not _KNOWN.issuperset(found):
        raise BadRequest(
            "The history of a resource takes _count and _since, each once.", code="not-supported"
        )
    return found


def _number(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(f"{name} takes a whole number.", code="value")
    return int(text)


def _size(text: str) -> int:
    number = _number(text, "_count")
    wanted: int = settings.FHIR_PAGE_SIZE if number is None else number
    most: int = settings.FHIR_MAX_PAGE_SIZE
    return min(wanted, most)


def _since(text: str) -> int:
    try:
        return date.span(text)[0] if text else 0
    except date.DateError as error:
        raise BadRequest(f"_since takes an instant: {error}", code="value") from error


def _bundle(request: Request, found: list[Version], size: int, wishes: dict[str, str]) -> bytes:
    """The Bundle's text, joined from the texts of the versions as they are stored."""
    here = f"{settings.FHIR_BASE}/{request.type}/{request.id}/_history"
    links = [{"relation": "self", "url": _url(here, wishes)}]
    if 0 < size < len(found):
        links.append(
            {"relation": "next", "url": _url(here, {**wishes, "version-before": str(found[size - 1].number)})}
        )
    head = serialise({"resourceType": "Bundle", "type": "history", "total": len(found), "link": links})
    if "version-before" in wishes:
        # What was left out before this page is not counted, so no total is claimed.
        head = serialise({"resourceType": "Bundle", "type": "history", "link": links})
    if size == 0 or not found:
        return head
    return head[:-1] + b',"entry":[' + b",".join(_entry(request, version) for version in found[:size]) + b"]}"


def _url(here: str, wishes: dict[str, str]) -> str:
    return f"{here}?{urlencode(wishes)}" if wishes else here


def _entry(request: Request, version: Version) -> bytes:
    address = f"{request.type}/{request.id}"
    statuses = {"POST": "201 Created", "DELETE": "204 No Content"}
    created = version.number == 1 and not version.deleted
    status = "201 Created" if created else statuses.get(version.method, "200 OK")
    facts = {
        "fullUrl": f"{settings.FHIR_BASE}/{address}",
        "request": {"method": version.method, "url": request.type if version.method == "POST" else address},
        "response": {
            "status": status,
            "etag": f'W/"{version.number}"',
            "lastModified": instant(version.last_updated),
        },
    }
    text = serialise(facts)
    return text if version.deleted else text[:-1] + b',"resource":' + version.text.encode() + b"}"

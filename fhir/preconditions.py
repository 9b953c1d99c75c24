"""Which version of a resource a request is about: If-Match, If-None-Match and If-Modified-Since.

https://hl7.org/fhir/R4/http.html#concurrency https://hl7.org/fhir/R4/http.html#cread
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from fhir.condition import ALWAYS, NEVER, Condition
from fhir.exchange import EPOCH, Request
from fhir.outcome import BadRequest, PreconditionFailed
from fhir.search.types import date

MOST_TAGS = 100
"""How many ETags of an If-None-Match are looked at."""
_TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')


def hold_to_version(request: Request, version: int) -> None:
    """Raise PreconditionFailed if the request is not to change this version: If-Match names another one, or
    If-None-Match this one. BadRequest for an If-Match that names no version of ours.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
    """
    wanted = _wanted(request.if_match)
    if wanted is not None and wanted != version:
        raise PreconditionFailed(f"If-Match names version {wanted}; the current version is {version}.")
    if _names(request.if_none_match, version):
        raise PreconditionFailed(f"If-None-Match rules the current version out, which is {version}.")


def _wanted(if_match: str) -> int | None:
    """The version in an If-Match header, None without the header or for `*`."""
    text = if_match.strip()
    if text in ("", "*"):
        return None
    found = _TAG.fullmatch(text)
    if found is None:
        raise BadRequest('If-Match takes one version, written as W/"1".')
    return int(found[1])


def known(request: Request) -> Condition:
    """What must be true of the row `r` of the current version for the client to have its content already.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2: If-None-Match wins, and is compared weakly.
    """
    if request.if_none_match:
        versions = _versions(request.if_none_match)
        if versions is None:
            return ALWAYS
        marks = ", ".join(["%s"] * len(versions))
        return Condition(f"r.version IN ({marks})", tuple(versions)) if versions else NEVER
    moment = _last_moment(request.if_modified_since)
    return NEVER if moment is None else Condition("r.last_updated <= %s", (moment,))


def is_known(request: Request, version: int, last_updated: int) -> bool:
    """Whether the client has the content of this version, made `last_updated` microseconds after 1970."""
    if request.if_none_match:
        return _names(request.if_none_match, version)
    moment = _last_moment(request.if_modified_since)
    return moment is not None and last_updated <= moment


def _names(if_none_match: str, version: int) -> bool:
    versions = _versions(if_none_match)
    return versions is None or version in versions


def _versions(if_none_match: str) -> list[int] | None:
    """The versions in an If-None-Match header, none without the header; None for `*`, which means any."""
    tags = {tag.strip() for tag in if_none_match.split(",", MOST_TAGS)}
    if "*" in tags:
        return None
    return sorted(int(found[1]) for tag in tags if (found := _TAG.fullmatch(tag)))


def _last_moment(text: str) -> int | None:
    """The last microsecond since 1970 that an If-Modified-Since covers: of its second, or of the instant that
    an entry of a Bundle has.

    None for what is neither, or has no time zone: such a header is ignored.
    """
    if text[10:11] == "T":
        return _end_of_instant(text)
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    if found is None or found.tzinfo is None:
        return None
    return (int((found - EPOCH).total_seconds()) + 1) * 1_000_000 - 1


def _end_of_instant(text: str) -> int | None:
    try:
        return date.span(text)[1]
    except date.DateError:
        return None

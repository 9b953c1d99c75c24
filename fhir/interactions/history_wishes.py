"""The parameters of a history: how much of it, of which time, and which parts of the resources.

https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from django.conf import settings

from fhir.outcome import BadRequest
from fhir.search.types import date

_OF_THE_ANSWER = frozenset({"_format", "_pretty", "_summary", "_elements"})
KNOWN = frozenset({"_count", "_since", "_at", "_cursor"}) | _OF_THE_ANSWER


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of a history: at most `size` versions, made at `since` or later and current at some
    moment of `at` (first and last microsecond since 1970); `given` are the parameters as they came."""

    size: int
    since: int
    at: tuple[int, int] | None
    cursor: str
    given: tuple[tuple[str, str], ...]

    def url(self, here: str, **changed: str) -> str:
        """The address of this history with the same parameters, but for those that are changed."""
        pairs = {**dict(self.given), **changed}
        return f"{here}?{urlencode(pairs, safe=':,/-')}" if pairs else here


def read_wishes(query: str) -> Wishes:
    """The wishes in a query string. Raises BadRequest for unknown parameters, for one that comes twice, and
    for values that are not understood."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:  # UnicodeDecodeError is one
        raise BadRequest("The query is not valid UTF-8, or has more than 20 parameters.") from error
    found = dict(pairs)
    if len(found) < len(pairs) or not KNOWN.issuperset(found):
        raise BadRequest("A history takes _count, _since and _at, each once.", code="not-supported")
    at = found.get("_at")
    return Wishes(
        size=_size(found.get("_count")),
        since=_span("_since", found["_since"])[0] if "_since" in found else 0,
        at=None if at is None else _span("_at", at),
        cursor=found.get("_cursor", ""),
        given=tuple(pairs),
    )


def _size(text: str | None) -> int:
    if text is None:
        return int(settings.FHIR_PAGE_SIZE)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("_count takes a whole number.", code="value")
    return min(int(text), int(settings.FHIR_MAX_PAGE_SIZE))


def _span(name: str, text: str) -> tuple[int, int]:
    try:
        return date.span(text)
    except date.DateError as error:
        raise BadRequest(f"{name} takes a moment: {error}", code="value") from error

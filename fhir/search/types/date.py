"""Date parameters: moments and periods, as the first and the last microsecond that they cover.

A text without a time zone is taken as UTC. https://hl7.org/fhir/R4/search.html#date
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from fhir.expressions import Found

Span = tuple[int, int]
"""First and last microsecond since 1970, both included."""

EARLIEST = -62135596800_000000
"""The first microsecond of year 1: where a period without a start begins."""
LATEST = 253402300799_999999
"""The last microsecond of year 9999: where a period without an end ends."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_DAY = 86400_000000
_SECOND = 1_000000


class DateError(ValueError):
    """A text that is no date of FHIR's."""


def span(text: str) -> Span:
    """Return what a date, dateTime or instant covers: all of the year, month, day, minute or second it names.

    Raises DateError for anything else. https://hl7.org/fhir/R4/datatypes.html#dateTime
    """
    try:
        if len(text) <= 10:
            return _days(text)
        return _moment(text)
    except (ValueError, OverflowError) as error:
        raise DateError(f"{text!r} is not a date") from error


def _days(text: str) -> Span:
    if len(text) == 10:
        first = last = dt.date.fromisoformat(text).toordinal()
    elif len(text) == 7 and text[4] == "-":
        year, month = _digits(text[:4]), _digits(text[5:])
        first = dt.date(year, month, 1).toordinal()
        last = (
            dt.date(year, month + 1, 1).toordinal() if month < 12 else dt.date(year, 12, 31).toordinal() + 1
        ) - 1
    elif len(text) == 4:
        year = _digits(text)
        first, last = dt.date(year, 1, 1).toordinal(), dt.date(year, 12, 31).toordinal()
    else:
        raise ValueError(text)
    return (first - _EPOCH_DAY) * _DAY, (last + 1 - _EPOCH_DAY) * _DAY - 1


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _moment(text: str) -> Span:
    if text[10] != "T" or text[13] != ":":
        raise ValueError(text)
    leap = text[16:19] == ":60"
    moment = dt.datetime.fromisoformat(text[:17] + "59" + text[19:] if leap else text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    passed = moment - _EPOCH
    low = (passed.days * 86400 + passed.seconds) * _SECOND + passed.microseconds
    return low, low + _width(text) - 1


def _width(text: str) -> int:
    """Return how many microseconds a text with a time covers: a minute, a second, or a fraction of one."""
    if len(text) < 19 or text[16] != ":":
        return 60 * _SECOND
    if len(text) == 19 or text[19] != ".":
        return _SECOND
    digits = 0
    while 20 + digits < len(text) and text[20 + digits].isdigit():
        digits += 1
    return int(10 ** max(0, 6 - digits))


def index(parameter_hash: int, found: list[Found]) -> set[tuple[int, int, int]]:
    """Return (hash, low, high) of the dates found."""
    return {(parameter_hash, *each) for each in spans(found)}


def spans(found: Iterable[Found]) -> Iterator[Span]:
    """Yield what each found value covers; values that say nothing about time (an Age, a text) are passed over."""
    for value, kind in found:
        covered = _covers(value, kind)
        if covered:
            yield covered


def _covers(value: Any, kind: str) -> Span | None:
    match kind:
        case "dateTime" | "instant" | "date":
            return span(value)
        case "Period":
            return _period(value)
        case "Timing":
            return _timing(value)
        case _:
            return None


def _period(value: dict[str, Any]) -> Span | None:
    start, end = value.get("start"), value.get("end")
    if not start and not end:
        return None
    return (span(start)[0] if start else EARLIEST, span(end)[1] if end else LATEST)


def _timing(value: dict[str, Any]) -> Span | None:
    """Return the outer limits of a schedule: its events and its bounds. What lies between does not count."""
    covered = [span(event) for event in value.get("event", ()) if event]
    bounds = _period(value.get("repeat", {}).get("boundsPeriod", {}))
    if bounds:
        covered.append(bounds)
    return (min(low for low, _ in covered), max(high for _, high in covered)) if covered else None

"""Date parameters: moments and periods, as the first and the last microsecond that they cover.

A text without a time zone is taken as UTC. https://hl7.org/fhir/R4/search.html#date
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from fhir.condition import ALWAYS, Condition
from fhir.expressions import Found
from fhir.hashing import digest
from fhir.outcome import BadRequest
from fhir.registry import main_date
from fhir.search.criteria import DATES, Asked, Criterion, Probe, any_of
from fhir.search.modifiers import unknown_modifier
from fhir.search.prefixes import split_prefix

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
        if not text.isascii():
            raise ValueError(text)
        return _days(text) if len(text) <= 10 else _moment(text)
    except (ValueError, OverflowError) as error:
        raise DateError(f"{text!r} is not a date") from error


def _days(text: str) -> Span:
    if len(text) == 10 and text[4] == text[7] == "-":
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
    if not text.isdigit():
        raise ValueError(text)
    return int(text)


def _moment(text: str) -> Span:
    if len(text) < 16 or (text[4], text[7], text[10], text[13]) != ("-", "-", "T", ":"):
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
    """Yield what each found value covers; values that say nothing about time (an Age, a text) are passed
    over.
    """
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


def criterion(asked: Asked) -> Criterion:
    """What a date parameter asks: each value with its prefix compares the span it covers with the resource's.

    Raises BadRequest for a value that is no date, and for a modifier.
    """
    if asked.modifier:
        raise unknown_modifier(asked)
    values = _values(asked)
    parameter = asked.parameter
    if parameter.code == "_lastUpdated":
        compared = compare("{home}.last_updated", "{home}.last_updated", values)
        # These numbers of ours stand in the text: a database that plans without knowing them walks all of a
        # type for what was changed a moment ago.
        return Criterion(home=Condition(compared.sql % compared.params), rank=60)
    key = digest(parameter.resource_type, parameter.code)
    here = probe(key, asked)
    main = main_date(parameter.resource_type)
    if main is None or main.code != parameter.code:
        return Criterion((here,), rank=60)
    # A resource without a main date has zero in both columns; no date of a second's or coarser precision has.
    within = compare("r.date", "r.high", values)
    dated = Condition(f"{within.sql} AND (r.date <> 0 OR r.high <> 0)", within.params)
    return Criterion((here,), rank=60, main=dated, bound=_bound(values))


def probe(key: int, asked: Asked) -> Probe:
    """Return where the index has one of the dates asked for under this hash. Raises BadRequest as above."""
    inside = compare("x.low", "x.high", _values(asked))
    return Probe(DATES, Condition(f"x.hash = %s AND {inside.sql}", (key, *inside.params)))


def _values(asked: Asked) -> list[tuple[str, Span]]:
    return [_value(asked, text) for text in asked.values]


def _value(asked: Asked, text: str) -> tuple[str, Span]:
    """Return prefix and span of a value; a blank in it was a plus sign that nobody encoded."""
    prefix, rest = split_prefix(text)
    try:
        covered = span(rest.replace(" ", "+"))
    except DateError as error:
        raise BadRequest(f"'{text}' is not a date for '{asked.name}'.") from error
    if prefix == "ap":
        # A tenth of the time between then and now, as the specification recommends.
        now = (dt.datetime.now(tz=dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)
        margin = max(0, covered[0] - now, now - covered[1]) // 10
        covered = (covered[0] - margin, covered[1] + margin)
    return prefix, covered


_COMPARISONS = {
    "eq": "({low} >= %s AND {high} <= %s)",
    "ne": "({low} < %s OR {high} > %s)",
    "gt": "{high} > %s",
    "lt": "{low} < %s",
    "ge": "({low} >= %s OR {high} > %s)",
    "le": "({low} < %s OR {high} <= %s)",
    "sa": "{low} > %s",
    "eb": "{high} < %s",
    "ap": "({high} >= %s AND {low} <= %s)",
}
_ENDS = {"gt": (1,), "lt": (0,), "sa": (1,), "eb": (0,)}
_BOUNDS = {
    "eq": ("(r.date >= %s AND r.date <= %s)", (0, 1)),
    "lt": ("r.date < %s", (0,)),
    "le": ("r.date <= %s", (1,)),
    "sa": ("r.date > %s", (1,)),
    "eb": ("r.date < %s", (0,)),
    "ap": ("r.date <= %s", (1,)),
}


def compare(low: str, high: str, values: list[tuple[str, Span]]) -> Condition:
    """The condition that the span in these two columns compares as one of the values says.

    https://hl7.org/fhir/R4/search.html#prefix (the second column of its table, with ranges)
    """
    return any_of(
        Condition(
            _COMPARISONS[prefix].format(low=low, high=high),
            tuple(covered[end] for end in _ENDS.get(prefix, (0, 1))),
        )
        for prefix, covered in values
    )


def _bound(values: list[tuple[str, Span]]) -> Condition:
    """What a comparison with the main date says of its low end, so that an index is read in part only."""
    if any(prefix not in _BOUNDS for prefix, _ in values):
        return ALWAYS
    return any_of(
        Condition(_BOUNDS[prefix][0], tuple(covered[end] for end in _BOUNDS[prefix][1]))
        for prefix, covered in values
    )

"""Events as a file, in parts that fit into memory however many they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpRequest

from audit import spreadsheet
from audit.console.names import Names
from audit.console.words import exact
from audit.events import COLUMNS
from audit.finding import along_an_index, behind
from audit.models import Event

AT_ONCE = 1_000
_NAMES = ("person_name", "client_name")
_HEAD = ("time", *(name for name in COLUMNS if name != "time"), *_NAMES, "hash")
Row = dict[str, Any]


def _rows(request: HttpRequest, events: QuerySet[Event]) -> Iterator[list[Row]]:
    part = _part(events)
    while part:
        names = Names(request, [each.person for each in part], [each.client for each in part])
        yield [_row(each, names) for each in part]
        last = part[-1]
        part = _part(events.filter(behind(last.time, last.pk)))


def _part(events: QuerySet[Event]) -> list[Event]:
    with along_an_index():
        return list(events[:AT_ONCE])


def _row(event: Event, names: Names) -> Row:
    person, client = names.person(event.person), names.client(event.client)
    return {
        **{name: getattr(event, name) for name in COLUMNS},
        "time": exact(event.time),
        "person_name": person.name if person else "",
        "client_name": client.name if client else "",
        "hash": bytes(event.hash).hex(),
    }


def as_csv(request: HttpRequest, events: QuerySet[Event]) -> Iterator[str]:
    """With a line of names first."""
    return spreadsheet.lines(
        _HEAD, ([[row[name] for name in _HEAD] for row in part] for part in _rows(request, events))
    )


def as_ndjson(request: HttpRequest, events: QuerySet[Event]) -> Iterator[bytes]:
    """One JSON object per line; `detail` is an object of its own, if there is any."""
    for part in _rows(request, events):
        yield b"".join(_object(row) for row in part)


def _object(row: Row) -> bytes:
    detail = row["detail"]
    try:
        row["detail"] = orjson.loads(detail) if detail else None
    except orjson.JSONDecodeError:
        # So long that it was cut: it stays the text that the hash covers.
        row["detail"] = detail
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


Export = Callable[[HttpRequest, QuerySet[Event]], Iterator[Any]]
FORMATS: dict[str, tuple[str, Export]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "ndjson": ("application/x-ndjson", as_ndjson),
}
"""By the ending of the file's name: its media type, and what makes it."""

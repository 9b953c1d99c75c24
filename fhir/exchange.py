"""What an interaction gets and gives: a request and its answer, freed of HTTP, so that a batch entry is one
too."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir.access import Access

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# The library's own formatter takes five times as long, at every answer.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Shown = tuple[str, str, int, int, str]
"""A version of a resource that an answer tells of: its type, id and number; the digest of its one patient,
NONE, or MIXED (fhir.hashing) where only its text says whose it is; and then that text.

Without the text it is looked up. Plain tuples: searches make many.
"""


@dataclass(slots=True)
class Request:
    """One FHIR interaction that somebody asks for.

    `history` tells instance history from read; `query` is the raw query string. `body` is what came over
    HTTP, `resource` the same already parsed (a batch entry has only that). `file` is the name of an exported
    file. `kind` is the interaction's code in the audit trail (fhir.interactions.kinds), empty for what it
    need not know of; `entry` the position in a Bundle, -1 outside. The rest are the values of the headers of
    these names, empty where there is none.
    """

    access: Access
    type: str = ""
    id: str = ""
    version: str = ""
    history: bool = False
    file: str = ""
    query: str = ""
    body: bytes = b""
    resource: dict[str, Any] | None = None
    content_type: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_none_exist: str = ""
    prefer: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    entry: int = -1


@dataclass(slots=True)
class Answer:
    """What an interaction answers. `text` is JSON, or empty; `version` 0 and `last_updated` 0 mean that there
    is none.

    `last_updated` is in microseconds since 1970, `location` a URL relative to the FHIR base. `headers` are
    further response headers; `stream`, where it is given, is the body in pieces instead of `text`.

    `shown` are the resources that it tells of; `is_on_record` says that the audit trail has it already, as of
    a write, whose event stands and falls with it.
    """

    status: int
    text: str | bytes = ""
    version: int = 0
    last_updated: int = 0
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterable[bytes] | None = None
    shown: Sequence[Shown] = ()
    is_on_record: bool = False

    @property
    def etag(self) -> str:
        """The weak ETag of https://hl7.org/fhir/R4/http.html#versioning, empty without a version."""
        return f'W/"{self.version}"' if self.version else ""


def moment(microseconds: int) -> dt.datetime:
    """Microseconds since 1970 as a datetime in UTC."""
    return EPOCH + dt.timedelta(microseconds=microseconds)


def instant(microseconds: int) -> str:
    """Microseconds since 1970 as a FHIR instant: https://hl7.org/fhir/R4/datatypes.html#instant."""
    return moment(microseconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def http_date(microseconds: int) -> str:
    """Microseconds since 1970 as an HTTP date, whole seconds:
    https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(microseconds // 1_000_000)
    date = f"{_WEEKDAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04}"
    return f"{date} {hour:02}:{minute:02}:{second:02} GMT"

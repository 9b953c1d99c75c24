"""What is told to the audit trail, and the row that is kept of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

COLUMNS = (
    "id",
    "time",
    "kind",
    "outcome",
    "status",
    "person",
    "client",
    "patient",
    "type",
    "what",
    "address",
    "attempt",
    "detail",
)
"""What an event's hash covers, in this order."""

Row = tuple[Any, ...]
LONGEST = 250_000
"""Characters of one text at the most: the addresses of two thousand resources fit, the largest page with
as many that are included."""


def now() -> int:
    """This moment in microseconds since 1970."""
    return time.time_ns() // 1000


class Event(NamedTuple):
    """One thing that happened; each member as audit.models.Event says. `time` 0 stands for now.

    `detail` has texts, numbers and lists of them; what opens anything is masked by whoever tells.
    """

    kind: str
    outcome: str
    status: int = 0
    person: str = ""
    client: str = ""
    patient: str = ""
    type: str = ""
    what: str = ""
    address: str = ""
    attempt: str = ""
    detail: dict[str, Any] | None = None
    time: int = 0


def outcome_of(status: int) -> str:
    """`allowed` for an HTTP status below 400, `refused` where a right or a credential was lacking (401, 403)
    or the thing was not to be seen (404, 410), else `failed`.
    """
    if status < 400:
        return "allowed"
    return "refused" if status in (401, 403, 404, 410) else "failed"


def row(number: int, event: Event) -> Row:
    """The columns of an event under this id."""
    kind, outcome, status, *texts, detail, time = event
    texts.append(_as_json(detail) if detail else "")
    whole = "".join(texts)
    if "\0" in whole or len(whole) > LONGEST or not whole.isascii():
        texts = [_storable(text) for text in texts]
    return (number, time or now(), kind, outcome, status, *texts)


def _as_json(detail: dict[str, Any]) -> str:
    try:
        return orjson.dumps(detail, default=str).decode()
    except orjson.JSONEncodeError:
        # Half of a surrogate pair, or a number of more than 64 bits: better an odd event than none.
        return json.dumps(detail, default=str, ensure_ascii=False, separators=(",", ":"))


def _storable(text: str) -> str:
    """No NUL, which PostgreSQL cannot keep, no half of a surrogate pair, and not without end."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    if text.isascii():
        return text.replace("\0", "�") if "\0" in text else text
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def hashed(before: bytes, rows: Iterable[Row]) -> list[bytes]:
    """The hash of each row: SHA-256 of the hash before it and of the row's columns as JSON."""
    found = []
    for each in rows:
        before = sha256(before + orjson.dumps(each)).digest()
        found.append(before)
    return found

"""The chain of each writer. A writer is a thread, so that nobody waits for anybody.

A thread knows where its chain ends, and the statement that adds to it says so. Where a transaction was
rolled back the thread is ahead of its chain: the statement adds nothing, and the thread looks anew.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.events import COLUMNS, Event, Row, hashed, now, row

NUMBERS = 1 << 32
"""How many events a chain can have: an event's id is its chain's number times this plus its own."""
FROM_HERE_ON_BY_COPY = 20
"""PostgreSQL takes many rows by COPY in half the time; few go in one statement."""

_ONE_BEGINS = 0x6175646974
"""The name of an advisory lock of PostgreSQL, which is a number: "audit"."""

_NAMES = ", ".join(COLUMNS)
_TYPES = ", ".join(
    f"{name} {'bigint' if name in ('id', 'time') else 'int' if name == 'status' else 'text'}"
    for name in COLUMNS
)
MOVE = "UPDATE audit_chain SET number = %s, hash = %s WHERE id = %s AND number = %s AND hash = %s"
"""Moves a chain's end, if it is where it is believed to be; with the parameters that `add_by` gives."""


HELD = "SELECT id FROM audit_chain WHERE id = %s AND number = %s AND hash = %s FOR NO KEY UPDATE"
"""PostgreSQL: has a row if the chain's end is where it is believed to be, and keeps it there; with the last
three parameters of MOVE. What a statement does beside may hang on it, where MOVE has to come afterwards.
"""


def move_after(done: str) -> str:
    """PostgreSQL: MOVE, once for the row of the common table `done`, and not at all if that has none.

    `done` stands in FROM: a condition could not ask again what another part of the statement has done.
    """
    once = f" FROM (SELECT 1 AS one FROM {done}) AS before WHERE "  # noqa: S608  # our own words
    return MOVE.replace(" WHERE ", once) + " RETURNING id"


def addition(moved: str) -> str:
    """PostgreSQL: the statement that adds events if the common table `moved`, whose row is that of MOVE, has
    a row. It has one parameter: their text.
    """
    return (
        f"INSERT INTO audit_event ({_NAMES}, hash)"  # noqa: S608  # our own words
        f" SELECT {', '.join(f'v.{name}' for name in COLUMNS)}, decode(v.hash, 'hex')"
        f" FROM {moved} CROSS JOIN json_to_recordset(%s::json) AS v({_TYPES}, hash text)"
    )


_ADD = f"WITH moved AS ({MOVE} RETURNING id) {addition('moved')}"
_LINE = "%s\t" * len(COLUMNS) + "\\\\x%s\n"
_COPY = f"COPY audit_event ({_NAMES}, hash) FROM STDIN"
_INSERT = f"INSERT INTO audit_event ({_NAMES}, hash) VALUES ({', '.join(['%s'] * (len(COLUMNS) + 1))})"  # noqa: S608  # our own words
_BEGIN = (
    "INSERT INTO audit_chain (began, before, number, hash, first_kept, hash_before)"
    " VALUES (%s, %s, 0, %s, 1, %s) RETURNING id"
)


class _End:
    """Where a chain ends, as far as this process knows. `id` 0: it has not begun."""

    id = 0
    number = 0
    hash = b""


_idle: deque[_End] = deque()
"""Chains whose threads have ended. Servers end idle threads, and the next one goes on with the chain."""


class _Mine(threading.local):
    """This thread's chain; `loan` is gone when the thread is."""

    def __init__(self) -> None:
        self.end = _idle_one() or _End()
        self.loan = _Loan()
        weakref.finalize(self.loan, _idle.append, self.end).atexit = False


class _Loan:
    pass


def _idle_one() -> _End | None:
    try:
        return _idle.pop()
    except IndexError:
        return None


_mine = _Mine()
Write = Callable[[Sequence[Any], list[Row], list[bytes]], bool]


def add(events: Sequence[Event]) -> None:
    """Write the events at the end of this thread's chain, in the transaction that is under way if there is
    one.
    """
    if not events:
        return
    while not (_mine.end.id and _added(events)):
        _look()


def add_by(events: Sequence[Event], carry_out: Callable[[Sequence[Any], str], bool]) -> None:
    """PostgreSQL: write the events by a statement that does more than that, all or nothing.

    `carry_out` gets the parameters of MOVE and of `addition`, and says whether the chain was moved; else it
    has written nothing, and is called again. Raises what it raises.
    """

    def write(move: Sequence[Any], rows: list[Row], hashes: list[bytes]) -> bool:
        return carry_out(move, _told(rows, hashes))

    while not (_mine.end.id and _added(events, write)):
        _look()


def place() -> tuple[int, int]:
    """The number of this thread's chain and that of its last event; begins a chain if it has none."""
    if not _mine.end.id:
        _look()
    return _mine.end.id, _mine.end.number


def reached(chain: int) -> int:
    """The number of the last event of somebody's chain, when a transaction that is adding to it has ended."""
    when_free = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT number FROM audit_chain WHERE id = %s" + when_free, [chain])  # noqa: S608  # our own words
        return int(cursor.fetchone()[0])


def _added(events: Sequence[Event], write: Write | None = None) -> bool:
    """Whether the thread knew where its chain ends; else nothing is written."""
    end = _mine.end
    first = end.id * NUMBERS + end.number + 1
    rows = [row(first + place, event) for place, event in enumerate(events)]
    hashes = hashed(end.hash, rows)
    number, last = end.number + len(rows), hashes[-1] if hashes else end.hash
    move = (number, last, end.id, end.number, end.hash)
    if write is None:
        write = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    if not write(move, rows, hashes):
        return False
    end.number, end.hash = number, last
    return True


def _on_postgresql(move: Sequence[Any], rows: list[Row], hashes: list[bytes]) -> bool:
    if len(rows) >= FROM_HERE_ON_BY_COPY:
        return _by_copy(move, rows, hashes)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, (*move, _told(rows, hashes)))
        return bool(cursor.rowcount)


def _told(rows: list[Row], hashes: list[bytes]) -> str:
    """The rows as JSON."""
    told = [
        dict(zip(COLUMNS, each, strict=True), hash=digest.hex())
        for each, digest in zip(rows, hashes, strict=True)
    ]
    return orjson.dumps(told).decode()


def _by_copy(move: Sequence[Any], rows: list[Row], hashes: list[bytes]) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MOVE, move)
        if not cursor.rowcount:
            return False
        # Django makes the errors of its own statements its own, not those of COPY.
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            copy.write(_lines(rows, hashes))
    return True


def _lines(rows: list[Row], hashes: list[bytes]) -> str:
    """https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.2"""
    lines = "".join(map(_line, rows, hashes))
    number = len(rows)
    # What separates and escapes is seldom in texts: then there is just as much of it as we have put there.
    ours = {"\t": len(COLUMNS) * number, "\n": number, "\\": 2 * number, "\r": 0}
    if any(lines.count(each) != times for each, times in ours.items()):
        escaped = [tuple(_escaped(str(column)) for column in columns) for columns in rows]
        lines = "".join(map(_line, escaped, hashes))
    return lines


def _line(columns: Row, digest: bytes) -> str:
    return _LINE % (*columns, digest.hex())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _on_sqlite(move: Sequence[Any], rows: list[Row], hashes: list[bytes]) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MOVE, move)
        if not cursor.rowcount:
            return False
        cursor.executemany(_INSERT, [(*each, digest) for each, digest in zip(rows, hashes, strict=True)])
    return True


def _look() -> None:
    """Find out where this thread's chain ends; begin one if it has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, hash FROM audit_chain WHERE id = %s", (_mine.end.id,))
        found = cursor.fetchone()
    if found is None:
        _begin()
    else:
        _mine.end.number, _mine.end.hash = found[0], bytes(found[1])


def _begin() -> None:
    """Begin a chain behind the last one, one thread at a time.

    On PostgreSQL over a connection of its own: others who begin a chain would else wait for the end of the
    transaction under way. SQLite has one writer at a time, from the beginning of its transaction.
    """
    if connection.vendor != "postgresql":
        with transaction.atomic():
            _begin_by(connection)
        return
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            # Given back when the connection is closed.
            cursor.execute("SELECT pg_advisory_lock(%s)", (_ONE_BEGINS,))
        _begin_by(other)
    finally:
        other.close()


def _begin_by(database: BaseDatabaseWrapper) -> None:
    began = now()
    with database.cursor() as cursor:
        cursor.execute("SELECT id, began, before FROM audit_chain ORDER BY id DESC LIMIT 1")
        last = cursor.fetchone()
        before = digest(*last) if last else bytes(32)
        cursor.execute(_BEGIN, (began, before, before, before))
        (number,) = cursor.fetchone()
    _mine.end.id, _mine.end.number, _mine.end.hash = number, 0, before


def digest(chain: int, began: int, before: bytes) -> bytes:
    """What the chain after this one begins with."""
    return sha256(orjson.dumps((chain, began)) + bytes(before)).digest()

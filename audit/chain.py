"""The chain of each writer. A writer is a thread, so that nobody waits for anybody.

A thread knows where its chain ends, and the statement that adds to it says so. Where a transaction was
rolled back the thread is ahead of its chain: the statement adds nothing, and the thread looks anew.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson
from django.db import IntegrityError, connection, transaction

from audit.events import COLUMNS, Event, Row, hashed, now, row

NUMBERS = 1 << 32
"""How many events a chain can have: an event's id is its chain's number times this plus its own."""
FROM_HERE_ON_BY_COPY = 20
"""PostgreSQL takes many rows by COPY in half the time; few go in one statement."""

_NAMES = ", ".join(COLUMNS)
_TYPES = ", ".join(
    f"{name} {'bigint' if name in ('id', 'time') else 'int' if name == 'status' else 'text'}"
    for name in COLUMNS
)
_MOVE = "UPDATE audit_chain SET number = %s, hash = %s WHERE id = %s AND number = %s AND hash = %s"
_ADD = (
    f"WITH moved AS ({_MOVE} RETURNING id) INSERT INTO audit_event ({_NAMES}, hash)"  # noqa: S608  # our own words
    f" SELECT {', '.join(f'v.{name}' for name in COLUMNS)}, decode(v.hash, 'hex')"
    f" FROM moved CROSS JOIN json_to_recordset(%s::json) AS v({_TYPES}, hash text)"
)
_COPY = f"COPY audit_event ({_NAMES}, hash) FROM STDIN"
_INSERT = f"INSERT INTO audit_event ({_NAMES}, hash) VALUES ({', '.join(['%s'] * (len(COLUMNS) + 1))})"  # noqa: S608  # our own words
_BEGIN = (
    "INSERT INTO audit_chain (began, before, number, hash, first_kept, hash_before)"
    " VALUES (%s, %s, 0, %s, 1, %s) RETURNING id"
)


class _Mine(threading.local):
    """Where this thread's chain ends, as far as the thread knows. `id` 0: it has none yet."""

    id = 0
    number = 0
    hash = b""


_mine = _Mine()


def add(events: Sequence[Event]) -> None:
    """Write the events at the end of this thread's chain, in the transaction that is under way if there is
    one.
    """
    if not events:
        return
    while not (_mine.id and _added(events)):
        _look()


def _added(events: Sequence[Event]) -> bool:
    """Whether the thread knew where its chain ends; else nothing is written."""
    first = _mine.id * NUMBERS + _mine.number + 1
    rows = [row(first + place, event) for place, event in enumerate(events)]
    hashes = hashed(_mine.hash, rows)
    number = _mine.number + len(rows)
    move = (number, hashes[-1], _mine.id, _mine.number, _mine.hash)
    write = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    if not write(move, rows, hashes):
        return False
    _mine.number, _mine.hash = number, hashes[-1]
    return True


def _on_postgresql(move: tuple[Any, ...], rows: list[Row], hashes: list[bytes]) -> bool:
    if len(rows) >= FROM_HERE_ON_BY_COPY:
        return _by_copy(move, rows, hashes)
    told = [
        dict(zip(COLUMNS, each, strict=True), hash=digest.hex())
        for each, digest in zip(rows, hashes, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, (*move, orjson.dumps(told).decode()))
        return bool(cursor.rowcount)


def _by_copy(move: tuple[Any, ...], rows: list[Row], hashes: list[bytes]) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MOVE, move)
        if not cursor.rowcount:
            return False
        with cursor.copy(_COPY) as copy:
            copy.write("".join(map(_line, rows, hashes)))
    return True


def _line(columns: Row, digest: bytes) -> str:
    """https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.2"""
    text = "\t".join(map(str, columns))
    if "\\" in text or "\n" in text or "\r" in text or text.count("\t") >= len(columns):
        text = "\t".join(_escaped(str(column)) for column in columns)
    return f"{text}\t\\\\x{digest.hex()}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _on_sqlite(move: tuple[Any, ...], rows: list[Row], hashes: list[bytes]) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MOVE, move)
        if not cursor.rowcount:
            return False
        cursor.executemany(_INSERT, [(*each, digest) for each, digest in zip(rows, hashes, strict=True)])
    return True


def _look() -> None:
    """Find out where this thread's chain ends; begin one if it has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, hash FROM audit_chain WHERE id = %s", (_mine.id,))
        found = cursor.fetchone()
    if found is None:
        _begin()
    else:
        _mine.number, _mine.hash = found[0], bytes(found[1])


def _begin() -> None:
    """Begin a chain behind the last one. Of two that do so at once, one looks again for the last."""
    while not _begun():
        pass


def _begun() -> bool:
    began = now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, began, before FROM audit_chain ORDER BY id DESC LIMIT 1")
        last = cursor.fetchone()
        before = digest(*last) if last else bytes(32)
        try:
            with transaction.atomic():
                cursor.execute(_BEGIN, (began, before, before, before))
                (_mine.id,) = cursor.fetchone()
        except IntegrityError:
            return False
    _mine.number, _mine.hash = 0, before
    return True


def digest(chain: int, began: int, before: bytes) -> bytes:
    """What the chain after this one begins with."""
    return sha256(orjson.dumps((chain, began)) + bytes(before)).digest()

"""A transaction of somebody else's in the way, so that others are caught in the middle of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.fhir.serving import database_url, until

_COLUMNS = "id, type, fhir_id, key, version, last_updated, method, deleted, patient, date, text"


@contextmanager
def held(resource_type: str, fhir_id: str) -> Iterator[psycopg.Connection[Any]]:
    """Whoever creates this resource waits until the block ends; then it is as if nobody had held it."""
    with psycopg.connect(database_url()) as holder:
        holder.execute(
            f"INSERT INTO fhir_resource ({_COLUMNS}) VALUES (-1, %s, %s, 0, 1, 0, 'PUT', false, 0, 0, '')",
            (resource_type, fhir_id),
        )
        try:
            yield holder
        finally:
            holder.rollback()


def waiting(count: int) -> list[int]:
    """The process ids of so many database sessions that wait for a lock, once there are so many."""
    with psycopg.connect(database_url(), autocommit=True) as observer:
        return list(until(lambda: _all(_waiting(observer), count), f"{count} sessions that wait"))


def gone(sessions: list[int]) -> None:
    """Return once none of these database sessions is there any more."""
    with psycopg.connect(database_url(), autocommit=True) as observer:
        until(lambda: not set(sessions) & set(_sessions(observer)), "the end of sessions")


def deadlocks() -> int:
    """How many deadlocks the database has ended so far."""
    with psycopg.connect(database_url(), autocommit=True) as observer:
        found = observer.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return int(found[0]) if found else 0


def _all(found: list[int], count: int) -> list[int]:
    return found if len(found) >= count else []


def _waiting(observer: psycopg.Connection[Any]) -> list[int]:
    return _pids(observer, "datname = current_database() AND wait_event_type = 'Lock'")


def _sessions(observer: psycopg.Connection[Any]) -> list[int]:
    return _pids(observer, "datname = current_database()")


def _pids(observer: psycopg.Connection[Any], where: str) -> list[int]:
    rows = observer.execute(f"SELECT pid FROM pg_stat_activity WHERE {where}").fetchall()
    return [row[0] for row in rows]

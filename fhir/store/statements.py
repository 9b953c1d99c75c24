"""The SQL that writes changes: for PostgreSQL one statement for any number of them, for SQLite one for each
table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from audit import chain
from audit.events import Event
from audit.recording import record
from fhir.condition import Condition
from fhir.enforcement import AccessLapsed
from fhir.rows import ON_POSTGRESQL, fetched
from fhir.tables import INDEX_TABLES, RESOURCES, Row, Table, array, column_arrays, row_array

Rows = dict[Table, list[Row]]

_UPSERT = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}"
    for name, _ in RESOURCES.columns
    if name not in ("id", "type", "fhir_id", "key")
)
_KEEP = (
    "INSERT INTO fhir_resourceversion (resource_id, version, last_updated, method, deleted, text) "
    "SELECT o.id, o.version, o.last_updated, o.method, o.deleted, o.text FROM fhir_resource o"
)


@lru_cache(maxsize=64)
def _array_statement(alive: str) -> str:
    """One statement that keeps superseded versions, writes resources, adds index rows and events, if the
    guard holds and the chain of events ends where this thread believes."""
    parts = [
        f"a AS MATERIALIZED (SELECT {alive} AS alive)",
        f"m AS ({chain.MOVE} AND (SELECT alive FROM a) RETURNING id)",
        f"e AS ({chain.addition('m')})",
        "g AS MATERIALIZED (SELECT alive AS holds, alive AND EXISTS (SELECT 1 FROM m) AS alive FROM a)",
        f"v AS ({_KEEP}, g WHERE g.alive AND o.id = ANY(%s::bigint[]))",
        f"r AS (INSERT INTO {RESOURCES.name} ({RESOURCES.names}) "
        f"SELECT u.* FROM {RESOURCES.by_column} u, g WHERE g.alive {_UPSERT})",
    ]
    parts += [
        f"i{position} AS (INSERT INTO {table.name} SELECT u.* FROM {table.by_row} u, g WHERE g.alive)"
        for position, table in enumerate(INDEX_TABLES)
    ]
    return f"WITH {', '.join(parts)} SELECT holds, alive FROM g"


def _removal_statement() -> str:
    """One statement that deletes the index rows with given keys from all tables."""
    parts = []
    for position, table in enumerate(INDEX_TABLES):
        names = [name for name, _ in table.columns[: table.key]]
        match = " AND ".join(f"i.{name} = u.{name}" for name in names)
        parts.append(f"d{position} AS (DELETE FROM {table.name} i USING {table.by_row} u WHERE {match})")
    return f"WITH {', '.join(parts)} SELECT 1"


_REMOVAL = _removal_statement()


def write(
    alive: Condition,
    superseded: list[int],
    resources: list[Row],
    removed: Rows,
    added: Rows,
    events: Sequence[Event],
) -> None:
    """Keep the superseded versions of these row numbers, write the resources' rows, remove and add index
    rows, and add events to the audit trail.

    Raises AccessLapsed, and then nothing may be committed, where the condition `alive` does not hold.
    """
    if ON_POSTGRESQL:
        _write_arrays(alive, superseded, resources, removed, added, events)
        return
    with connection.cursor() as cursor:
        _write_rows(cursor, alive, superseded, resources, removed, added)
    record(*events)


def _write_arrays(
    alive: Condition,
    superseded: list[int],
    resources: list[Row],
    removed: Rows,
    added: Rows,
    events: Sequence[Event],
) -> None:
    """PostgreSQL: removals first, in a statement of their own, since a key may come again."""
    if any(removed.values()):
        fetched(_REMOVAL, [row_array(table, rows) for table, rows in removed.items()])
    params: list[object] = [array(superseded)]
    params += column_arrays(RESOURCES, resources)
    params += [row_array(table, rows) for table, rows in added.items()]

    def carry_out(move: Sequence[object], told: str) -> bool:
        [(holds, moved)] = fetched(_array_statement(alive.sql), [*alive.params, *move, told, *params])
        if not holds:
            raise AccessLapsed
        return bool(moved)

    chain.add_by(events, carry_out)


def _write_rows(
    cursor: Any, alive: Condition, superseded: list[int], resources: list[Row], removed: Rows, added: Rows
) -> None:
    """SQLite: many rows of one table at a time."""
    cursor.execute(f"SELECT {alive.sql}", alive.params)
    if not cursor.fetchone()[0]:
        raise AccessLapsed
    for table, rows in removed.items():
        if rows:
            cursor.executemany(table.removal(), [row[: table.key] for row in rows])
    if superseded:
        cursor.executemany(f"{_KEEP} WHERE o.id = %s", [(number,) for number in superseded])
    if resources:
        marks = ", ".join(["%s"] * len(RESOURCES.columns))
        cursor.executemany(
            f"INSERT INTO {RESOURCES.name} ({RESOURCES.names}) VALUES ({marks}) {_UPSERT}",
            resources,
        )
    for table, rows in added.items():
        if rows:
            cursor.executemany(table.insertion(), rows)

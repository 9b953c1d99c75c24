"""Copies of the index rows of many resources in temporary tables, by resource: the index tables themselves
have no index that begins there."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from fhir.condition import ALWAYS, Condition
from fhir.rows import ON_POSTGRESQL
from fhir.tables import INDEX_TABLES, Row, Table

NUMBER = 3
"""The position of resource_id in the rows of all index tables."""


def prepare() -> None:
    """Make the temporary tables, empty. They last as long as the connection, unless `drop` is called."""
    drop()
    with connection.cursor() as cursor:
        for table in INDEX_TABLES:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {_copy(table)} AS SELECT {table.names} FROM {table.name} LIMIT 0"
            )
            cursor.execute(f"CREATE INDEX {_copy(table)}_resource ON {_copy(table)} (resource_id)")


def drop() -> None:
    """Remove the temporary tables."""
    with connection.cursor() as cursor:
        for table in INDEX_TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {_copy(table)}")


def of_types(column: str, types: Sequence[str]) -> Condition:
    """The condition that a column has one of these types; ALWAYS where none are named."""
    if not types:
        return ALWAYS
    return Condition(f"{column} IN ({', '.join(['%s'] * len(types))})", tuple(types))


def fill(low: int, high: int, types: Sequence[str]) -> int:
    """Copy the index rows of the resources with these numbers, `high` excluded, and of these types (none:
    all, and what belongs to no resource). Returns how many there are."""
    count = 0
    chosen = of_types("type", types)
    where = f" AND resource_id IN (SELECT id FROM fhir_resource WHERE {chosen.sql})" if types else ""
    empty = "TRUNCATE" if ON_POSTGRESQL else "DELETE FROM"
    with connection.cursor() as cursor:
        for table in INDEX_TABLES:
            cursor.execute(f"{empty} {_copy(table)}")
            cursor.execute(
                f"INSERT INTO {_copy(table)} SELECT {table.names} FROM {table.name} "
                f"WHERE resource_id >= %s AND resource_id < %s{where}",
                (low, high, *chosen.params),
            )
            count += cursor.rowcount
    return count


def rows(low: int, high: int) -> dict[Table, set[Row]]:
    """The copied rows of each table whose resources have these numbers, `high` excluded."""
    found: dict[Table, set[Row]] = {}
    with connection.cursor() as cursor:
        for table in INDEX_TABLES:
            cursor.execute(
                f"SELECT {table.names} FROM {_copy(table)} WHERE resource_id >= %s AND resource_id < %s",
                (low, high),
            )
            found[table] = set(cursor.fetchall())
    return found


def _copy(table: Table) -> str:
    return f"{table.name}_copy"

"""The rows of one statement, the short way: Django's cursors cost as much again as what the database does.

Only where nothing asks for more than the rows: not within a transaction, not while statements are counted or
logged. Then, and on other databases, it is Django's own cursor.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

Rows = list[tuple[Any, ...]]

ON_POSTGRESQL = connection.vendor == "postgresql"
"""Which of the two databases this process works with; to ask the connection each time costs microseconds."""


class _Kept(threading.local):
    """One cursor a thread, and the connection that it belongs to."""

    connection: Any = None
    cursor: Any = None


_kept = _Kept()


def fetched(sql: str, params: Sequence[Any]) -> Rows:
    """All rows of a statement with %s placeholders. Raises Django's database errors."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block or database.execute_wrappers or database.queries_logged:
        return _by_django(database, sql, params)
    database.ensure_connection()
    with database.wrap_database_errors:
        if not ON_POSTGRESQL:
            return database.connection.execute(_marked(sql), params).fetchall()  # type: ignore[no-any-return]
        found: Rows = _cursor(database.connection).execute(sql, params).fetchall()
        return found


def _by_django(database: BaseDatabaseWrapper, sql: str, params: Sequence[Any]) -> Rows:
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        found: Rows = cursor.fetchall()
        return found


def _cursor(connection: Any) -> Any:
    if _kept.connection is not connection:
        _kept.connection, _kept.cursor = connection, connection.cursor()
    return _kept.cursor


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    """With SQLite's placeholders. https://www.sqlite.org/lang_expr.html#varparam"""
    return sql.replace("%%", "\0").replace("%s", "?").replace("\0", "%")

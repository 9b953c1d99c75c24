"""Somebody with the database's own rights, who switches the triggers off."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from audit import append_only

_TABLES = ("audit_event", "audit_chain", "audit_removal")


@contextmanager
def without_triggers() -> Iterator[Any]:
    """A cursor for which the audit trail is a table like any other."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for table in _TABLES if on_postgresql else ():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for name in () if on_postgresql else append_only.BANS:
            cursor.execute(f"DROP TRIGGER audit_{name}")
        yield cursor
        for table in _TABLES if on_postgresql else ():
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    append_only.install(connection.alias)

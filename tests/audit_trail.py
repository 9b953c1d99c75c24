"""A pytest plugin: the audit trail in tests. What one test leaves to be written is not for the next one."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import connection

from audit import append_only, chain
from audit.events import Event
from audit.recording import waiting

Flush = Callable[[Any, list[str]], None]
AS_THEY_ARE = "tests.audit_trail.as_they_are"
"""For `audit.recording.remember`: makes events of what was told of each, as JSON."""


def as_they_are(told: Sequence[Sequence[Any]]) -> list[Event]:
    """The events with these members."""
    return [Event(*each) for each in told]


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    yield
    waiting.forget()


@pytest.fixture(scope="session", autouse=True)
def _tests_may_empty_tables() -> Iterator[None]:
    """Between tests that commit, Django empties all tables: also those that nobody else may take from."""
    operations: Any = type(connection.ops)
    flush: Flush = operations.execute_sql_flush

    def without_triggers(self: Any, sql_list: list[str]) -> None:
        # The numbers of chains begin at 1 again, so that a chain kept in mind could be another's by then.
        chain._idle.clear()
        chain._mine.end = chain._End()
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET session_replication_role = replica")
                flush(self, sql_list)
                cursor.execute("SET session_replication_role = origin")
                return
            for name in append_only.BANS:
                cursor.execute(f"DROP TRIGGER IF EXISTS audit_{name}")
        flush(self, sql_list)
        append_only.install(connection.alias)

    operations.execute_sql_flush = without_triggers
    yield
    operations.execute_sql_flush = flush

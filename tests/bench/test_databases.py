"""Filled databases on a server that keeps them."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from bench import databases
from bench.databases import Amount, on_postgres

pytestmark = pytest.mark.postgres
NAME = f"test{os.getpid()}"
WANTED = Amount(NAME, 500)


@pytest.fixture
def fillings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Filling takes a moment only; each is noted, and can be made to fail. What was kept goes at the end."""
    done: list[str] = []

    def fill(url: str, wanted: Amount, environment: dict[str, str], processes: int) -> dict[str, Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
        done.append(url)
        if len(done) == 1:
            raise SystemExit("killed half-way")
        return {"loaded": 500, "seconds": 2.0, "processes": processes}

    monkeypatch.setattr(databases, "_fill", fill)
    yield done
    with psycopg.connect(given("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS smartcdr_bench_{NAME}")


def given(name: str) -> str:
    """The URL of a database on the tests' own server."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def count(url: str) -> int:
    """How many rows there are; then there is one more."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM kept").fetchone()
        connection.execute("INSERT INTO kept VALUES (1)")
    assert found is not None
    return int(found[0])


def test_a_server_keeps_what_was_filled_and_each_run_writes_to_a_copy(fillings: list[str]) -> None:
    with pytest.raises(SystemExit), on_postgres(given("postgres"), WANTED, {}):
        pass
    found = []
    for _ in range(2):
        with on_postgres(given("postgres"), WANTED, {}) as filled:
            found.append((filled.loaded, filled.processes, count(filled.url)))
            copy = filled.url
    assert found == [(500, databases.PROCESSES, 0)] * 2
    assert len(fillings) == 2
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(copy)


def test_the_copy_of_a_killed_run_is_removed_by_the_next_and_one_in_use_is_not(fillings: list[str]) -> None:
    fillings.append("as if one had failed before")
    left_over, in_use = f"{databases.RUNNING}_left", f"{databases.RUNNING}_used"
    with psycopg.connect(given("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {left_over}")
        connection.execute(f"CREATE DATABASE {in_use}")
        try:
            with psycopg.connect(given(in_use)), on_postgres(given("postgres"), WANTED, {}):
                rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {left_over}")
            connection.execute(f"DROP DATABASE IF EXISTS {in_use}")
    assert (left_over,) not in rows
    assert (in_use,) in rows

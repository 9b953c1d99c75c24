"""Where the data are: a filled database for each amount of them, and a copy for each run to write to."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.fill import CLINIC, PUBLISHED
from bench.synthetic.record import patients_for
from tests import postgres_server
from tests.demo_site import ROOT

PROCESSES = 2
RUNNING = "smartcdr_bench_running"
"""What the copies are called, with the process's number behind it."""
Environment = dict[str, str]


@dataclass(frozen=True)
class Amount:
    """What a database is filled with: about so many invented resources, or (0) the published or demonstration
    data."""

    name: str
    resources: int


@dataclass(frozen=True)
class Filled:
    """A database that is ready for a run: how many resources its loading took how many seconds, in how many
    processes."""

    url: str
    loaded: int
    seconds: float
    processes: int


def amount(text: str) -> Amount:
    """10k, 100k, 1M or a number. Raises ValueError for anything else."""
    found = re.fullmatch(r"([1-9][0-9]*)([kKmM]?)", text)
    if found is None:
        raise ValueError(f"{text!r} is not an amount like 10k or 1M")
    unit = {"": 1, "k": 1_000, "m": 1_000_000}[found[2].lower()]
    return Amount(text.lower(), int(found[1]) * unit)


@contextlib.contextmanager
def server(given: str | None) -> Iterator[str]:
    """The URL of a PostgreSQL server: the given one, or one that lives as long as the run. As in production
    it promises that what was committed stays."""
    if given:
        yield given
        return
    binaries = postgres_server.binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL's server is not installed here: apt-get install postgresql")
    with postgres_server.running(binaries, durable=True) as url:
        yield url


@contextlib.contextmanager
def on_postgres(server_url: str, wanted: Amount, environment: Environment) -> Iterator[Filled]:
    """A copy of the filled database, which is made if the server does not have it yet, and stays there."""
    name = f"smartcdr_bench_{wanted.name}"
    with psycopg.connect(_at(server_url, "postgres"), autocommit=True) as connection:
        told = _told(connection, name)
        if told is None:
            _drop(connection, name)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            told = _fill(_at(server_url, name), wanted, environment, PROCESSES)
            with psycopg.connect(_at(server_url, name), autocommit=True) as own:
                own.execute("VACUUM (ANALYZE, FREEZE)")
            _tell(connection, name, told)
        _drop_left_over(connection)
        copy = f"{RUNNING}_{os.getpid()}"
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(copy), sql.Identifier(name)
            )
        )
        try:
            # Being connected keeps others from taking it for left over.
            with psycopg.connect(_at(server_url, copy), autocommit=True):
                yield Filled(_at(server_url, copy), **told)
        finally:
            _drop(connection, copy)


@contextlib.contextmanager
def on_sqlite(directory: str, wanted: Amount, environment: Environment) -> Iterator[Filled]:
    """A file in this directory. SQLite has one writer, so one process fills it."""
    url = f"sqlite:///{directory}/bench.sqlite3"
    yield Filled(url, **_fill(url, wanted, environment, 1))


def _fill(url: str, wanted: Amount, environment: Environment, processes: int) -> dict[str, Any]:
    print(f"Loading {wanted.name} ...", flush=True)
    environment = environment | {"DATABASE_URL": url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    begun = time.monotonic()
    if wanted.resources:
        _run(environment, [[CLINIC]])
        patients = patients_for(wanted.resources)
        begun = time.monotonic()
        shares = [[str(patients), str(share), str(processes)] for share in range(processes)]
    else:
        processes, shares = 1, [[PUBLISHED]]
    loaded = _run(environment, shares)
    return {"loaded": loaded, "seconds": time.monotonic() - begun, "processes": processes}


def _run(environment: Environment, shares: list[list[str]]) -> int:
    """Load these shares at the same time; returns how many resources they were."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.fill", *share],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    told = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("The data could not be loaded.")
    return sum(int(text) for text in told)


def _told(connection: psycopg.Connection[Any], name: str) -> dict[str, Any] | None:
    """What a filled database says of its loading. One that was left half-way says nothing."""
    found = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,)
    ).fetchone()
    told: dict[str, Any] | None = json.loads(found[0]) if found and found[0] else None
    return told


def _tell(connection: psycopg.Connection[Any], name: str, told: dict[str, Any]) -> None:
    connection.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(json.dumps(told)))
    )


def _drop_left_over(connection: psycopg.Connection[Any]) -> None:
    """Drop the copies of runs that were killed."""
    copies = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (RUNNING,)
    ).fetchall()
    for (name,) in copies:
        with contextlib.suppress(psycopg.errors.ObjectInUse):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _at(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

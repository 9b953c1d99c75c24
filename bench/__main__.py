"""`python -m bench`: run the benchmark on SQLite and on PostgreSQL and print a table for each."""

import argparse
import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psycopg
import requests
from cryptography.fernet import Fernet

from bench.load import Measured, WrongAnswerError, measure
from bench.report import Line, fault, table
from bench.rows import Row, Rows
from bench.tokens import CLINICIAN_SCOPE, PATIENT_SCOPE, App, Token
from tests import postgres_server
from tests.demo_site import ROOT

WORKERS, BLOCKING_THREADS = 2, 3
TOKENS = 64
LEAST_SECONDS_FOR_TRANSACTIONS = 20
REPORT = ROOT / ".artifacts" / "bench.txt"


def main() -> int:
    """Exit status 0 if every run counts; whether the goals are met is for the reader of the tables."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _end)
    texts, faults = [], []
    for database in arguments.databases:
        with (
            tempfile.TemporaryDirectory(prefix="smartcdr-bench-") as directory,
            _database(database, directory) as url,
        ):
            lines, facts = _run(Path(directory), url, arguments)
        texts.append(table(database, facts, lines))
        print("\n" + texts[-1], flush=True)
        faults += [text for text in [fault(lines)] if text]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(texts + faults))
    print("\n".join(faults))
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", type=int, default=1, help="how often the data is loaded")
    parser.add_argument("--seconds", type=float, default=6, help="how long each row is measured")
    parser.add_argument(
        "--databases", nargs="+", choices=["SQLite", "PostgreSQL"], default=["SQLite", "PostgreSQL"]
    )
    parser.add_argument("--rows", nargs="+", help="only rows whose name begins so; the floor is always there")
    return parser.parse_args()


def _run(directory: Path, url: str, arguments: argparse.Namespace) -> tuple[list[Line], str]:
    port = postgres_server.free_port()
    site = f"http://localhost:{port}"
    # As in production: no DEVELOPMENT. What development alone permits is the client's address on localhost.
    environment = os.environ | {
        "DATABASE_URL": url,
        "SITE_URL": site,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOW_INSECURE_CLIENT_URLS": "1",
        "LOG_LEVEL": "WARNING",
    }
    environment.pop("DEVELOPMENT", None)
    print(f"Loading the data {arguments.size} time(s) ...", flush=True)
    prepare = [sys.executable, "-m", "bench.prepare", str(directory), str(arguments.size)]
    subprocess.run(prepare, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    if url.startswith("postgres"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    facts = json.loads((directory / "facts.json").read_text())
    with _serving(port, environment):
        rows = _rows(facts, site, environment)
        bundle = _typical(directory / "bundles")
        made = [
            rows.constant(),
            rows.floor(),
            rows.refresh(),
            rows.introspection(),
            rows.read(),
            rows.search(),
        ]
        made += [rows.create(), rows.transaction(bundle)]
        chosen = [row for row in made if _is_chosen(row, arguments.rows)]
        lines = [Line(row, _measure(row, port, arguments.seconds)) for row in chosen]
    summary = f"{len(facts['addresses']):,} resources, {2 * TOKENS} tokens, {WORKERS} workers, 16 connections"
    return lines, summary


def _rows(facts: dict[str, list[dict[str, str]]], site: str, environment: dict[str, str]) -> Rows:
    print(f"Authorizing {2 * TOKENS} times ...", flush=True)
    app = App(site, environment)
    patients = sorted({search["patient"].partition("/")[2] for search in facts["searches"]})
    narrow = [
        app.authorize(PATIENT_SCOPE, patient) for patient in random.Random(4).choices(patients, k=TOKENS)
    ]
    wide: list[Token] = [app.authorize(CLINICIAN_SCOPE) for _ in range(TOKENS)]

    def stored(address: str) -> bytes:
        return requests.get(f"{site}/bench/floor/{address}", timeout=30).content

    return Rows(facts, app, wide, narrow, stored)


def _measure(row: Row, port: int, seconds: float) -> Measured:
    print(f"  {row.name} ...", flush=True)
    # A transaction takes seconds where sixteen share two cores: only a longer look sees enough of them.
    seconds = max(seconds, LEAST_SECONDS_FOR_TRANSACTIONS) if row.resources else seconds
    measured = measure(port, row.sources, seconds, min(2.0, seconds / 2), row.answered)
    for exchange, body in measured.samples:
        if not row.judge(exchange, body):
            raise WrongAnswerError(f"{row.name}: {exchange.request[:300]!r} got {body[:3000]!r}")
    return measured


def _is_chosen(row: Row, names: list[str] | None) -> bool:
    always = ("constant", "floor")
    return names is None or row.name.startswith((*always, *names))


def _typical(bundles: Path) -> bytes:
    """One patient's Bundle: the one of middle size."""
    patients = sorted(bundles.glob("patient-*.json"), key=lambda path: path.stat().st_size)
    return patients[len(patients) // 2].read_bytes()


@contextlib.contextmanager
def _database(name: str, directory: str) -> Iterator[str]:
    if name == "SQLite":
        yield f"sqlite:///{directory}/bench.sqlite3"
        return
    binaries = postgres_server.binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL's server is not installed here: apt-get install postgresql")
    with postgres_server.running(binaries, durable=True) as url:
        with psycopg.connect(url.replace("/smartcdr", "/postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE smartcdr")
        yield url


@contextlib.contextmanager
def _serving(port: int, environment: dict[str, str]) -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--workers", str(WORKERS), "--blocking-threads", str(BLOCKING_THREADS), "--no-ws"]
    server = subprocess.Popen(
        [*command, "--log-level", "warning", "bench.wsgi:application"], cwd=ROOT, env=environment
    )
    try:
        while server.poll() is None and not _answers(f"http://localhost:{port}/readyz"):
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench`: run the benchmark on SQLite and on PostgreSQL, print a table for each run and one that
compares runs with different amounts of data."""

import argparse
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from cryptography.fernet import Fernet

from bench.databases import Amount, Filled, amount, on_postgres, on_sqlite, server
from bench.growth import growth
from bench.report import Result, fault, table
from bench.run import run
from tests import postgres_server
from tests.demo_site import ROOT

ARTIFACTS = ROOT / ".artifacts"
REPORT, PLANS = ARTIFACTS / "bench.txt", ARTIFACTS / "bench-plans.txt"
PUBLISHED = Amount("published", 0)


def main() -> int:
    """Exit status 0 if every run counts; whether the goals are met is for the reader of the tables."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _end)
    ARTIFACTS.mkdir(exist_ok=True)
    PLANS.write_text("")
    REPORT.write_text("")
    faults = []
    for database in arguments.databases:
        results = []
        with _server(database, arguments.use) as url:
            for wanted in arguments.sizes or [PUBLISHED]:
                results.append(_run(database, url, wanted, arguments))
                _say(table(results[-1]))
        if len(results) > 1:
            _say(growth(results))
        faults += [text for each in results for text in [fault(each)] if text]
    _say("\n".join(faults))
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--sizes",
        nargs="*",
        type=amount,
        help="so many invented resources: 10k 100k 1M; without: published or demonstration data",
    )
    parser.add_argument("--seconds", type=float, default=6, help="how long each row is measured in a round")
    parser.add_argument("--repeat", type=int, default=1, help="how many rounds; medians are shown")
    parser.add_argument(
        "--databases", nargs="+", choices=["SQLite", "PostgreSQL"], default=["SQLite", "PostgreSQL"]
    )
    parser.add_argument(
        "--use", metavar="URL", help="a PostgreSQL server that keeps the filled databases for the next time"
    )
    parser.add_argument(
        "--rows", nargs="+", help="only rows whose name begins so; the floors are always there"
    )
    arguments = parser.parse_args()
    arguments.plans = PLANS
    return arguments


def _run(database: str, server_url: str, wanted: Amount, arguments: argparse.Namespace) -> Result:
    port = postgres_server.free_port()
    with tempfile.TemporaryDirectory(prefix="smartcdr-bench-") as directory:
        # As in production: no DEVELOPMENT. What development alone permits is a client's address on localhost.
        environment = os.environ | {
            "SITE_URL": f"http://localhost:{port}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "ALLOW_INSECURE_CLIENT_URLS": "1",
            "LOG_LEVEL": "WARNING",
            # That no static files were collected is no concern here.
            "PYTHONWARNINGS": "ignore::UserWarning",
            "EXPORT_DIRECTORY": f"{directory}/exports",
        }
        environment.pop("DEVELOPMENT", None)
        with _filled(database, server_url, directory, wanted, environment) as filled:
            environment["DATABASE_URL"] = filled.url
            return run(database, wanted, filled, port, environment, arguments)


@contextlib.contextmanager
def _server(database: str, use: str | None) -> Iterator[str]:
    if database == "SQLite":
        yield ""
        return
    with server(use) as url:
        yield url


@contextlib.contextmanager
def _filled(
    database: str, server_url: str, directory: str, wanted: Amount, environment: dict[str, str]
) -> Iterator[Filled]:
    if database == "SQLite":
        made = on_sqlite(directory, wanted, environment)
    else:
        made = on_postgres(server_url, wanted, environment)
    with made as filled:
        yield filled


def _say(text: str) -> None:
    print("\n" + text, flush=True)
    with Path(REPORT).open("a") as report:
        report.write(text + "\n")


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())

"""`make test`: the whole suite on SQLite, then what uses the database on a PostgreSQL that is started for it.

What the database has no say in runs once (tests/database_use.py). Words on the command line go to pytest. The
second run needs the server's binaries; without them pytest's report names what is lacking. A failure ends the
run there and then, so the last line is always the verdict.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

import pytest

from tests import postgres_server

# One worker per core, and no more databases than a laptop can bear.
PYTEST = [sys.executable, "-m", "pytest", "-n", "auto", "--maxprocesses=8", "--dist=loadgroup"]


def main(words: list[str]) -> int:
    """Run the suite once per database; the exit status is that of the first run that failed, else 0."""
    # A run that is told to end still stops the database server that it started.
    signal.signal(signal.SIGTERM, _end)
    status = _suite("SQLite", "sqlite://:memory:", words)
    directory = postgres_server.binaries()
    if status or directory is None:
        return status
    with postgres_server.running(directory, durable=False) as url:
        status = _suite("PostgreSQL", url, [*words, "--other-database"])
    # The words may have named nothing that uses the database.
    return 0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else status


def _suite(name: str, database_url: str, words: list[str]) -> int:
    print(f"\nThe suite on {name}", flush=True)
    # What is compiled once, assertions included, is there for the other run and for every process of a test.
    environment = os.environ | {"DATABASE_URL": database_url, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([*PYTEST, *words], env=environment, check=False).returncode


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

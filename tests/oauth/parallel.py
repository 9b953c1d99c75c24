"""Token requests from several processes at the same moment, against one database, as several workers would
get them.

SQLite in memory belongs to one process, so that its tests work on a copy of the database in a file.
"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from django.db import connection


def at_once(form: dict[str, str], headers: dict[str, str], times: int, directory: Path) -> list[int]:
    """Send the same token request from `times` processes; the statuses of the answers, in ascending order.

    Call from a test with `django_db(transaction=True)`, so that the processes see its rows.
    """
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": shared_database(directory),
    }
    command = [sys.executable, "-m", "tests.oauth.parallel"]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            for _ in range(times)
        ]
        assert [_line_of(worker) for worker in workers] == ["ready"] * times
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(json.dumps([form, headers]) + "\n")
            worker.stdin.flush()
        return sorted(int(_line_of(worker)) for worker in workers)


def living(directory: Path) -> tuple[int, int]:
    """How many access and refresh tokens are not revoked in the database that the processes shared."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(_file(directory))) as copy:
            access, refresh = (int(copy.execute(sql).fetchone()[0]) for sql in _COUNTS)
            return access, refresh
    with connection.cursor() as cursor:
        access, refresh = (_one(cursor, sql) for sql in _COUNTS)
        return access, refresh


_COUNTS = (
    "SELECT count(*) FROM oauth_accesstoken WHERE revoked IS NULL",
    "SELECT count(*) FROM oauth_refreshtoken WHERE revoked IS NULL",
)


def _one(cursor: Any, sql: str) -> int:
    cursor.execute(sql)
    return int(cursor.fetchone()[0])


def _line_of(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def _file(directory: Path) -> Path:
    return directory / "shared.sqlite3"


def shared_database(directory: Path) -> str:
    """The address of the database for processes of their own: on SQLite a copy of it, made in the directory.

    Call from a test with `django_db(transaction=True)`.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(_file(directory))])
        _keep_a_log(_file(directory))
        return f"sqlite:///{_file(directory)}"
    where = connection.settings_dict
    return f"postgres://{where['USER']}:{where['PASSWORD']}@{where['HOST']}:{where['PORT']}/{where['NAME']}"


def _keep_a_log(file: Path) -> None:
    """Make the copy write ahead, as every database is that `migrate` made.

    A copy never does, and of several processes that ask for it at once all but one are told without waiting
    that the database is locked: https://www.sqlite.org/wal.html#activating_and_configuring_wal_mode
    """
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)


def work() -> None:
    """One worker: get ready, wait for the request, send it, say the status."""
    import django

    django.setup()
    from tests.oauth.flow import post_token

    connection.ensure_connection()
    print("ready", flush=True)
    form, headers = json.loads(sys.stdin.readline())
    print(post_token(form, headers).status_code, flush=True)


if __name__ == "__main__":
    work()

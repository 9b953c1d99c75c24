"""Registrations from several processes at the same moment, against one database, as several workers would get
them.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.oauth import parallel


def at_once(method: str, path: str, metadata: Any, token: str, times: int, directory: Path) -> list[str]:
    """Send the same request from `times` processes; the statuses of the answers in ascending order, with the
    word "secret" where one was told.

    Call from a test with `django_db(transaction=True)`, so that the processes see its rows.
    """
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": parallel.shared_database(directory),
        "DYNAMIC_REGISTRATION": "1",
    }
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(environment)) for _ in range(times)]
        assert [_line_of(worker) for worker in workers] == ["ready"] * times
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(json.dumps([method, path, metadata, token]) + "\n")
            worker.stdin.flush()
        return sorted(_line_of(worker) for worker in workers)


def _worker(environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.oauth.registering_at_once"]
    return subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _line_of(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def work() -> None:
    """One worker: get ready, wait for the request, send it, say the status."""
    import django
    from django.db import connection

    django.setup()
    from tests.oauth.developers import send

    connection.ensure_connection()
    print("ready", flush=True)
    answer = send(*json.loads(sys.stdin.readline()))
    print(
        f"{answer.status_code} secret" if "client_secret" in answer.json() else answer.status_code, flush=True
    )


if __name__ == "__main__":
    work()

"""Claims of one launch from several processes at the same moment, against one database.

Each worker says that it is ready, waits for a line, claims, and says whether it won.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.oauth.parallel import shared_database

if TYPE_CHECKING:
    from launch.models import LaunchContext


def winners(launch: LaunchContext, times: int, directory: Path) -> int:
    """How many of `times` claims at once were told that they won.

    Call from a test with `django_db(transaction=True)`, so that the processes see its rows.
    """
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": shared_database(directory),
    }
    command = [sys.executable, "-m", "tests.launch.claiming", launch.pk, str(launch.application_id)]
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
            worker.stdin.write("go\n")
            worker.stdin.flush()
        return [_line_of(worker) for worker in workers].count("True")


def _line_of(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def work(launch_id: str, application_id: int) -> None:
    """One worker."""
    import django

    django.setup()
    from django.db import connection

    from launch.context import claim
    from launch.models import LaunchContext

    launch = LaunchContext(pk=launch_id)
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    print(claim(launch, application_id, f"request-{os.getpid()}"), flush=True)


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))

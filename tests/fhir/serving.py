"""The server as it runs in production, in processes of its own, on the database of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tests import postgres_server

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""How long anything may take that is waited for."""

Json = dict[str, Any]


def database_url() -> str:
    """The DATABASE_URL of the tests' database, on PostgreSQL."""
    place = connection.settings_dict
    user = f"{place['USER']}:{place['PASSWORD']}"
    return f"postgres://{user}@{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}"


def environment(**more: str) -> dict[str, str]:
    """What processes beside the tests need to work on the same database."""
    own = {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url()}
    return os.environ | own | {"AUDIT_IN_BACKGROUND": "1"} | more


def command(*words: str) -> subprocess.Popen[str]:
    """A management command in a process of its own; it has ended when `communicate` returns."""
    return subprocess.Popen(
        [sys.executable, "-m", "django", *words],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` returns, asked again and again until it is true. AssertionError after SECONDS."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"Waited in vain: {what}."
        time.sleep(0.01)  # between two questions; nothing depends on how long
    return found


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        """The body, which must be JSON."""
        value: Json = json.loads(self.body)
        return value

    @property
    def version(self) -> int:
        """The version in the ETag."""
        return int(self.headers["etag"].removeprefix('W/"').rstrip('"'))


@dataclass
class Server:
    """A running server; `authorization` goes with every request."""

    port: int
    process: subprocess.Popen[bytes]
    authorization: str = ""
    _hosts: dict[str, str] = field(default_factory=lambda: {"Host": urlsplit(settings.SITE_URL).netloc})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """The reply to a request below the FHIR base, on a connection of its own.

        A body is sent as FHIR's JSON, bytes as they are, and an iterator in chunks.
        """
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        sent = self._hosts | {"Content-Type": "application/fhir+json", "Authorization": self.authorization}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as http:
            http.request(method, f"/fhir/{path}" if not path.startswith("/") else path, data, sent)
            answer = http.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())

    def workers(self) -> list[int]:
        """The process ids of those who answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        named = [int(word) for word in children.split()]
        return [pid for pid in named if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def is_ready(self) -> bool:
        """Whether requests are answered."""
        try:
            return self.send("GET", "/readyz").status == 200
        except (OSError, HTTPException):
            return False


@contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """A server with two workers of three threads each, and these settings."""
    port = postgres_server.free_port()
    words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    words += ["--blocking-threads", "2", "--no-ws", "--respawn-failed-workers", "--log-level", "warning"]
    # A worker that is told to stop while it is still starting may never hear it.
    words += ["--workers-kill-timeout", "10"]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *words, "smartcdr.wsgi:application"],
        cwd=ROOT,
        env=environment(**settings),
    )
    server = Server(port, process)
    try:
        until(lambda: process.poll() is not None or server.is_ready(), "a server that is ready")
        assert process.poll() is None, "The server ended by itself."
        yield server
    finally:
        process.terminate()
        process.wait(SECONDS)


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of `work`, called with 0, 1 … in as many threads at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))

"""A pytest plugin: the demonstration as `make demo` runs it, in processes of its own, for tests from outside.

Its database is of the same kind as the run's: a file on SQLite, a database of its own on PostgreSQL.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests import machine, postgres_server

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
STOP_SECONDS = 30


@dataclass(frozen=True)
class DemoSite:
    """A running demonstration; `environment` is what its commands need to reach the same database."""

    url: str
    fhir: str
    users: list[dict[str, str]]
    clients: list[dict[str, Any]]
    environment: dict[str, str]

    def user(self, role: str) -> dict[str, str]:
        """The first account of that role."""
        return next(user for user in self.users if user["role"] == role)

    def client(self, name: str) -> dict[str, Any]:
        """The demonstration's client of that name."""
        return next(client for client in self.clients if client["name"] == name)

    def register(self, **metadata: Any) -> dict[str, str]:
        """Register a client as an operator would; returns its client_id, and client_secret if it has one."""
        command = [sys.executable, "manage.py", "register_client", "-"]
        done = subprocess.run(
            command,
            input=json.dumps(metadata).encode(),
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        answer: dict[str, str] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="session")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """The demonstration, filled and serving, until the tests are over."""
    directory = tmp_path_factory.mktemp("demo")
    port = _two_free_ports()
    with _database(directory, f"smartcdr_demo_{port}") as database_url:
        environment = os.environ | {
            "DEVELOPMENT": "1",
            "DJANGO_SETTINGS_MODULE": "tests.demo_settings",
            "SITE_URL": f"http://localhost:{port}",
            "DATABASE_URL": database_url,
        }
        with _serving(port, directory, environment):
            told = json.loads((directory / "demo.json").read_bytes())
            yield DemoSite(told["site"], told["fhir"], told["users"], told["clients"], environment)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run all tests of the demonstration, so that it is started once."""
    for item in items:
        if "demo_site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("demo_site"))


def _two_free_ports() -> int:
    """A free port whose successor, the Lab Viewer's, is free too."""
    while True:
        port = postgres_server.free_port()
        with contextlib.suppress(OSError, OverflowError), postgres_server.listening(port + 1):
            return port


@contextlib.contextmanager
def _database(directory: Path, name: str) -> Iterator[str]:
    if not machine.on_postgres():
        yield f"sqlite:///{directory / 'demo.sqlite3'}"
        return
    given = urlsplit(os.environ["DATABASE_URL"])
    server = urlunsplit(given._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(given._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def _serving(port: int, directory: Path, environment: dict[str, str]) -> Iterator[None]:
    command = [
        sys.executable,
        "manage.py",
        "demo",
        "--port",
        str(port),
        "--file",
        str(directory / "demo.json"),
    ]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_ready(server, f"http://localhost:{port}/readyz", directory / "log")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(STOP_SECONDS)


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The demonstration did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False

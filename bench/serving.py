"""The product as in production: granian with two workers, and a worker for exports."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import requests

from tests.demo_site import ROOT

WORKERS, BLOCKING_THREADS = 2, 2
START_SECONDS = 120


@contextlib.contextmanager
def serving(port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """The server with the benchmark's own routes beside it. Raises RuntimeError if it does not come up."""
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    options += ["--workers", str(WORKERS), "--blocking-threads", str(BLOCKING_THREADS)]
    command = [sys.executable, "-m", "granian", *options, "--log-level", "warning", "bench.wsgi:application"]
    with _running(command, environment) as server:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"http://localhost:{port}/readyz"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The server did not start.")
            # Nothing tells when a server listens; the deadline above ends this.
            time.sleep(0.2)
        yield


@contextlib.contextmanager
def exporting(environment: Mapping[str, str]) -> Iterator[None]:
    """The worker that carries out exports. It is not waited for: it takes up what it finds."""
    with _running([sys.executable, "manage.py", "db_worker"], environment):
        yield


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False

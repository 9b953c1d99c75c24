"""The demonstration as a newcomer runs it: two servers that start, answer, and stop when told."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_pair() -> int:
    """A port that is free together with the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def await_answer(url: str, process: subprocess.Popen[bytes], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not answers(url):
        assert time.monotonic() < end, f"{url} did not answer"
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"The demonstration ended by itself with status {process.wait(timeout=0.1)}.")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.sqlite3'}"


@pytest.mark.xdist_group("serving")  # with a database that is filled once
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_both_servers_answer_and_a_signal_stops_both_cleanly(
    tmp_path: Path, database: str, stop: signal.Signals
) -> None:
    port = free_pair()
    environment = os.environ | {
        "DEVELOPMENT": "1",
        "SITE_URL": f"http://localhost:{port}",
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "smartcdr.settings",
    }
    command = [
        sys.executable,
        "manage.py",
        "demo",
        "--port",
        str(port),
        "--file",
        str(tmp_path / "demo.json"),
    ]
    with (tmp_path / "out").open("wb") as out:
        demo = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            await_answer(f"http://localhost:{port}/healthz", demo)
            assert answers(f"http://localhost:{port}/fhir/.well-known/smart-configuration")
            assert answers(f"http://localhost:{port + 1}/launch.html")
            demo.send_signal(stop)
            assert demo.wait(timeout=60) == 0
        finally:
            demo.kill()
            demo.wait()
    assert not answers(f"http://localhost:{port}/healthz")
    assert not answers(f"http://localhost:{port + 1}/launch.html")
    assert (tmp_path / "out").read_text().rstrip().endswith("Stopped.")

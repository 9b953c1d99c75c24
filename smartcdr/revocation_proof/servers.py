"""Servers for the proof, each a process of its own on the configured database, as if they were its workers.

They are ordinary granian workers; that each has a port of its own lets one say which of them answers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

from django.conf import settings

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 30


class ServerError(Exception):
    """A server did not start."""


class UnexpectedAnswer(Exception):
    """The site answered with something that the proof has no use for."""


@contextmanager
def serving(count: int) -> Iterator[list[int]]:
    """The ports of `count` servers that answer; they are stopped at the end.

    Raises ServerError, and an UnexpectedAnswer of the block with what the servers said of it.
    """
    with ExitStack() as stack:
        log = stack.enter_context(TemporaryFile())
        started = [(port, stack.enter_context(_process(port, log))) for port in _free_ports(count)]
        for port, process in started:
            if not _becomes_ready(port, process):
                raise ServerError(f"A server did not start:\n{_last_words(log)}")
        try:
            yield [port for port, _ in started]
        except UnexpectedAnswer as fault:
            raise UnexpectedAnswer(f"{fault}\n{_last_words(log)}") from fault


def site_headers() -> dict[str, str]:
    """What a proxy before the servers would say: the site's name, and that it was asked for as it should."""
    scheme, _, host = str(settings.SITE_URL).partition("://")
    return {"Host": host, "X-Forwarded-Proto": scheme, "X-Forwarded-For": HOST}


def _last_words(log: IO[bytes]) -> str:
    """The end of what the servers wrote down, without the refusals, which are what is hoped for."""
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join([line for line in lines if not line.startswith("401 ")][-40:])


@contextmanager
def _process(port: int, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port),
        "--workers", "1", "--blocking-threads", "2", "--no-ws", "--log-level", "warning",
        "--workers-kill-timeout", "10", "smartcdr.wsgi:application",
    ]  # fmt: skip
    # The staff of the proof lives for a minute and has no second factor.
    environment = os.environ | {"STAFF_SECOND_FACTOR": "0"}
    if settings.SITE_URL.startswith("https:"):
        environment["BEHIND_TLS_PROXY"] = "1"
    process = subprocess.Popen(  # noqa: S603  nothing in it comes from outside
        command, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> Sequence[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _becomes_ready(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = monotonic() + START_SECONDS
    while not _answers(port):
        if process.poll() is not None or monotonic() > deadline:
            return False
        # Nothing tells when a server listens; the deadline ends this.
        threading.Event().wait(0.1)
    return True


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=5)
    with suppress(OSError, HTTPException):
        connection.request("GET", "/readyz", headers=site_headers())
        return connection.getresponse().status == 200
    connection.close()
    return False

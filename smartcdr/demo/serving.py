"""Runs the server, a worker for exports and the Lab Viewer beside each other until somebody stops them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from smartcdr.demo.elements import Json
from smartcdr.demo.viewer_server import ViewerServer

HOST: Final = "127.0.0.1"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def taken_ports(port: int) -> list[int]:
    """Which of the two ports, the server's and the Lab Viewer's, another program holds."""
    return [one for one in (port, port + 1) if _is_taken(one)]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that just ended does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def serve(port: int, viewer_config: Json) -> int:
    """Serve until SIGINT or SIGTERM, or until the server ends by itself; returns 0, or its status then."""
    stopped = threading.Event()
    with _viewer(port + 1, viewer_config), _worker(), _server(port) as server:

        def stop(number: int, frame: object) -> None:
            stopped.set()
            server.terminate()

        before = [(one, signal.signal(one, stop)) for one in _SIGNALS]
        try:
            status = server.wait()
        finally:
            for one, handler in before:
                signal.signal(one, handler)
    return 0 if stopped.is_set() else status or 1


@contextmanager
def _viewer(port: int, config: Json) -> Iterator[None]:
    with ViewerServer(port, config) as viewer:
        thread = threading.Thread(target=viewer.serve_forever, name="lab-viewer")
        thread.start()
        try:
            yield
        finally:
            viewer.shutdown()
            thread.join()


@contextmanager
def _worker() -> Iterator[None]:
    """Exports are carried out by a process of their own."""
    command = [sys.executable, "-m", "django", "db_worker", "--no-reload", "--verbosity", "0"]
    worker = subprocess.Popen(command, start_new_session=True)  # noqa: S603  nothing in it comes from outside
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


@contextmanager
def _server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port),
        "--workers", "1", "--blocking-threads", "4", "--no-ws", "--log-level", "warning",
        "smartcdr.wsgi:application",
    ]  # fmt: skip
    # A session of its own: Ctrl-C then reaches this process alone, which tells the server once.
    server = subprocess.Popen(command, start_new_session=True)  # noqa: S603  nothing in it comes from outside
    try:
        yield server
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()

"""A PostgreSQL server of our own for one run: made in a temporary directory, stopped and removed after it."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_SECONDS = 60


def binaries() -> Path | None:
    """The directory that holds initdb and postgres: the newest of Debian's, else that on PATH, else None."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest_first = sorted(packaged, key=lambda path: int(path.parts[-3].split(".")[0]), reverse=True)
    on_path = shutil.which("postgres")
    found = [*newest_first, *([Path(on_path)] if on_path else [])]
    return next((path.parent for path in found if (path.parent / "initdb").exists()), None)


@contextlib.contextmanager
def running(directory: Path, *, durable: bool) -> Iterator[str]:
    """Start a server from the binaries in `directory` and yield the DATABASE_URL of its (not yet made)
    database `smartcdr`.

    It listens on a free loopback port. With `durable` it keeps its promises across a crash as a production
    server does; without, it skips every fsync, which is right for tests. Raises RuntimeError if it does not
    come up.
    """
    owner = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="smartcdr-postgres-"))
    if owner:
        os.chown(home, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
    data, port = home / "data", free_port()
    options: dict[str, object] = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": home,
    }
    options |= {"shared_buffers": "256MB", "max_connections": 60}
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    # Wherever the caller stands, the server's own user may not be allowed to stand.
    rights: dict[str, Any] = {
        "cwd": home,
        "user": owner,
        "group": owner,
        "extra_groups": [] if owner else None,
    }
    try:
        initdb: list[str | Path] = [
            directory / "initdb",
            "--pgdata",
            data,
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
        ]
        subprocess.run(
            [*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL, **rights
        )
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [directory / "postgres", "-D", data, *arguments], stdout=log, stderr=log, **rights
            )
        try:
            _wait_until_ready(directory, server, port, home / "log")
            yield f"postgres://postgres@127.0.0.1:{port}/smartcdr"
        finally:
            _stop(server)
    finally:
        shutil.rmtree(home)


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on."""
    with listening(0) as port:
        return port


@contextlib.contextmanager
def listening(port: int) -> Iterator[int]:
    """Hold a loopback port (0: any free one) for a while; raises OSError if another program has it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        yield int(probe.getsockname()[1])


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root, so root lends it the account that its package made."""
    return "postgres" if os.geteuid() == 0 else None


def _wait_until_ready(directory: Path, server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    question: list[str | Path] = [directory / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}"]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(question, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """End the server and whoever is still connected ("fast shutdown"); by force if it does not obey."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()

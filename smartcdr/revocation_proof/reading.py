"""Readers who go on with every token, living or ended, at every server, and note each read's moments."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from time import monotonic

from smartcdr.revocation_proof.servers import HOST, site_headers

READERS_PER_SERVER = 2
PATIENCE_SECONDS = 30
"""How long is waited for what must happen at some time. Whatever it is, a second is long for it."""
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Read:
    """One read: by which token and server, when it began and was answered (`monotonic`, seconds), and how."""

    token: int
    port: int
    began: float
    answered: float
    status: int

    @property
    def was_served(self) -> bool:
        """Whether the token opened the record."""
        return self.status == 200


class Readers:
    """Threads that read the same record with all tokens in turn, and with the newest to end every other time.

    What they note stands in `reads`; `faults` are answers that are neither the record (200) nor a refusal
    (401), and breaks of the connection.
    """

    def __init__(self, ports: Sequence[int], path: str, tokens: Sequence[str]) -> None:
        self.reads: list[Read] = []
        self.faults: list[str] = []
        self._ports, self._path, self._tokens = ports, path, tokens
        self._newest: int | None = None
        self._over = False
        self._news = threading.Condition()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Read as long as the block lasts."""
        places = [port for port in self._ports for _ in range(READERS_PER_SERVER)]
        step = max(1, len(self._tokens) // len(places))
        threads = [
            threading.Thread(target=self._work, args=(port, number * step), name=f"reader-{number}")
            for number, port in enumerate(places)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over = True
            for thread in threads:
                thread.join()

    def watch(self, token: int) -> None:
        """Read with this token more often from now on: it is about to end."""
        self._newest = token

    def wait_for(self, token: int, served: bool, since: float) -> bool:
        """Wait until every server has answered a read that began after `since` with this token so: served,
        or refused. Returns whether that came about within PATIENCE_SECONDS.
        """
        missing, seen = set(self._ports), 0

        def is_complete() -> bool:
            nonlocal seen
            for read in self.reads[seen:]:
                seen += 1
                if read.token == token and read.began > since and read.was_served == served:
                    missing.discard(read.port)
            return not missing or bool(self.faults)

        with self._news:
            self._news.wait_for(is_complete, PATIENCE_SECONDS)
        return not missing

    def _work(self, port: int, start: int) -> None:
        connection = HTTPConnection(HOST, port, timeout=_SECONDS)
        try:
            for token in self._turns(start):
                if self._over:
                    return
                self._note(read_once(connection, port, self._path, token, self._tokens[token]))
        except (OSError, HTTPException) as fault:
            with self._news:
                self.faults.append(f"{type(fault).__name__} at a server of the proof: {fault}")
                self._news.notify_all()
        finally:
            connection.close()

    def _turns(self, start: int) -> Iterator[int]:
        """Which token comes next, for ever."""
        turn = start
        while True:
            yield turn % len(self._tokens)
            if self._newest is not None:
                yield self._newest
            turn += 1

    def _note(self, read: Read) -> None:
        with self._news:
            self.reads.append(read)
            if read.status not in (200, 401):
                self.faults.append(f"A read was answered with status {read.status}.")
            self._news.notify_all()


def read_once(connection: HTTPConnection, port: int, path: str, token: int, bearer: str) -> Read:
    """One read over a connection, which is kept open. Raises OSError or HTTPException if it breaks."""
    began = monotonic()
    connection.request("GET", path, headers=site_headers() | {"Authorization": f"Bearer {bearer}"})
    answer = connection.getresponse()
    answer.read()
    return Read(token, port, began, monotonic(), answer.status)

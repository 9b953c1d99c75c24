"""Telling the audit trail what happened.

`record` writes in the transaction under way: it holds for refusals and for all that changes something, which
then stand or fall together. `remember` is for reads that were allowed, where a statement for each would cost
as much as the read: they are kept in memory, and twice a second a thread gives them to another process to
write, or writes them itself where there is none. If the process is killed, those of the last moment are lost;
under AUDIT_SYNC none are. A process that ends in order writes them before it does.
"""

from __future__ import annotations

import atexit
import logging
import threading
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import Error, connection

from audit import chain, reads
from audit.events import Event
from audit.writing_process import WritingProcess

logger = logging.getLogger(__name__)

SECONDS = 0.5
MOST = 20_000
"""So many reads wait in memory at the most; whoever comes then writes them first."""
_BYTES = 1 << 20
"""So much of what waits is written in one transaction: some four thousand reads of one resource."""


def record(*events: Event) -> None:
    """Write the events now, in the transaction that is under way. Raises Django's database errors."""
    chain.add(events)


class Waiting:
    """The reads that are still to be written. One thread of the process sees to that."""

    def __init__(self) -> None:
        self._reads: list[bytes] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = WritingProcess()

    def add(self, read: bytes) -> None:
        """Have what was told of a read, by `reads.packed`, written soon."""
        self._reads.append(read)
        if self._thread is None and settings.AUDIT_IN_BACKGROUND:
            self._start()
        # Who is still answered while the process ends comes too late for the last writing.
        if len(self._reads) > MOST or self._ended.is_set():
            self.write()

    def write(self) -> None:
        """Write all that waits by now; what cannot be written goes on waiting. Raises Django's errors.

        What is added meanwhile is for the next time: a few at a time would cost as much as many.
        """
        with self._writing:
            left = len(self._reads)
            while left > 0:
                # Others append to the list meanwhile, and nobody else takes anything out of it.
                written = self._written(_first(self._reads[:left]))
                del self._reads[:written]
                left -= written

    def _written(self, told: list[bytes]) -> int:
        """How many of these are written now, from the first on: by the other process, or else all by us."""
        by_it = self._process.write(told) if self._thread is not None and settings.AUDIT_PROCESS else 0
        if not by_it:
            reads.write(reads.together(told))
        return by_it or len(told)

    def forget(self) -> None:
        """Write nothing of what waits: for tests, whose events are not for the next one."""
        with self._writing:
            self._reads.clear()

    def end(self) -> None:
        """Write the rest, before the process ends."""
        self._ended.set()
        self._process.start_no_more()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._try()
        with self._writing:
            self._process.end()
        connection.close()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._begin()
                # One of them is called, according to how the process was started.
                atexit.register(self.end)
                Finalize(None, self.end, exitpriority=10)

    def _begin(self) -> None:
        thread = threading.Thread(target=self._go_on, name="audit", daemon=True)
        thread.start()
        self._thread = thread

    def _go_on(self) -> None:
        try:
            while not self._ended.wait(SECONDS):
                self._try()
        finally:
            if not self._ended.is_set():
                self._replace()
            connection.close()

    def _replace(self) -> None:
        """Have another thread write what waits: this one fails by what nobody has foreseen, and Python itself
        will report.
        """
        logger.critical("The thread that writes audit events has failed; another takes its place.")
        with self._lock:
            self._begin()

    def _try(self) -> None:
        try:
            self.write()
        except Error:
            logger.exception("%s reads could not be written to the audit trail; they wait.", len(self._reads))
            connection.close()
        if self._process.is_writing:
            # This one is not needed any more.
            connection.close()


def _first(told: list[bytes]) -> list[bytes]:
    """As many as go into one transaction."""
    size = 0
    for number, each in enumerate(told):
        size += len(each)
        if size > _BYTES:
            return told[: max(1, number)]
    return told


waiting = Waiting()


def remember(make: str, what: Any) -> None:
    """Have a read that was allowed written soon, well within a second; under AUDIT_SYNC now.

    `make` is the dotted name of a `reads.Make`, which may ask the database and raises nothing but its errors;
    `what` it was consists of what JSON has, and says when.
    """
    read = reads.packed(make, what)
    if settings.AUDIT_SYNC:
        reads.write(reads.together([read]))
    else:
        waiting.add(read)

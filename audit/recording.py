"""Telling the audit trail what happened.

`record` writes in the transaction under way: it holds for refusals and for all that changes something, which
then stand or fall together. `remember` is for reads that were allowed: they are kept in memory and written
by a thread twice a second, since a statement for each would cost as much as the read. If the process
is killed, those of the last moment are lost; under AUDIT_SYNC none are. A process that ends in order writes
them before it does. `remember_by` is the same for what only becomes events when it is written.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from multiprocessing.util import Finalize
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import Error, connection

from audit import chain
from audit.events import Event, now

Make = Callable[[Sequence[Any]], Iterable[Event]]
"""Makes the events of what was remembered, of many at once."""

logger = logging.getLogger(__name__)

SECONDS = 0.5
MOST = 20_000
"""So many reads wait in memory at the most; whoever comes then writes them first."""
_AT_ONCE = 500
"""So many are made into rows and lines together as stay in a processor's cache."""


def record(*events: Event) -> None:
    """Write the events now, in the transaction that is under way. Raises Django's database errors."""
    chain.add(events)


class Waiting:
    """The reads that are still to be written. One thread of the process writes them."""

    def __init__(self) -> None:
        self._events: list[tuple[Make, Any]] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, make: Make, what: Any) -> None:
        """Have the events that `make` makes of this written soon."""
        self._events.append((make, what))
        if self._thread is None and settings.AUDIT_IN_BACKGROUND:
            self._start()
        # Who is still answered while the process ends comes too late for the last writing.
        if len(self._events) > MOST or self._ended.is_set():
            self.write()

    def write(self) -> None:
        """Write all that waits by now; what cannot be written goes on waiting. Raises Django's errors.

        What is added meanwhile is for the next time: a few at a time would cost as much as many.
        """
        with self._writing:
            left = len(self._events)
            while left > 0:
                # Others append to the list meanwhile, and nobody else takes anything out of it.
                part = self._events[: min(left, _AT_ONCE)]
                chain.add(_made(part))
                del self._events[: len(part)]
                left -= len(part)

    def forget(self) -> None:
        """Write nothing of what waits: for tests, whose events are not for the next one."""
        with self._writing:
            self._events.clear()

    def end(self) -> None:
        """Write the rest, before the process ends."""
        self._ended.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._try()
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
            logger.exception("%s audit events could not be written and go on waiting.", len(self._events))
            connection.close()


def _made(part: Iterable[tuple[Make, Any]]) -> list[Event]:
    """The events of these, in their order."""
    return [
        event
        for make, group in groupby(part, key=itemgetter(0))
        for event in make([what for _, what in group])
    ]


def _as_they_are(events: Sequence[Event]) -> Iterable[Event]:
    return events


waiting = Waiting()


def remember(events: Sequence[Event]) -> None:
    """Have reads that were allowed written soon, well within a second; under AUDIT_SYNC now."""
    if settings.AUDIT_SYNC:
        chain.add(events)
        return
    for event in events:
        waiting.add(_as_they_are, event if event.time else event._replace(time=now()))


def remember_by(make: Make, what: Any) -> None:
    """The same, where the events are still to be made of `what`, which knows its time: by `make`, which gets
    a list of what it was remembered for. It may ask the database, and raises nothing but its errors.
    """
    if settings.AUDIT_SYNC:
        chain.add(list(make([what])))
        return
    waiting.add(make, what)

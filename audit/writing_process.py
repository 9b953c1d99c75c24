"""A process beside a server's own that writes reads that were allowed: it takes no turns with requests.

It is `manage.py write_audit_events`, and gets messages of `audit.reads.together`. When it begins and whenever
it has written one, it tells the number of its chain and that of the last event there. Where it dies without
that, the database can be asked how far its chain has come.

Nothing depends on it: where it does not write, whoever gave it something writes that.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from django.conf import settings
from django.db import transaction

from audit import chain, reads

ANSWER_SECONDS = 10.0
"""One that is silent for longer is ended."""
BEGIN_SECONDS = 60.0
"""So long one may take to begin."""
RETRY_SECONDS = 60.0
"""So long after one was started another one may be."""
END_SECONDS = 5.0
"""So long one may take to end, once it has nothing more to do."""

logger = logging.getLogger(__name__)


class WritingProcess:
    """The process as its server sees it; it is started when there is first something to write.

    One thread at a time may use it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._started = -RETRY_SECONDS
        self._chain = self._number = self._in_doubt = 0

    @property
    def is_writing(self) -> bool:
        """Whether it has begun and not failed since."""
        return self._chain > 0

    def write(self, told: Sequence[bytes]) -> int:
        """How many of these, from the first on, it has written; where that is 0 it has written none.

        If it fails and the database cannot be asked what became of them, Django's database errors are raised.
        The next call finds it out, so the same must come first again.
        """
        if self._in_doubt:
            self._stop(0)  # Its answer could come now, and be taken for one to something else.
            return self._found_out()
        try:
            if self._pipe is not None:
                return self._handed_over(self._pipe, told)
            self._start()
        except (OSError, EOFError) as error:
            logger.exception("The process that writes audit events has failed; a thread writes them.")
            # One that has ended by itself is left the time to say why.
            self._stop(END_SECONDS if isinstance(error, EOFError) else 0)
        return self._found_out()

    def start_no_more(self) -> None:
        """Start none from now on; one that is there goes on."""
        self._started = float("inf")

    def end(self) -> None:
        """Let it end, and wait until it has."""
        self._stop(END_SECONDS)
        self._chain = 0

    def _start(self) -> None:
        """Start one, unless that was done a short while ago."""
        moment = time.monotonic()
        if moment < self._started + RETRY_SECONDS:
            return
        self._started = moment
        self._pipe, its = Pipe()
        _give_up_sending_after(ANSWER_SECONDS, self._pipe)
        with its:
            own = [str(settings.BASE_DIR / "manage.py"), "write_audit_events", str(its.fileno())]
            self._process = subprocess.Popen(  # noqa: S603  nothing in it comes from outside
                [sys.executable, *own], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL
            )

    def _handed_over(self, pipe: Connection, told: Sequence[bytes]) -> int:
        if not self._has_begun(pipe):
            return 0
        self._in_doubt = len(told)
        pipe.send_bytes(reads.together(told))
        if not pipe.poll(ANSWER_SECONDS):
            raise TimeoutError(f"It gave no answer for {ANSWER_SECONDS} seconds.")
        self._chain, self._number = pipe.recv()
        self._in_doubt = 0
        return len(told)

    def _has_begun(self, pipe: Connection) -> bool:
        if self._chain == 0 and pipe.poll():
            self._chain, self._number = pipe.recv()
        elif self._chain == 0 and time.monotonic() > self._started + BEGIN_SECONDS:
            raise TimeoutError(f"It has not begun within {BEGIN_SECONDS} seconds.")
        return self.is_writing

    def _found_out(self) -> int:
        """What became of what it had when it failed: its transaction has moved its chain, or has not."""
        is_written = self._in_doubt > 0 and chain.reached(self._chain) > self._number
        written = self._in_doubt if is_written else 0
        self._chain = self._in_doubt = 0
        return written

    def _stop(self, seconds: float) -> None:
        """End it, by force unless it ends by itself within these seconds."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pipe = self._process = None


def _give_up_sending_after(seconds: float, pipe: Connection) -> None:
    """To a process that takes nothing, whatever it does instead, OSError is raised after this time.

    https://man7.org/linux/man-pages/man7/socket.7.html
    """
    with socket.socket(fileno=os.dup(pipe.fileno())) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))


def serve(pipe: Connection) -> None:
    """Write what comes, in that process, until there is nobody left from whom it could come.

    Raises Django's database errors, which end it: whoever waits for its answer then asks the database.
    """
    try:
        while True:
            pipe.send(chain.place())
            message = pipe.recv_bytes()
            # This process has to end it. A statement alone could still be carried out when this one has died,
            # and after its server has asked what became of it.
            with transaction.atomic():
                reads.write(message)
    except (EOFError, ConnectionError):
        return

"""manage.py write_audit_events: the process that a server starts beside itself to write what was read."""

import gc
import logging
import signal
import sys
from argparse import ArgumentParser
from multiprocessing.connection import Connection
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error

from audit.writing_process import serve

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Writes what comes through a pipe, until its other end is closed."""

    help = "Write reads to the audit trail that a server hands over. Servers start it; nobody else has to."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The pipe."""
        parser.add_argument("pipe", type=int, help="the file descriptor of our end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with status 1 if the database fails."""
        # Who stops the server tells its whole group; this one has to outlast it by what it is still given.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # What lives for good is left out of garbage collections.
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        with Connection(options["pipe"]) as pipe:
            try:
                serve(pipe)
            except Error:
                # Before the pipe is closed, from which its server sees that it ends.
                logger.exception("Audit events could not be written; whoever handed them over writes them.")
                sys.exit(1)

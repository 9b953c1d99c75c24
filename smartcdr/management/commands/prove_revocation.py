"""`manage.py prove_revocation`: how long a revoked token still works, measured on real servers."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.models import User
from oauth.models import Application
from smartcdr.revocation_proof.ends import WAYS
from smartcdr.revocation_proof.proof import prove
from smartcdr.revocation_proof.report import report
from smartcdr.revocation_proof.servers import ServerError, UnexpectedAnswer


class Command(BaseCommand):
    """Exits with status 1 if a token was served for longer than a second, or after a restart."""

    help = (
        "Issue tokens, read with them at servers of its own on this database, revoke each by its client, the "
        "person or staff, and report how long it still worked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much, and whether a database in use may be used."""
        parser.add_argument("--tokens", type=int, default=100, help="How many tokens (100).")
        parser.add_argument("--workers", type=int, default=2, help="How many server processes (2).")
        parser.add_argument(
            "--in-use",
            action="store_true",
            help="Work on a database that has people or apps: others are made there for the run.",
        )

    def handle(self, *, tokens: int, workers: int, in_use: bool, **options: Any) -> None:
        """Refuse what cannot be meant, run the proof, print the figures."""
        if tokens < len(WAYS) or workers < 1:
            raise CommandError(f"At least {len(WAYS)} tokens, one for each way, and one server process.")
        if "memory" in str(connection.settings_dict["NAME"]) and connection.vendor == "sqlite":
            raise CommandError("The servers cannot share a database in memory: set DATABASE_URL.")
        if not in_use and (User.objects.exists() or Application.objects.exists()):
            raise CommandError(
                "This database is in use: it has people or apps. The proof makes two people, a patient and "
                "an app for each token, and takes them away again; the audit trail keeps what they did. "
                "Say --in-use if that is meant."
            )
        # Whoever is told to end still stops the servers, and takes away what was made for the run.
        signal.signal(signal.SIGTERM, _end)
        try:
            outcome = prove(tokens, workers, self.stdout.write)
        except (UnexpectedAnswer, ServerError, OSError) as fault:
            raise CommandError(f"The proof could not be carried out. {fault}") from fault
        self.stdout.write("\n" + report(outcome))
        if not outcome.holds:
            raise CommandError("Revocation is not what it has to be.")


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)

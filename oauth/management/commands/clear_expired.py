"""`manage.py clear_expired`: for a timer, once a day or more often."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from oauth.tokens.clearing import CLEARED, clear, clear_others


class Command(BaseCommand):
    """Removes what has run out, and says how much of each kind there was."""

    help = (
        "Removes authorization requests, codes, tokens, launch contexts and sessions that ended some days "
        "ago, and expired exports. What is needed to notice that a code or refresh token is used twice "
        "stays. Works while the server serves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--days N."""
        parser.add_argument(
            "--days",
            type=int,
            default=7,
            metavar="N",
            help="keep for so long what has run out, so that staff can look at it (default: 7)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove them, kind by kind."""
        before = timezone.now() - timedelta(days=options["days"])
        for name, rows in CLEARED:
            self._say(name, clear(rows, before))
        for name, count in clear_others().items():
            self._say(name, count)

    def _say(self, name: str, count: int) -> None:
        self.stdout.write(f"{name:24}{count:>9,} removed")

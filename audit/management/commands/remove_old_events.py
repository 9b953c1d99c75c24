"""manage.py remove_old_events: the only way in which events leave the audit trail."""

import datetime as dt
import getpass
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.retention import remove_before


class Command(BaseCommand):
    """Removes events that are older than they have to be kept."""

    help = (
        "Remove audit events from before a day (UTC). None that is younger than AUDIT_KEEP_DAYS goes. "
        "That it was done, by whom and how many went stays on record."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The day."""
        parser.add_argument("--before", metavar="YYYY-MM-DD", help="else today less AUDIT_KEEP_DAYS")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a day that is none, or too late."""
        latest = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=settings.AUDIT_KEEP_DAYS)
        try:
            day = dt.date.fromisoformat(options["before"]) if options["before"] else latest
        except ValueError as error:
            raise CommandError(f"--before: {error}") from error
        if day > latest:
            raise CommandError(
                f"Events are kept for {settings.AUDIT_KEEP_DAYS} days (AUDIT_KEEP_DAYS): "
                f"only those from before {latest} may go."
            )
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        removed = remove_before(int(midnight.timestamp()) * 1_000_000, getpass.getuser())
        self.stdout.write(f"{removed} events from before {day} were removed.")

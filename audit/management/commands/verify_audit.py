"""manage.py verify_audit: is the audit trail whole?"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.verification import Heads, heads, verify

MOST = 50
"""Faults that are named; of more the number is told."""


class Command(BaseCommand):
    """Finds events that are missing or altered."""

    help = (
        "Verify that every event of the audit trail is there as it was written. Servers may go on meanwhile. "
        "Keep the heads somewhere else from time to time: only they show that events were cut off at the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Files with the heads of the chains."""
        parser.add_argument("--against", type=Path, metavar="FILE", help="heads that were kept earlier")
        parser.add_argument("--keep", type=Path, metavar="FILE", help="write the heads here, if all is well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError, which ends with status 1, where anything is wrong."""
        # Before the chains are read: what is written later is not vouched for.
        ends = heads()
        events, faults = verify(_read(options["against"]) if options["against"] else None)
        if faults:
            for fault in faults[:MOST]:
                self.stderr.write(f"{fault.place} {fault.words}")
            raise CommandError(f"The audit trail is not whole: {len(faults)} fault(s).")
        if options["keep"]:
            options["keep"].write_text(json.dumps(ends))
        self.stdout.write(f"{events} events in {len(ends)} chains are all as they were written.")


def _read(file: Path) -> Heads:
    """The heads in a file that `--keep` wrote. Raises CommandError for any other."""
    try:
        found = {
            int(chain): (int(number), str(digest))
            for chain, (number, digest) in json.loads(file.read_text()).items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CommandError(f"{file} holds no heads: {error}") from error
    return found

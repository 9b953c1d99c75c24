"""manage.py check_fhir_index: is every resource in the index exactly as its text says?"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fhir.collecting import collecting_seldom
from fhir.elements import is_resource_type
from fhir.index_check import Counts, Difference, check
from fhir.index_check.scanning import total
from fhir.outcome import FhirError

WIDTH = 30


class Command(BaseCommand):
    """Checks the index, and with --repair mends it, while the server serves and writes."""

    help = (
        "Checks that every resource has exactly the index rows that its stored text gives, that no index row "
        "is without its resource, that versions have no gaps, and that each text carries its id, version and "
        "time. Works while the server serves and writes. Exit code 1 if differences are there, or with "
        "--repair if some are left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--repair --type TYPE… --show N."""
        parser.add_argument(
            "--repair",
            action="store_true",
            help="mend index rows and columns from the stored texts; also after an upgrade that changes what "
            "is indexed",
        )
        parser.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="TYPE",
            help="only resources of this type (may be repeated); rows without a resource are then not "
            "looked for",
        )
        parser.add_argument(
            "--show", type=int, default=20, metavar="N", help="how many differences are named (default: 20)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError (exit code 1) for an unknown type, where differences are left, and where others
        were in the way again and again."""
        types: list[str] = options["type"]
        for name in types:
            if not is_resource_type(name):
                raise CommandError(f"{name!r} is no resource type of FHIR R4.")
        shown = 0

        def report(difference: Difference) -> None:
            nonlocal shown
            shown += 1
            if shown <= options["show"]:
                done = " (mended)" if difference.mended else ""
                self.stdout.write(f"{difference.kind}: {difference.address} in {difference.where}{done}")

        whole, begun = total(types), time.monotonic()
        try:
            with collecting_seldom():
                counts = check(
                    types,
                    mend=options["repair"],
                    report=report,
                    progress=lambda counts: self._draw(counts.resources, max(whole, counts.resources)),
                )
        except FhirError as error:
            raise CommandError(f"Not finished: {error} What was mended so far stays mended.") from error
        if shown > options["show"]:
            self.stdout.write(f"… and {shown - options['show']:,} more")
        self._summarise(counts, time.monotonic() - begun)
        if counts.left:
            raise CommandError(f"{counts.left:,} differences.")

    def _draw(self, done: int, whole: int) -> None:
        """The progress bar, where there is a terminal to draw it on."""
        if not self.stderr.isatty():
            return
        filled = WIDTH * done // whole if whole else WIDTH
        bar = "#" * filled + "." * (WIDTH - filled)
        self.stderr.write(f"\r[{bar}] {done:,}/{whole:,} resources", ending="" if done < whole else "\n")

    def _summarise(self, counts: Counts, seconds: float) -> None:
        """What was looked at, and how many differences there were of each kind."""
        rate = counts.resources / seconds if seconds else 0
        self.stdout.write(
            f"{counts.resources:,} resources, {counts.rows:,} index rows, {counts.superseded:,} superseded "
            f"versions in {seconds:.1f} s ({rate:,.0f} resources per second)"
        )
        for kind, count in counts.differences.most_common():
            self.stdout.write(f"{kind:26}{count:>11,}   mended {counts.mended[kind]:,}")
        if not counts.differences:
            self.stdout.write("No differences.")

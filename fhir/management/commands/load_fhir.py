"""manage.py load_fhir: resources from files into the repository."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fhir.collecting import collecting_seldom
from fhir.loading import REFUSED, Loader, Remark, Tally, files

OUTCOMES = ("created", "updated", "unchanged", "deleted", REFUSED)
WIDTH = 30
SHOWN = 10


class Command(BaseCommand):
    """Loads Bundles, NDJSON and single resources, plain or .gz, and says what became of them."""

    help = (
        "Loads Bundles (transaction, batch, collection), NDJSON and single resources, plain or .gz. "
        "Files named 0-… come first. A transaction is loaded as a whole or not at all. "
        "Resources without a request of their own keep their id. Exit code 1 if anything was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE-OR-DIR… --keep-ids --strict | --lenient."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="FILE-OR-DIR")
        parser.add_argument(
            "--keep-ids",
            action="store_true",
            help="put what would be created under the id in its fullUrl: loading again changes nothing",
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--strict", action="store_true", help="also ask a second library whether each resource is valid"
        )
        how.add_argument(
            "--lenient",
            action="store_true",
            help="only warn of missing elements, codes outside their value sets, references to types that "
            "are not foreseen, and elements that do not go together",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError (exit code 1) for a path that is not there and if anything was refused."""
        try:
            found = files(options["paths"])
        except FileNotFoundError as error:
            raise CommandError(str(error)) from error
        done = 0

        def progress() -> None:
            self._draw(done, len(found), loader.tally.total)

        loader = Loader(
            keep_ids=options["keep_ids"],
            strict=options["strict"],
            lenient=options["lenient"],
            progress=progress,
        )
        begun = time.monotonic()
        with collecting_seldom():
            for path in found:
                loader.load(path)
                done += 1
                progress()
        self._report(loader.tally, len(found), time.monotonic() - begun)
        if loader.tally.refusals:
            raise CommandError(
                f"{sum(n for (_, what), n in loader.tally.counts.items() if what == REFUSED)} refused."
            )

    def _draw(self, done: int, of: int, resources: int) -> None:
        """The progress bar, where there is a terminal to draw it on."""
        if not self.stderr.isatty():
            return
        filled = WIDTH * done // of
        bar = "#" * filled + "." * (WIDTH - filled)
        self.stderr.write(f"\r[{bar}] {done}/{of} files, {resources:,} resources", ending="")
        if done == of:
            self.stderr.write("")

    def _report(self, tally: Tally, count: int, seconds: float) -> None:
        """A table of what became of each type, and each refusal with its reasons."""
        self.stdout.write(f"{'':30}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES))
        for kind in sorted({kind for kind, _ in tally.counts}):
            self.stdout.write(
                f"{kind:30}" + "".join(f"{tally.counts[kind, outcome]:>11,}" for outcome in OUTCOMES)
            )
        sums = [
            sum(number for (_, what), number in tally.counts.items() if what == outcome)
            for outcome in OUTCOMES
        ]
        self.stdout.write(f"{'all':30}" + "".join(f"{number:>11,}" for number in sums))
        rate = tally.total / seconds if seconds else 0
        self.stdout.write(
            f"{tally.total:,} resources from {count} files in {seconds:.1f} s ({rate:,.0f} per second)"
        )
        if tally.warnings:
            self.stdout.write(f"{len(tally.warnings):,} accepted with a warning")
        for word, remarks in (("accepted with a warning", tally.warnings), ("refused", tally.refusals)):
            for remark in remarks:
                self._tell(word, remark)

    def _tell(self, word: str, remark: Remark) -> None:
        self.stderr.write(f"{word}: {remark.place}")
        for reason in remark.reasons[:SHOWN]:
            self.stderr.write(f"    {reason}")
        if len(remark.reasons) > SHOWN:
            self.stderr.write(f"    … and {len(remark.reasons) - SHOWN} more")

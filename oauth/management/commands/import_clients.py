"""manage.py import_clients FILE: show what would change, ask, and change exactly that."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from oauth.client_exchange.importing import ChangedMeanwhile, carry_out
from oauth.client_exchange.planning import Plan, plan
from oauth.client_exchange.reading import BadFile
from oauth.client_exchange.words import told
from oauth.operators import tell


class Command(BaseCommand):
    """Reads our own form and client definitions of Smile CDR; docs/clients.md has them."""

    help = (
        "Shows what the clients in FILE would change, asks, and then saves all of it or nothing. "
        "FILE is what export_clients prints, or client definitions of Smile CDR's JSON Admin API."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and how far to go."""
        parser.add_argument("file", help="JSON file with the clients, or - for standard input")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="only show what would change")
        how.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--with-status",
            action="store_true",
            help="take each status from the file; else new clients are drafts and known ones keep theirs",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Save all or nothing. Raises CommandError with what is in the way."""
        try:
            text = _read(options["file"])
            self._import(text, plan(text, with_status=options["with_status"]), options)
        except BadFile as bad:
            raise CommandError(str(bad)) from bad

    def _import(self, text: str, found: Plan, options: dict[str, Any]) -> None:
        self.stdout.write(told(found))
        if found.has_faults:
            raise CommandError("The file has faults; nothing was imported.")
        if options["dry_run"] or not found.changes_anything:
            self.stdout.write("Nothing was changed.")
            return
        if not options["yes"] and not self._agreed(options["file"]):
            raise CommandError("Nothing was changed.")
        try:
            with transaction.atomic():
                done = carry_out(text, found.fingerprint, with_status=options["with_status"])
                _tell(done)
        except ChangedMeanwhile as changed:
            self.stdout.write(told(changed.plan))
            raise CommandError(f"{changed} Nothing was imported; run the command again.") from changed
        kinds = [entry.kind for entry in done.entries]
        self.stdout.write(f"Imported: {kinds.count('new')} new, {kinds.count('changed')} changed.")

    def _agreed(self, file: str) -> bool:
        """The operator's answer; nobody can be asked where the file came by standard input."""
        if file == "-" or not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: run it again with --yes, or with --dry-run.")
        return input("Import this? [y/N] ").strip().lower() in ("y", "yes")


def _tell(done: Plan) -> None:
    for entry in done.entries:
        if entry.application is not None and entry.kind != "unchanged":
            cause = f"Imported the client from a file: {entry.kind}."
            tell("import_clients", cause, client=entry.application.client_id)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error

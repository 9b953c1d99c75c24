"""`manage.py demo`: everything that a newcomer needs to see the product work, in one command."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from smartcdr.demo.accounts import ACCOUNTS, PASSWORD, keep_accounts
from smartcdr.demo.clients import keep_clients, viewer_config, viewer_origin
from smartcdr.demo.description import DESCRIPTION, known_secrets, write
from smartcdr.demo.elements import Json
from smartcdr.demo.loading import load
from smartcdr.demo.serving import serve, taken_ports

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Command(BaseCommand):
    """Prepares the demonstration, as often as one likes, and runs it."""

    help = "Fill the database with invented patients, people and apps; serve it and the Lab Viewer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to serve, and whether to."""
        site = urlsplit(settings.SITE_URL)
        parser.add_argument(
            "--port", type=int, default=site.port or 8000, help="The Lab Viewer gets the next one."
        )
        parser.add_argument("--no-serve", action="store_true", help="Prepare everything and serve nothing.")
        parser.add_argument("--file", type=Path, default=DESCRIPTION, help="Where to write demo.json.")

    def handle(self, *, port: int, no_serve: bool, file: Path, **options: Any) -> None:
        """Refuse what is not a demonstration, prepare, say what there is, and serve."""
        refuse_production(port)
        if not no_serve:
            refuse_taken_ports(port)
        clients = self.prepare(port, file)
        self.stdout.write(summary(port, clients, file))
        if no_serve:
            return
        self.stdout.write("Stop with Ctrl-C.\n")
        self.stdout.flush()
        if status := serve(port, viewer_config(port)):
            raise CommandError(f"The server ended by itself, with status {status}.", returncode=status)
        self.stdout.write("Stopped.")

    def prepare(self, port: int, file: Path) -> list[Json]:
        """Bring database, keys, data, people and apps to where they should be; returns the apps."""
        call_command("migrate", interactive=False, verbosity=0)
        call_command("ensure_signing_key", verbosity=0, stdout=self.stderr)
        # Pages take their style from the sources here, but the server complains where nothing was collected.
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        self.stdout.write("Loading the demonstration's patients ...")
        self.stdout.flush()
        self.stdout.write(f"  {load()}")
        keep_accounts()
        clients = keep_clients(port, known_secrets(file), file.parent)
        write(file, clients)
        return clients


def refuse_production(port: int) -> None:
    """Raise CommandError unless this is a development set-up on this very machine, at that port.

    The demonstration's passwords are known to everybody, so they must never open a real server.
    """
    site = urlsplit(settings.SITE_URL)
    if not settings.DEVELOPMENT or site.scheme != "http" or site.hostname not in _LOOPBACK:
        raise CommandError(
            "The demonstration makes accounts whose passwords everybody knows, so it runs with "
            "DEVELOPMENT=1 and a SITE_URL such as http://localhost:8000 only; "
            f"SITE_URL is {settings.SITE_URL}."
        )
    if (site.port or 80) != port:
        raise CommandError(
            f"SITE_URL is {settings.SITE_URL}, which is not port {port}: "
            f"set SITE_URL=http://localhost:{port}, or say make demo PORT={port}."
        )


def refuse_taken_ports(port: int) -> None:
    """Raise CommandError if the server or the Lab Viewer would find its port taken."""
    if taken := taken_ports(port):
        raise CommandError(
            f"Port {taken[0]} is taken by another program: stop that one, or choose another port with "
            f"make demo PORT={port + 10}."
        )


def summary(port: int, clients: list[Json], file: Path) -> str:
    """What there is, where, and how to sign in, for the terminal."""
    lines = [
        "",
        f"  Portal      {settings.SITE_URL}/launch/",
        f"  Admin       {settings.SITE_URL}/admin/",
        f"  FHIR API    {settings.FHIR_BASE}",
        f"  Lab Viewer  {viewer_origin(port)}/",
        "",
        f"  Everybody's password is {PASSWORD}",
        "",
        *(f"    {one.username:<16}{one.role:<11}{one.note}" for one in ACCOUNTS),
        "",
        *(f"  App {one['name']:<14} client_id {one['client_id']:<14} {_secret_text(one)}" for one in clients),
        "",
        f"  All of this is in {file}",
        "",
    ]
    return "\n".join(lines)


def _secret_text(client: Json) -> str:
    if "private_key_file" in client:
        return f"private key {client['private_key_file']}"
    return f"client_secret {client['client_secret']}" if "client_secret" in client else "(public, no secret)"

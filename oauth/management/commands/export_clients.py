"""manage.py export_clients [client_id …]: clients as JSON, without their secrets."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oauth.client_exchange.describing import export
from oauth.models import Application


class Command(BaseCommand):
    """Prints what `manage.py import_clients` reads."""

    help = (
        "Prints the named clients, or all of them, as JSON that import_clients takes. Secrets are left out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which clients."""
        parser.add_argument("client_id", nargs="*", help="the clients; without any, all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write to standard output. Raises CommandError for a client that is not there."""
        clients = Application.objects.order_by("client_id")
        if wanted := set(options["client_id"]):
            clients = clients.filter(client_id__in=wanted)
            if missing := sorted(wanted - {client.client_id for client in clients}):
                raise CommandError("\n".join(f"There is no client {name}." for name in missing))
        self.stdout.write(export(clients), ending="")

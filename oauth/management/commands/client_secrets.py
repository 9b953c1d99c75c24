"""manage.py client_secrets CLIENT_ID: list a client's secrets, make one more, end one."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from oauth.clients.secrets import add_secret
from oauth.models import Application, ClientSecret
from oauth.operators import tell


def moment(text: str) -> datetime:
    """A date or a moment as ISO 8601 has it, in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is no date such as 2027-01-31") from error
    return found if timezone.is_aware(found) else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    """Prints the client's secrets as JSON, never a secret itself but one that was made just now."""

    help = (
        "Lists a client's secrets as JSON; makes one more (shown this once), or ends one at the next request."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which client, and what to do."""
        parser.add_argument("client_id")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--new", action="store_true", help="make one more secret, and show it this once")
        what.add_argument("--end", type=int, metavar="NUMBER", help="end the secret of this number now")
        parser.add_argument("--description", default="", help="with --new: what the secret is for")
        parser.add_argument("--starts", type=moment, help="with --new: when it begins to count; else now")
        parser.add_argument("--ends", type=moment, help="with --new: when it ends; else never")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write to standard output. Raises CommandError for a client or a secret that is not there."""
        client = Application.objects.filter(client_id=options["client_id"]).first()
        if client is None or not client.has_secrets:
            raise CommandError("There is no client of this id that proves itself by a secret.")
        told: dict[str, Any] = {"client_id": client.client_id}
        with transaction.atomic():
            if options["new"]:
                told["client_secret"] = _make(client, options)
                tell("client_secrets", "Made the client one more secret.", client=client.client_id)
            elif options["end"] is not None:
                _end(client, options["end"])
                cause = f"Ended the client's secret number {options['end']}."
                tell("client_secrets", cause, client=client.client_id)
        now = timezone.now()
        told["secrets"] = [_line(secret, now) for secret in client.secrets.order_by("starts", "pk")]
        self.stdout.write(json.dumps(told, indent=2))


def _make(client: Application, options: dict[str, Any]) -> str:
    starts, ends = options["starts"] or timezone.now(), options["ends"]
    if ends is not None and ends <= max(starts, timezone.now()):
        raise CommandError("The secret would end before it can be used.")
    return add_secret(client, options["description"] or "From client_secrets", ends, starts)


def _end(client: Application, number: int) -> None:
    now = timezone.now()
    secret = client.secrets.filter(pk=number).first()
    if secret is None:
        raise CommandError(f"The client has no secret of number {number}.")
    if secret.ends is None or secret.ends > now:
        secret.ends = now
        secret.save(update_fields=["ends"])


def _line(secret: ClientSecret, now: datetime) -> dict[str, Any]:
    starts, ends, used = (
        one.isoformat() if one else None for one in (secret.starts, secret.ends, secret.last_used)
    )
    in_force = secret.starts <= now and (secret.ends is None or secret.ends > now)
    return {
        "number": secret.pk,
        "description": secret.description,
        "starts": starts,
        "ends": ends,
        "last_used": used,
        "in_force": in_force,
    }

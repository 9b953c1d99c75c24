"""`manage.py rotate_signing_key`: for a timer, every hour or more often; and for the day a key gets out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from oauth.key_rotation import replace_compromised, rotate
from oauth.models import SigningKey
from oauth.operators import tell
from oauth.signing_keys import ALGORITHMS


class Command(BaseCommand):
    """Takes the step of the keys' rotation that is due, and says what it did and what comes next."""

    help = (
        "Replaces signing keys in steps, so that no token is refused: a new key is published, signs once "
        "all verifiers have seen it, and the old one is withdrawn once nothing that it signed is alive. "
        "Each run takes the steps that are due, and no others. Works while the server serves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which keys, and whether to hurry."""
        parser.add_argument("--algorithm", choices=ALGORITHMS, help="only the keys of this algorithm")
        hurry = parser.add_mutually_exclusive_group()
        hurry.add_argument(
            "--now",
            action="store_true",
            help="begin to replace keys that are not old enough yet; the waiting times stay",
        )
        hurry.add_argument(
            "--compromised",
            metavar="KID",
            help="withdraw this key at once: every access token that it signed is dead from then on",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what was done."""
        with transaction.atomic():
            before = _statuses()
            if options["compromised"]:
                said = replace_compromised(self._key(options["compromised"]))
            else:
                algorithms = [options["algorithm"]] if options["algorithm"] else ALGORITHMS
                said = rotate(algorithms, begin=options["now"])
            if _statuses() != before:
                tell("rotate_signing_key", " ".join(said))
        for words in said:
            self.stdout.write(words)

    def _key(self, kid: str) -> SigningKey:
        try:
            return SigningKey.objects.get(kid=kid)
        except SigningKey.DoesNotExist:
            known = "\n".join(f"  {key} ({key.get_status_display()})" for key in SigningKey.objects.all())
            raise CommandError(f"There is no such key. There are:\n{known}") from None


def _statuses() -> dict[str, str]:
    return dict(SigningKey.objects.values_list("kid", "status"))

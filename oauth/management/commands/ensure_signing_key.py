"""`manage.py ensure_signing_key`: the first keys, and none if they are there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts import second_factor
from accounts.federation import identity_provider
from oauth.foreign import issuers as trusted_issuers
from oauth.operators import tell
from oauth.signing_keys import encrypt_anew, ensure_signing_keys


class Command(BaseCommand):
    """Makes an active ES256 and an active RS256 key where they are missing. Run at every deployment."""

    help = "Make an active signing key for each algorithm that has none."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--encrypt-anew` follows a change of KEY_ENCRYPTION_KEYS."""
        parser.add_argument(
            "--encrypt-anew",
            action="store_true",
            help="Encrypt all private keys and second factors with the first of KEY_ENCRYPTION_KEYS; the "
            "others can then go.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what was made."""
        with transaction.atomic():
            made = ensure_signing_keys()
            if made:
                tell("ensure_signing_key", f"Made {', '.join(map(str, made))}.")
        for key in made:
            self.stdout.write(f"Made {key}.")
        if options["encrypt_anew"]:
            self.stdout.write(f"Encrypted {encrypt_anew()} keys anew.")
            self.stdout.write(f"Encrypted {second_factor.encrypt_anew()} second factors anew.")
            self.stdout.write(
                f"Encrypted {identity_provider.encrypt_anew()} identity providers' secrets anew."
            )
            self.stdout.write(f"Encrypted {trusted_issuers.encrypt_anew()} secrets at trusted issuers anew.")

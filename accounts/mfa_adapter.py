"""How django-allauth's second factors behave here."""

from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts.encryption import box
from accounts.models import User
from accounts.second_factor import must_stay


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Secrets are encrypted at rest, and what names us comes from SITE_URL and never from the Host header."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This did not match. Please try again, with the code that is shown now.",
        "cannot_delete_authenticator": "Your account may open the administration, which asks for a second"
        " factor. Add another one before you remove this one.",
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Whether its owner may remove it."""
        return not must_stay(authenticator)

    def encrypt(self, text: str) -> str:
        """The secret as it lies in the database, under the newest of KEY_ENCRYPTION_KEYS."""
        return box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again. Raises cryptography's InvalidToken if no key of ours has encrypted it."""
        return box().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        """The name under which an authenticator app lists the account."""
        return _site_name()

    def get_totp_label(self, user: User) -> str:
        """The account's name in an authenticator app."""
        return user.username

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Us, as passkeys know us: https://www.w3.org/TR/webauthn-2/#relying-party-identifier"""
        return {"id": urlsplit(settings.SITE_URL).hostname or "", "name": _site_name()}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """The person, as the passkey's owner sees them when choosing among several."""
        return {**super().get_public_key_credential_user_entity(user), "name": user.username}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # allauth's own name for it
        """What a passkey is called until its owner says otherwise."""
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"


def _site_name() -> str:
    return f"Smart CDR ({urlsplit(settings.SITE_URL).netloc})"

"""Authenticator apps for tests: people who have one, and the codes that it shows."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"
LOGIN = "/accounts/login/"
SECURITY = "/accounts/security/"
STEP = f"{SECURITY}authenticate/"


def with_app(user: User) -> str:
    """Give the person an authenticator app and recovery codes; returns the app's secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_of(secret: str, period: int) -> str:
    """The code that the app shows in that period of 30 seconds, counted from 1970."""
    return str(format_hotp_value(hotp_value(secret, period)))


def recovery_codes(user: User) -> list[str]:
    """The person's unused recovery codes."""
    kept = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    codes: list[str] = kept.wrap().get_unused_codes()
    return codes


def first_step(client: Client, user: User, **more: str) -> Any:
    """Send user name and password."""
    return client.post(LOGIN, {"login": user.username, "password": PASSWORD, **more})


def is_signed_in(client: Client) -> bool:
    """Whether the browser has somebody signed in."""
    return "_auth_user_id" in client.session

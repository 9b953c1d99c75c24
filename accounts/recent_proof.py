"""How recently the person at the browser has proven who they are: what weighty things ask for."""

import time

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

from accounts.models import User


def last_proof(request: HttpRequest, user: User) -> float | None:
    """When this session's person last gave a password or another proof, in seconds since 1970.

    A session that keeps no record of it counts from the person's last sign-in; None if there was none.
    """
    proofs = [float(record["at"]) for record in get_authentication_records(request, user) if "at" in record]
    if proofs:
        return max(proofs)
    return user.last_login.timestamp() if user.last_login else None


def has_proven_recently(request: HttpRequest) -> bool:
    """Whether somebody is signed in and has proven it within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    if not isinstance(request.user, User):
        return False
    proven = last_proof(request, request.user)
    return proven is not None and time.time() - proven < app_settings.REAUTHENTICATION_TIMEOUT

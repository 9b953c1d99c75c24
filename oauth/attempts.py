"""The steps of authorization attempts that are taken here: `audit.attempts` has their form."""

from typing import Any

from django.http import HttpRequest

from accounts.models import User
from audit.attempts import LENGTH, new_attempt, step
from audit.origin import client_address
from oauth.models import AuthorizationRequest

__all__ = ["LENGTH", "new_attempt", "step", "step_of"]

SESSION_KEY = "attempt"
"""Session key: the reference code for which somebody was sent to sign in, so that events of accounts, which
know nothing of apps, stand under it.
"""


def step_of(
    request: HttpRequest, stored: AuthorizationRequest, kind: str, outcome: str = "allowed", **detail: Any
) -> None:
    """Record a step of a stored request that the person at this browser took, or was refused."""
    launch = stored.launch_context
    step(
        kind,
        stored.attempt,
        outcome,
        person=subject(request),
        client=stored.application.client_id,
        patient=launch.patient if launch is not None else "",
        address=client_address(request.META),
        **detail,
    )


def subject(request: HttpRequest) -> str:
    """The subject identifier of whoever is signed in; empty if nobody is."""
    return str(request.user.uid) if isinstance(request.user, User) else ""


def send_with(request: HttpRequest, attempt: str) -> None:
    """Let sign-in know for which attempt somebody comes."""
    request.session[SESSION_KEY] = attempt


def end_with(request: HttpRequest, attempt: str) -> None:
    """Let sign-in forget the attempt, which is over."""
    if request.session.get(SESSION_KEY) == attempt:
        del request.session[SESSION_KEY]

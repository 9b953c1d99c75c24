"""The steps of one stored authorization request, told under the reference code of its attempt."""

from typing import Any

from django.http import HttpRequest

from accounts.models import User
from audit.attempts import step
from audit.origin import client_address
from oauth.models import AuthorizationRequest

SESSION_KEY = "attempt"
"""Session key: the reference code for which somebody was sent to sign in, so that the events of `accounts`,
which knows nothing of apps, stand under it too.
"""


def step_of(
    request: HttpRequest, stored: AuthorizationRequest, kind: str, outcome: str = "allowed", **detail: Any
) -> None:
    """Record a step that the person at this browser took in a stored request, or was refused."""
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


def sign_in_for(request: HttpRequest, attempt: str) -> None:
    """Let sign-in know for which attempt somebody comes."""
    request.session[SESSION_KEY] = attempt


def end(request: HttpRequest, attempt: str = "") -> None:
    """Let sign-in forget this attempt, which is over; without one, whichever it is."""
    waiting = request.session.get(SESSION_KEY, "")
    if waiting and attempt in ("", waiting):
        del request.session[SESSION_KEY]

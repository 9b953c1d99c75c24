"""A federated sign-in that is refused: a calm sentence for the person, the exact cause for staff."""

import logging
import secrets
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from accounts.events import ATTEMPT
from accounts.models import User
from audit.events import Event
from audit.origin import client_address
from audit.recording import record

logger = logging.getLogger("accounts.federation")
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread over the telephone
_LONGEST = 300
_OTHERWISE = "{name} did not tell us who you are in a way that this server can rely on."
SENTENCES = {
    "cancelled": "You did not sign in at {name}.",
    "state": "This sign-in took too long, or was begun in another browser.",
    "same_person": "At {name} you are somebody else than here. Sign out here first, then sign in again.",
    "account": "You are signed in at {name}, but there is no account for you here. The people who look after "
    "your records can say more.",
    "fhir_user": "You are signed in at {name}, but your account here does not fit what it says about you. "
    "The people who look after your records can say more.",
    "reachable": "{name} does not answer at the moment. Please try again later.",
}
"""By rule; all other rules have the same sentence, as people can do nothing about them."""


class Refused(OAuth2Error):  # type: ignore[misc]  # allauth ships no types
    """Why a federated sign-in ends. `received` is for staff: it holds no secret, token or code."""

    def __init__(self, rule: str, expected: str, received: str) -> None:
        super().__init__(rule)
        self.rule, self.expected, self.received = rule, expected, received


def refusal_page(request: HttpRequest, name: str, slug: str, refused: Refused, next_url: str) -> HttpResponse:
    """Write the refusal down and show it (403), with the way back to where the person came from.

    The reference code is that of the authorization that waits for the person, or one of its own.
    """
    reference = request.session.get(ATTEMPT) or "".join(secrets.choice(_ALPHABET) for _ in range(8))
    logger.warning(
        "Federated sign-in refused, reference %s: provider %s, rule %s, expected %.200s, received %.300r",
        reference,
        slug,
        refused.rule,
        refused.expected,
        refused.received,
    )
    cause = (
        f"The sign-in at {name} ended at the rule {refused.rule}: expected {refused.expected},"
        f" received {refused.received}."
    )
    record(
        Event(
            "sign-in",
            "refused",
            403,
            person=str(request.user.uid) if isinstance(request.user, User) else "",
            address=client_address(request.META),
            attempt=reference,
            detail={
                "provider": slug,
                "rule": refused.rule,
                "expected": refused.expected[:_LONGEST],
                "received": refused.received[:_LONGEST],
                "cause": cause[: 3 * _LONGEST],
            },
        )
    )
    next_url = next_url or get_next_redirect_url(request) or ""
    page = "account_reauthenticate" if request.user.is_authenticated else "account_login"
    context: dict[str, Any] = {
        "sentence": SENTENCES.get(refused.rule, _OTHERWISE).format(name=name),
        "reference": reference,
        "back": reverse(page) + (f"?{urlencode({'next': next_url})}" if next_url else ""),
    }
    return render(request, "account/elsewhere_refused.html", context, status=403)

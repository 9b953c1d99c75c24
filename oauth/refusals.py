"""A refused authorization, told to three kinds of readers: the person, the app, and staff.

The person reads one calm sentence and a reference code; the app gets an error at its redirect_uri, which
holds the same code; staff find under it in the log which rule failed, what was expected and what came.
"""

import logging
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from oauth.attempts import new_attempt
from oauth.authorize_rules import Refusal

logger = logging.getLogger("oauth.refusals")

SENTENCES = {
    "check_client": "The app that sent you here is not known to this server, or is not in use at the moment.",
    "check_redirect_uri": "The app asked to be answered at an address that is not registered for it.",
    "check_binding": "This sign-in was begun in another browser, or you have signed out since.",
    "check_open": "This sign-in is over: it was completed, or it took too long.",
    "check_person": "This sign-in was begun by somebody else.",
}


def write_down(refusal: Refusal, client_id: str) -> str:
    """Log a refusal and return the reference code under which staff find it."""
    reference = new_attempt()
    logger.warning(
        "Authorization refused, reference %s: rule %s, expected %s, received %s, client %.80r",
        reference,
        refusal.rule,
        refusal.expected,
        refusal.received,
        client_id,
    )
    return reference


def error_page(request: HttpRequest, refusal: Refusal, client_id: str = "") -> HttpResponse:
    """Our own page (400), for as long as it is not proven where else the answer may go."""
    sentence = SENTENCES.get(refusal.rule, refusal.description)
    context = {"sentence": sentence, "reference": write_down(refusal, client_id)}
    return render(request, "oauth/error.html", context, status=400)


def error_parameters(refusal: Refusal, client_id: str) -> dict[str, str]:
    """`error` and `error_description` for a proven redirect_uri.

    https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    """
    reference = write_down(refusal, client_id)
    return {"error": refusal.error, "error_description": f"{refusal.description} (reference {reference})"}


def answer_url(redirect_uri: str, parameters: dict[str, str], state: str) -> str:
    """A proven redirect_uri with the answer in its query, `state` exactly as it came, and `iss`.

    https://www.rfc-editor.org/rfc/rfc9207#section-2
    """
    answer = {**parameters, **({"state": state} if state else {}), "iss": settings.SITE_URL}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def to_app(url: str) -> HttpResponse:
    """302 to a proven redirect_uri, which may have a scheme of the app's own."""
    return HttpResponse(status=302, headers={"Location": url, "Cache-Control": "no-store"})

"""A refused authorization, told to three kinds of readers: the person, the app, and staff.

The person reads one calm sentence and a reference code; the app gets an error at its redirect_uri, which
holds the same code. It is that of the whole attempt: staff find under it in the audit trail every step, and
of this one which rule failed, what was expected, what came, and the exact cause. The log says so too.
"""

import logging
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit.attempts import new_attempt, step
from audit.origin import client_address
from oauth.authorize_rules import Refusal
from oauth.models import AuthorizationRequest
from oauth.request_steps import subject

logger = logging.getLogger("oauth.refusals")

SENTENCES = {
    "check_client": "The app that sent you here is not known to this server, or is not in use at the moment.",
    "check_redirect_uri": "The app asked to be answered at an address that is not registered for it.",
    "check_binding": "This sign-in was begun in another browser, or you have signed out since.",
    "check_open": "This sign-in is over: it was completed, or it took too long.",
    "check_person": "This sign-in was begun by somebody else.",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is refused: the attempt's reference code, and the client and patient as far as they are known.

    `client_id` is that of a registered client, or empty: anything could stand in what came.
    """

    code: str
    client_id: str = ""
    patient: str = ""


def attempt_of_request(stored: AuthorizationRequest | None) -> Attempt:
    """The attempt of a stored request; without one, an attempt of its own."""
    if stored is None:
        return Attempt(new_attempt())
    launch = stored.launch_context
    patient = launch.patient if launch is not None else ""
    return Attempt(stored.attempt or new_attempt(), stored.application.client_id, patient)


def write_down(request: HttpRequest, refusal: Refusal, attempt: Attempt, status: int = 0) -> None:
    """Tell the audit trail and the log of a refusal. `status` is that of the answer, if it is sure."""
    step(
        refusal.step,
        attempt.code,
        "refused",
        status=status,
        person=subject(request),
        client=attempt.client_id,
        patient=attempt.patient,
        address=client_address(request.META),
        rule=refusal.rule,
        error=refusal.error,
        expected=refusal.expected,
        received=refusal.received,
        cause=refusal.cause,
    )
    logger.warning(
        "Authorization refused, reference %s: rule %s, expected %s, received %s, client %.80r: %s",
        attempt.code,
        refusal.rule,
        refusal.expected,
        refusal.received,
        attempt.client_id,
        refusal.cause,
    )


def error_page(request: HttpRequest, refusal: Refusal, attempt: Attempt) -> HttpResponse:
    """Our own page (400), for as long as it is not proven where else the answer may go."""
    write_down(request, refusal, attempt, 400)
    sentence = SENTENCES.get(refusal.rule, refusal.description)
    return render(request, "oauth/error.html", {"sentence": sentence, "reference": attempt.code}, status=400)


def error_parameters(refusal: Refusal, attempt: Attempt) -> dict[str, str]:
    """`error` and `error_description` for a proven redirect_uri.

    https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    """
    return {
        "error": refusal.error,
        "error_description": f"{refusal.description} (reference {attempt.code})",
    }


def answer_url(redirect_uri: str, parameters: dict[str, str], state: str) -> str:
    """A proven redirect_uri with the answer in its query, `state` exactly as it came, and `iss`.

    https://www.rfc-editor.org/rfc/rfc9207#section-2
    """
    answer = {**parameters, **({"state": state} if state else {}), "iss": settings.SITE_URL}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def to_app(url: str) -> HttpResponse:
    """302 to a proven redirect_uri, which may have a scheme of the app's own."""
    return HttpResponse(status=302, headers={"Location": url, "Cache-Control": "no-store"})

"""Refused requests of apps' servers: a step of the timeline for staff, a reference code for the app.

What the app is told stays what it may know; the exact cause is for staff alone.
"""

import base64
from collections.abc import Mapping

from django.http import HttpRequest, JsonResponse
from django.utils.crypto import salted_hmac

from audit.attempts import new_attempt, step
from audit.origin import client_address
from oauth.causes.callers import of_caller
from oauth.causes.why import Why
from oauth.clients.authentication import AmbiguousClientError
from oauth.clients.calling import Refused
from oauth.models import AccessToken, Application, Grant, RefreshToken
from oauth.tokens.attempts import attempt_of, attempt_of_token
from oauth.tokens.checksum import token_checksum

_HARMLESS = frozenset(
    ["grant_type", "client_id", "redirect_uri", "scope", "client_assertion_type", "token_type_hint"]
)
_SHORTEST = 6


def answer(
    kind: str,
    request: HttpRequest,
    form: Mapping[str, str],
    refused: Refused,
    why: Why | None = None,
    bearer: AccessToken | None = None,
) -> JsonResponse:
    """Record the refusal as a step of this kind and answer with its reference code.

    `why` is left out where the client has not proven itself, or where what it was told is all that there is
    to be known. `bearer` is the access token by which it was asked, where there is no other proof.
    """
    shown = form.get("code") or form.get("refresh_token") or form.get("token") or ""
    client = bearer.application.client_id if bearer else _client(request, form)
    person = str(bearer.user.uid) if bearer and bearer.user else _person(shown, client)
    attempt = attempt_of_token(shown) or _of_unknown(shown, client)
    exact = why or _why(request, form, refused)
    told = {
        "error": refused.error,
        "told": refused.description,
        **{name: _masked(text, request, form) for name, text in exact._asdict().items()},
    }
    step(
        kind,
        attempt,
        "refused",
        status=refused.status,
        person=person,
        client=client,
        address=client_address(request.META),
        **told,
    )
    return refused.quoting(attempt).response()


def _of_unknown(shown: str, client: str) -> str:
    """A reference code of its own for each unknown code or token, the same one at each try: whoever shows
    one twice cannot tell by the reference whether it is known here.
    """
    return (
        attempt_of(salted_hmac("oauth.refused_calls", f"{client} {shown}").hexdigest())
        if shown
        else new_attempt()
    )


def _why(request: HttpRequest, form: Mapping[str, str], refused: Refused) -> Why:
    if refused.error == "invalid_client" or isinstance(refused.__cause__, AmbiguousClientError):
        return of_caller(request.META.get("HTTP_AUTHORIZATION", ""), form)
    return Why("check_form" if refused.error == "invalid_request" else "check_client", refused.description)


def _client(request: HttpRequest, form: Mapping[str, str]) -> str:
    """The client that has proven itself, else the one that is named, if there is one: a text that is no
    client_id may be anything.
    """
    proven = getattr(request, "calling_client", None)
    if proven is not None:
        return str(proven.client_id)
    named = form.get("client_id") or _credentials(request)[0]
    found = Application.objects.filter(client_id=named[:255]).values_list("client_id", flat=True)
    return found.first() or "" if named.isprintable() and named else ""


def _person(shown: str, client: str) -> str:
    """Whose code or refresh token it was, if it was this client's."""
    if not shown or not client:
        return ""
    of_client = {"application__client_id": client, "user__isnull": False}
    checksum = token_checksum(shown)
    grant = Grant.objects.filter(code=checksum, **of_client).values_list("user__uid", flat=True).first()
    if grant is None:
        tokens = RefreshToken.objects.filter(token_checksum=checksum, **of_client)
        grant = tokens.values_list("user__uid", flat=True).first()
    return str(grant or "")


def _masked(text: str, request: HttpRequest, form: Mapping[str, str]) -> str:
    """The text without anything by which the request could prove something, wherever that was sent."""
    proofs = [value for name, value in form.items() if name not in _HARMLESS]
    for proof in sorted((*proofs, *_credentials(request)[1:]), key=len, reverse=True):
        if len(proof) >= _SHORTEST:
            text = text.replace(proof, "…")
    return text


def _credentials(request: HttpRequest) -> tuple[str, ...]:
    """The client_id of HTTP Basic, and every part of the Authorization header that may be a secret."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return "", rest, header
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode()
    except ValueError:
        return "", rest, header
    name, _, secret = decoded.partition(":")
    return name, secret, rest, header

"""Apps register themselves: POST /oauth/register, and GET, PUT, DELETE /oauth/register/<client_id>.

Off unless DYNAMIC_REGISTRATION is set. https://www.rfc-editor.org/rfc/rfc7591 https://www.rfc-editor.org/rfc/rfc7592
"""

import json
import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.core.ratelimit import consume
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from audit.origin import client_address
from fhir.jsontext import JsonTextError, parse
from oauth import refused_calls
from oauth.causes.registrations import of_initial_token, of_registration_token
from oauth.causes.why import Why
from oauth.clients import initial_access_tokens, registering
from oauth.clients.calling import Refused
from oauth.clients.metadata import BadMetadata
from oauth.clients.registering import NotAllowed, Registered, TokenSpent
from oauth.models import Application, InitialAccessToken

logger = logging.getLogger("oauth.registrations")

MAX_BYTES = 65_536
MOST_FAULTS = 20
_LONGEST_ID = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The actions of ACCOUNT_RATE_LIMITS that are counted here.
BY_TOKEN, OPENLY, CHANGES = "register_client", "register_client_openly", "change_registration"
View = Callable[..., HttpResponse]


def _endpoint(*methods: str) -> Callable[[View], View]:
    """A view that exists only while the setting is on, takes these methods, and answers nothing to keep."""

    def decorate(view: View) -> View:
        @csrf_exempt  # who calls proves itself by a token in the header; no cookie is looked at
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not settings.DYNAMIC_REGISTRATION:
                raise Http404
            try:
                if request.method not in methods:
                    raise Refused(405, "invalid_request", f"This address takes {', '.join(methods)}.")
                response = view(request, *args, **kwargs)
            except Refused as refused:
                logger.warning("Registration refused: %s: %s", refused.error, refused.description)
                known = {"client_id": kwargs["client_id"]} if "client_id" in kwargs else {}
                why = _why(request, known.get("client_id"), refused)
                response = refused_calls.answer("registration", request, known, refused, why)
            if response.status_code == 405:
                response["Allow"] = ", ".join(methods)
            response["Cache-Control"] = "no-store"
            response["Pragma"] = "no-cache"
            return response

        return answer

    return decorate


def _why(request: HttpRequest, client_id: str | None, refused: Refused) -> Why:
    """The exact cause; faults of metadata and the like are told to the app in full."""
    if refused.error != "invalid_token":
        return Why("check_registration", refused.description)
    token = _bearer(request)
    return of_initial_token(token) if client_id is None else of_registration_token(client_id, token)


@_endpoint("POST")
def register(request: HttpRequest) -> HttpResponse:
    """Take an app's metadata, answer 201 with what was registered. https://www.rfc-editor.org/rfc/rfc7591#section-3"""
    holder = _holder(request)
    if holder is None:
        _count(request, OPENLY)
    else:
        _count(request, BY_TOKEN, f"initial access token {holder.pk}")
    metadata = _read(request)
    try:
        made = registering.register(metadata, holder, client_address(request.META))
    except BadMetadata as bad:
        raise _refusal(bad) from bad
    except TokenSpent as spent:
        raise _unauthorized(_NOT_INITIAL) from spent
    logger.info("Client %s registered itself, by initial access token %s", made.application, holder)
    return _answer(made, 201)


@_endpoint("GET", "PUT", "DELETE")
def configure(request: HttpRequest, client_id: str) -> HttpResponse:
    """Show, replace or retire the registration that the token in the header belongs to.

    Another client's token, an unknown client and a retired one get the same answer.
    https://www.rfc-editor.org/rfc/rfc7592#section-2
    """
    token = _bearer(request)
    is_id = len(client_id) <= _LONGEST_ID and client_id.isprintable()
    application = registering.find(client_id, token) if token and is_id else None
    if application is None:
        raise _unauthorized("This is no registration access token of such a client.")
    if request.method == "GET":
        return _answer(Registered(application, token), 200)
    _count(request, CHANGES, f"client {application.pk}")
    if request.method == "PUT":
        return _update(request, application, token)
    registering.retire(application, client_address(request.META))
    logger.info("Client %s retired itself", application)
    return HttpResponse(status=204)


def _update(request: HttpRequest, application: Application, token: str) -> HttpResponse:
    metadata = _read(request)
    try:
        made = registering.update(application, metadata, token, client_address(request.META))
    except BadMetadata as bad:
        raise _refusal(bad) from bad
    except NotAllowed as error:
        raise Refused(403, "access_denied", str(error)) from error
    logger.info("Client %s replaced its registration; it is %s", application, made.application.status)
    return _answer(made, 200)


_NOT_INITIAL = "Registering needs an initial access token that is in force; this server's staff make them."


def _holder(request: HttpRequest) -> InitialAccessToken | None:
    """The initial access token in the header; None where the settings let apps do without. Raises Refused."""
    token = _bearer(request)
    if not token and settings.DYNAMIC_REGISTRATION_OPEN and "Authorization" not in request.headers:
        return None
    found = initial_access_tokens.find(token) if token else None
    if found is None:
        raise _unauthorized(_NOT_INITIAL)
    return found


def _bearer(request: HttpRequest) -> str:
    """The token in the header; empty if there is none. https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(why: str) -> Refused:
    return Refused(401, "invalid_token", why, 'Bearer error="invalid_token"')


def _count(request: HttpRequest, action: str, key: str | None = None) -> None:
    """Raises Refused where this was done too often of late."""
    if not consume(request, action=action, key=key):
        raise Refused(429, "temporarily_unavailable", "Too many requests of this kind; try again in an hour.")


def _read(request: HttpRequest) -> dict[str, Any]:
    """The metadata, one JSON object. Raises Refused, for a long body before it is read."""
    if request.content_type != "application/json":
        raise _bad("Send the metadata as application/json.")
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES or len(request.body) > MAX_BYTES:
            raise _bad(f"The metadata must not be longer than {MAX_BYTES} bytes.")
        parse(request.body)
        metadata: dict[str, Any] = json.loads(request.body)
    except JsonTextError as error:
        raise _bad(f"The metadata cannot be read: {error}") from error
    except (RequestDataTooBig, UnreadablePostError, ValueError) as error:
        raise _bad("The metadata cannot be read.") from error
    if metadata.get("software_statement") is not None:
        # https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2
        why = "This server trusts nobody's software statements; send the metadata themselves."
        raise Refused(400, "unapproved_software_statement", why)
    return metadata


def _refusal(bad: BadMetadata) -> Refused:
    """Each fault in a sentence, of very many the first ones. https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2"""
    about_redirects = all(fault.startswith("redirect_uris:") for fault in bad.faults)
    more = len(bad.faults) - MOST_FAULTS
    words = " ".join([*bad.faults[:MOST_FAULTS], *([f"And {more} more."] if more > 0 else [])])
    return _bad(words, "invalid_redirect_uri" if about_redirects else "invalid_client_metadata")


def _bad(words: str, error: str = "invalid_client_metadata") -> Refused:
    """error_description is ASCII. Nothing that was sent begins a line of its own in the log."""
    return Refused(400, error, _CONTROL.sub("?", words.encode("ascii", "backslashreplace").decode()))


def _answer(made: Registered, status: int) -> JsonResponse:
    """https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1 https://www.rfc-editor.org/rfc/rfc7592#section-3"""
    client = made.application
    secret = {"client_secret": made.secret, "client_secret_expires_at": 0} if made.secret else {}
    path = reverse("oauth:registration", args=[client.client_id])
    said = {
        **registering.told(client),
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        **secret,
        "registration_client_uri": f"{settings.SITE_URL}{path}",
        "registration_access_token": made.token,
    }
    return JsonResponse(said, status=status)

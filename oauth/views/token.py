"""POST /oauth/token."""

import logging
from functools import cache
from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from oauth import backend_services, refreshing
from oauth.calling_client import Refused, calling_client
from oauth.models import Application
from oauth.posted_form import BadForm, read_form

logger = logging.getLogger("oauth.refusals")

GRANT_TYPES = ("authorization_code", refreshing.GRANT_TYPE, backend_services.GRANT_TYPE)
# Nothing else reaches oauthlib, which would make an attribute of its request of any parameter.
PARAMETERS = (
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_secret",
    "scope",
)


class BadTokenRequestError(Exception):
    """The request breaks the endpoint's grammar: `error` and a description for the client."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@csrf_exempt  # clients authenticate themselves; no cookie is ever looked at
@sensitive_post_parameters()
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code, a refresh token or a client's own proof. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#step-5-access-token"""
    if request.method != "POST":
        response: HttpResponse = _refusal("invalid_request", "The token endpoint is called by POST.", 405)
        response["Allow"] = "POST, OPTIONS"
    else:
        response = _answer(request)
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def _read(request: HttpRequest) -> dict[str, str]:
    """The form without its empty fields, which count as not sent. Raises BadTokenRequestError."""
    if request.META.get("QUERY_STRING"):
        raise BadTokenRequestError("invalid_request", "Parameters belong in the body, not in the URL.")
    try:
        form = {name: value for name, value in read_form(request).items() if value}
    except BadForm as error:
        raise BadTokenRequestError("invalid_request", str(error)) from error
    _check_grant_type(form.get("grant_type", ""))
    return form


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        form = _read(request)
        client = calling_client(request, form)
    except BadTokenRequestError as error:
        return _refusal(error.error, str(error), 400)
    except Refused as refused:
        logger.warning("Token request refused: %s: %s", refused.error, refused.description)
        return refused.response()
    request.calling_client = client  # type: ignore[attr-defined]  # oauth.cors reads it
    try:
        body, status = _exchange(client, form)
    except (Refused, backend_services.RefusedError) as error:
        return _refusal(error.error, str(error), 400, client.client_id)
    except OAuth2Error as error:
        return _refusal(error.error, error.description or "", error.status_code, client.client_id)
    return HttpResponse(body, status=status, content_type="application/json")


def _exchange(client: Application, form: dict[str, str]) -> tuple[str | bytes, int]:
    """Body and status for a client that has proven itself: its grant's own module knows them."""
    match form["grant_type"]:
        case backend_services.GRANT_TYPE:
            return orjson.dumps(backend_services.issue(client, form.get("scope", ""))), 200
        case refreshing.GRANT_TYPE:
            told = refreshing.refresh(client, form.get("refresh_token", ""), form.get("scope", ""))
            return orjson.dumps(told), 200
        case _:
            code = {name: form[name] for name in PARAMETERS if name in form}
            return cast(tuple[str, int], _server().exchange(client, code))


def _refusal(error: str, description: str, status: int, client_id: str = "") -> JsonResponse:
    logger.warning("Token request refused: %s: %s, client %.80r", error, description, client_id)
    return JsonResponse({"error": error, "error_description": description}, status=status)


def _check_grant_type(grant_type: str) -> None:
    if not grant_type:
        raise BadTokenRequestError("invalid_request", "grant_type is missing.")
    if grant_type not in GRANT_TYPES:
        raise BadTokenRequestError("unsupported_grant_type", f"Supported are {', '.join(GRANT_TYPES)}.")


@cache
def _server() -> Any:
    """oauthlib's server with our hooks, as settings name them: made once per process."""
    return oauth2_settings.OAUTH2_SERVER_CLASS(
        oauth2_settings.OAUTH2_VALIDATOR_CLASS(), **oauth2_settings.server_kwargs
    )

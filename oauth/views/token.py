"""POST /oauth/token."""

import logging
from functools import cache
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import urlencode
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from oauth.posted_form import BadForm, read_form

logger = logging.getLogger("oauth.refusals")

GRANT_TYPES = ("authorization_code", "refresh_token")
# Nothing else reaches oauthlib, which would make an attribute of its request of any parameter.
PARAMETERS = ("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "refresh_token", "scope")


class BadTokenRequestError(Exception):
    """The request breaks the endpoint's grammar: `error` and a description for the client."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@csrf_exempt  # clients authenticate themselves; no cookie is ever looked at
@sensitive_post_parameters()
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code or a refresh token. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#step-5-access-token"""
    if request.method != "POST":
        response: HttpResponse = _error("invalid_request", "The token endpoint is called by POST.", 405)
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
    except (BadRequest, RequestDataTooBig, TooManyFieldsSent) as error:
        raise BadTokenRequestError("invalid_request", "The body cannot be read.") from error
    _check_grant_type(form.get("grant_type", ""))
    return form


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        form = _read(request)
    except BadTokenRequestError as error:
        return _error(error.error, str(error), 400)
    body = urlencode([(name, form[name]) for name in PARAMETERS if name in form])
    authorization = request.headers.get("Authorization", "")
    try:
        _, answer, status = _server().create_token_response("/oauth/token", "POST", body, {"Authorization": authorization})
    except OAuth2Error as error:
        answer, status = error.json, error.status_code
    response = HttpResponse(answer, status=status, content_type="application/json")
    if status != 200:
        logger.warning("Token request refused: %s", answer)
    if status == 401 and authorization:
        response["WWW-Authenticate"] = 'Basic realm="token"'
    return response


def _check_grant_type(grant_type: str) -> None:
    if not grant_type:
        raise BadTokenRequestError("invalid_request", "grant_type is missing.")
    if grant_type not in GRANT_TYPES:
        raise BadTokenRequestError("unsupported_grant_type", f"Supported are {' and '.join(GRANT_TYPES)}.")


def _error(error: str, description: str, status: int) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


@cache
def _server() -> Any:
    """oauthlib's server with our hooks, as settings name them: made once per process."""
    return oauth2_settings.OAUTH2_SERVER_CLASS(oauth2_settings.OAUTH2_VALIDATOR_CLASS(), **oauth2_settings.server_kwargs)

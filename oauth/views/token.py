"""POST /oauth/token."""

import logging
from functools import cache
from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from oauth import backend_services, refreshing
from oauth.calling_client import Refused, calling_client, for_calling_client
from oauth.client_authentication import is_by_assertion
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


@csrf_exempt  # clients authenticate themselves; no cookie is ever looked at
@sensitive_post_parameters()
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code, a refresh token or a client's own proof. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#step-5-access-token"""
    if request.method != "POST":
        response: HttpResponse = _refusal(
            request, Refused(405, "invalid_request", "The token endpoint is called by POST.")
        )
        response["Allow"] = "POST, OPTIONS"
    else:
        response = _answer(request)
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def _read(request: HttpRequest) -> dict[str, str]:
    """The form without its empty fields, which count as not sent. Raises Refused."""
    if request.META.get("QUERY_STRING"):
        raise Refused(400, "invalid_request", "Parameters belong in the body, not in the URL.")
    try:
        form = {name: value for name, value in read_form(request).items() if value}
    except BadForm as error:
        raise Refused(400, "invalid_request", str(error)) from error
    _check_grant_type(form.get("grant_type", ""))
    return form


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        body, status = _exchange(request, _read(request))
    except Refused as refused:
        return _refusal(request, refused)
    except OAuth2Error as error:
        return _refusal(request, Refused(error.status_code, error.error, error.description or ""))
    return HttpResponse(body, status=status, content_type="application/json")


def _exchange(request: HttpRequest, form: dict[str, str]) -> tuple[str | bytes, int]:
    """Body and status for a client that proves itself: its grant's own module knows them."""
    match form["grant_type"]:
        case backend_services.GRANT_TYPE:
            asked = form.get("scope", "")
            told = for_calling_client(request, form, lambda proven: backend_services.issue(proven, asked))
            return orjson.dumps(told), 200
        case refreshing.GRANT_TYPE:
            return orjson.dumps(_refreshed(request, form)), 200
        case _:
            code = {name: form[name] for name in PARAMETERS if name in form}
            return cast(tuple[str, int], _server().exchange(calling_client(request, form), code))


def _refreshed(request: HttpRequest, form: dict[str, str]) -> dict[str, Any]:
    token, asked = form.get("refresh_token", ""), form.get("scope", "")
    if is_by_assertion(form):
        return refreshing.refresh(calling_client(request, form), token, asked)
    return for_calling_client(
        request, form, lambda proven: refreshing.refresh(proven.client, token, asked, proven.stamp)
    )


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    client = getattr(request, "calling_client", None)
    logger.warning(
        "Token request refused: %s: %s, client %.80r",
        refused.error,
        refused.description,
        client.client_id if client else "",
    )
    return refused.response()


def _check_grant_type(grant_type: str) -> None:
    if not grant_type:
        raise Refused(400, "invalid_request", "grant_type is missing.")
    if grant_type not in GRANT_TYPES:
        raise Refused(400, "unsupported_grant_type", f"Supported are {', '.join(GRANT_TYPES)}.")


@cache
def _server() -> Any:
    """oauthlib's server with our hooks, as settings name them: made once per process."""
    return oauth2_settings.OAUTH2_SERVER_CLASS(
        oauth2_settings.OAUTH2_VALIDATOR_CLASS(), **oauth2_settings.server_kwargs
    )

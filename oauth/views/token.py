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

from audit.origin import client_address
from oauth import refused_calls
from oauth.causes.client_credentials import of_grant_type, of_service
from oauth.causes.codes import of_code
from oauth.causes.refreshes import of_refresh
from oauth.causes.why import Why
from oauth.clients.authentication import Proven, is_by_assertion
from oauth.clients.calling import Refused, calling_client, for_calling_client
from oauth.models import Application
from oauth.posted_form import BadForm, read_form
from oauth.tokens import backend_services, refreshing

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
        refused = Refused(405, "invalid_request", "The token endpoint is called by POST.")
        response: HttpResponse = _refusal(request, {}, refused)
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
        return {name: value for name, value in read_form(request).items() if value}
    except BadForm as error:
        raise Refused(400, "invalid_request", str(error)) from error


def _answer(request: HttpRequest) -> HttpResponse:
    form: dict[str, str] = {}
    try:
        form = _read(request)
        _check_grant_type(form.get("grant_type", ""))
        body = _exchange(request, form)
    except Refused as refused:
        return _refusal(request, form, refused)
    except OAuth2Error as error:
        return _refusal(request, form, Refused(error.status_code, error.error, error.description or ""))
    return HttpResponse(body, content_type="application/json")


def _exchange(request: HttpRequest, form: dict[str, str]) -> str | bytes:
    """The body of the answer to a client that proves itself: its grant's own module knows it. Raises
    Refused and oauthlib's OAuth2Error.
    """
    address = client_address(request.META)
    match form["grant_type"]:
        case backend_services.GRANT_TYPE:
            asked = form.get("scope", "")

            def issue(proven: Proven) -> dict[str, Any]:
                return backend_services.issue(proven, asked, address)

            return orjson.dumps(for_calling_client(request, form, issue))
        case refreshing.GRANT_TYPE:
            return orjson.dumps(_refreshed(request, form, address))
        case _:
            code = {name: form[name] for name in PARAMETERS if name in form}
            body, status = _server().exchange(calling_client(request, form), code, address)
            if status != 200:
                told = orjson.loads(body)
                raise Refused(status, told["error"], told.get("error_description", ""))
            return cast(str, body)


def _refreshed(request: HttpRequest, form: dict[str, str], address: str) -> dict[str, Any]:
    token, asked = form.get("refresh_token", ""), form.get("scope", "")
    if is_by_assertion(form):
        return refreshing.refresh(calling_client(request, form), token, asked, address=address)
    return for_calling_client(
        request,
        form,
        lambda proven: refreshing.refresh(proven.client, token, asked, proven.stamp, address),
    )


def _refusal(request: HttpRequest, form: dict[str, str], refused: Refused) -> HttpResponse:
    client = getattr(request, "calling_client", None)
    logger.warning(
        "Token request refused: %s: %s, client %.80r",
        refused.error,
        refused.description,
        client.client_id if client else "",
    )
    grant_type = form.get("grant_type", "")
    why = _why(client, form, refused)
    return refused_calls.answer(_KINDS.get(grant_type, "token"), request, form, refused, why)


_KINDS = {refreshing.GRANT_TYPE: "refresh", backend_services.GRANT_TYPE: "service-token"}
_NOT_OF_GRANTS = ("invalid_client", "temporarily_unavailable")


def _why(client: Application | None, form: dict[str, str], refused: Refused) -> Why | None:
    """Why a client that has proven itself got nothing, where it is more than what it is told."""
    if refused.error == "unsupported_grant_type":
        return of_grant_type(form["grant_type"], GRANT_TYPES)
    if client is None or refused.error in _NOT_OF_GRANTS:
        return None
    match form.get("grant_type"):
        case backend_services.GRANT_TYPE:
            return of_service(client, form)
        case refreshing.GRANT_TYPE:
            return of_refresh(client, form)
        case _:
            return of_code(client, form)


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

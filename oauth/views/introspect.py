"""The two introspection endpoints: one work, two answers for a token that is not active."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from oauth import refused_calls
from oauth.causes.introspections import of_bearer, of_introspection
from oauth.causes.why import Why
from oauth.clients.authentication import Proven, is_by_assertion
from oauth.clients.calling import Refused, bearer_may_introspect, calling_client, for_calling_client
from oauth.introspection import INACTIVE, INACTIVE_WITH_BLANKS, introspect
from oauth.models import Application
from oauth.posted_form import BadForm, read_form


@method_decorator(csrf_exempt, name="dispatch")
class IntrospectView(View):
    """RFC 7662: `{"active": false}` and nothing else for whatever is not active.

    https://www.rfc-editor.org/rfc/rfc7662#section-2
    """

    http_method_names = ["post"]
    inactive: dict[str, Any] = INACTIVE
    inactive_status = 200

    def post(self, request: HttpRequest) -> HttpResponse:
        """Answer about the token in the body to a caller who may ask."""
        form: dict[str, str] = {}
        try:
            form = _form(request)
            payload = _payload(request, form)
        except Refused as refused:
            return refused_calls.answer("introspection", request, form, refused, _why(request, form))
        status = 200 if payload else self.inactive_status
        told = orjson.dumps(payload or self.inactive)
        response = HttpResponse(told, content_type="application/json", status=status)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response


class TokenIntrospectView(IntrospectView):
    """The older form: 404 and every member blank for whatever is not active."""

    inactive = INACTIVE_WITH_BLANKS
    inactive_status = 404


def _form(request: HttpRequest) -> dict[str, str]:
    try:
        form = read_form(request)
    except BadForm as fault:
        raise Refused(400, "invalid_request", str(fault)) from fault
    return form


def _why(request: HttpRequest, form: dict[str, str]) -> Why | None:
    """Why a caller may not ask; None where it has not proven itself, or what it is told says it all."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    client = getattr(request, "calling_client", None)
    if header.lower().startswith("bearer "):
        return of_bearer(header.partition(" ")[2]) if form.get("token") else None
    return of_introspection(client) if client is not None and form.get("token") else None


def _payload(request: HttpRequest, form: dict[str, str]) -> dict[str, Any] | None:
    """What the caller may know of the token in the form. Raises Refused."""
    if not form.get("token"):
        raise Refused(400, "invalid_request", "The parameter token is missing.")
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header.lower().startswith("bearer "):
        if bearer_may_introspect(header):
            return introspect(form["token"], None)
        description = "The bearer token does not allow introspection."
        challenge = 'Bearer error="invalid_token", scope="introspection"'
        raise Refused(401, "invalid_token", description, challenge)
    if is_by_assertion(form):
        return introspect(form["token"], _whose_tokens(calling_client(request, form)))

    def work(proven: Proven) -> dict[str, Any] | None:
        return introspect(form["token"], _whose_tokens(proven.client), proven.stamp)

    return for_calling_client(request, form, work)


def _whose_tokens(client: Application) -> Application | None:
    """The client whose tokens this caller may ask about; None for every client's. Raises Refused."""
    if client.is_public:
        raise Refused(
            401, "invalid_client", "A public client cannot ask about tokens.", 'Basic realm="oauth"'
        )
    match client.introspection:
        case Application.Introspection.ANY:
            return None
        case Application.Introspection.OWN:
            return client
        case _:
            raise Refused(403, "unauthorized_client", "The client is not registered for introspection.")

"""Revocation by the client itself. https://www.rfc-editor.org/rfc/rfc7009#section-2"""

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from audit.origin import client_address
from oauth import refused_calls
from oauth.clients.calling import Refused, calling_client
from oauth.posted_form import BadForm, read_form
from oauth.tokens.revocation import revoke_token


@method_decorator(csrf_exempt, name="dispatch")
class RevokeView(View):
    """200 without a body, whether the token was alive, unknown or somebody else's: existence never leaks."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Revoke the caller's token. Public clients identify themselves by client_id."""
        form: dict[str, str] = {}
        try:
            form = _form(request)
            client = calling_client(request, form)
            if not form.get("token"):
                raise Refused(400, "invalid_request", "The parameter token is missing.")
        except Refused as refused:
            return refused_calls.answer("revocation", request, form, refused)
        revoke_token(form["token"], client, client_address(request.META))
        response = HttpResponse(status=200)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response


def _form(request: HttpRequest) -> dict[str, str]:
    try:
        return read_form(request)
    except BadForm as fault:
        raise Refused(400, "invalid_request", str(fault)) from fault

"""Revocation by the client itself. https://www.rfc-editor.org/rfc/rfc7009#section-2"""

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from oauth.calling_client import Refused, calling_client
from oauth.posted_form import BadForm, read_form
from oauth.revocation import revoke_token


@method_decorator(csrf_exempt, name="dispatch")
class RevokeView(View):
    """200 without a body, whether the token was alive, unknown or somebody else's: existence never leaks."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Revoke the caller's token. Public clients identify themselves by client_id."""
        try:
            form = read_form(request)
            client = calling_client(request, form)
        except BadForm as fault:
            return Refused(400, "invalid_request", str(fault)).response()
        except Refused as refused:
            return refused.response()
        if not form.get("token"):
            return Refused(400, "invalid_request", "The parameter token is missing.").response()
        revoke_token(form["token"], client)
        response = HttpResponse(status=200)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

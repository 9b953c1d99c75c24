"""Who signed in, for a living access token with scope `openid`.

https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from oauth import catalogue, refused_calls
from oauth.causes.userinfo import of_userinfo
from oauth.claims import person_claims
from oauth.clients.calling import Refused
from oauth.models import AccessToken
from oauth.scopes import NamedScope, parse_scopes
from oauth.tokens.checksum import token_checksum
from oauth.tokens.liveness import living_id
from oauth.tokens.verification import NotOurToken, verify

_ENDED = "The access token has expired or was revoked, or what it rests on has ended."


@method_decorator(csrf_exempt, name="dispatch")
class UserInfoView(View):
    """The claims that the token's scopes allow, by GET and by POST; the token comes in the header only."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer the claims as JSON, or the error of https://www.rfc-editor.org/rfc/rfc6750#section-3.1."""
        try:
            row, scopes = _living_token(request.headers.get("Authorization", ""))
        except Refused as refused:
            return _refusal(request, refused)
        request.calling_client = row.application  # type: ignore[attr-defined]  # for oauth.cors
        response = JsonResponse(person_claims(row.user, scopes))
        response["Cache-Control"] = "no-store"
        return response

    def post(self, request: HttpRequest) -> HttpResponse:
        """The same as GET."""
        return self.get(request)


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The answer, and a step of the attempt that the token came of."""
    token = request.headers.get("Authorization", "").partition(" ")[2]
    rows = AccessToken.objects.select_related("user", "application", "launch_context", "consent")
    row = rows.filter(token_checksum=token_checksum(token)).first() if token else None
    return refused_calls.answer(
        "userinfo", request, {"token": token}, refused, of_userinfo(refused, row), row
    )


def _living_token(authorization: str) -> tuple[AccessToken, set[str]]:
    """The row of the token and the scopes that it still has. Raises Refused."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "invalid_request", "Send the access token as 'Authorization: Bearer …'.", "Bearer")
    try:
        verified = verify(token)
    except NotOurToken as fault:
        raise _invalid(str(fault)) from fault
    found = living_id(AccessToken, verified.checksum)
    if found is None:
        raise _invalid(_ENDED)
    row = AccessToken.objects.select_related("user", "application").get(pk=found)
    if row.user is None:
        raise _invalid("The access token was given to an app by itself, and tells of no person.")
    granted, registered = parse_scopes(row.scope) or (), parse_scopes(row.application.scope) or ()
    still = catalogue.grantable(granted, registered)
    scopes = {scope.text for scope in still if isinstance(scope, NamedScope)}
    if "openid" not in scopes:
        description = "The access token has no scope openid."
        raise Refused(
            403, "insufficient_scope", description, 'Bearer error="insufficient_scope", scope="openid"'
        )
    return row, scopes


def _invalid(why: str) -> Refused:
    return Refused(401, "invalid_token", why, f'Bearer error="invalid_token", error_description="{why}"')

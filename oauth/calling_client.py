"""Which client is calling an endpoint of ours, and by what right."""

from django.http import HttpRequest, JsonResponse

from oauth import catalogue
from oauth.client_authentication import AmbiguousClientError, InvalidClientError, authenticate
from oauth.models import AccessToken, Application
from oauth.scopes import NamedScope, parse_scopes
from oauth.token_liveness import alive
from oauth.token_verification import NotOurToken, verify


class Refused(Exception):
    """An OAuth error to answer with. https://www.rfc-editor.org/rfc/rfc6749#section-5.2"""

    def __init__(self, status: int, error: str, description: str, challenge: str = "") -> None:
        super().__init__(description)
        self.status, self.error, self.description, self.challenge = status, error, description, challenge

    def response(self) -> JsonResponse:
        """The JSON answer, not to be stored by anybody."""
        body = {"error": self.error, "error_description": self.description}
        response = JsonResponse(body, status=self.status)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        if self.challenge:
            response["WWW-Authenticate"] = self.challenge
        return response


def calling_client(request: HttpRequest, form: dict[str, str]) -> Application:
    """The live client that proves itself, or, if it is public, names itself. Raises Refused.

    https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    """
    try:
        client = authenticate(request.headers.get("Authorization", ""), form)
    except InvalidClientError as error:
        raise Refused(401, "invalid_client", str(error), 'Basic realm="oauth"') from error
    except AmbiguousClientError as error:
        raise Refused(400, "invalid_request", str(error)) from error
    request.calling_client = client  # type: ignore[attr-defined]  # oauth.cors asks whose pages may read this
    return client


def bearer_may_introspect(authorization: str) -> bool:
    """Whether the header holds a living access token with scope `introspection`, of a client that may ask
    about any.

    https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html#authorization-to-perform-token-introspection
    """
    try:
        verified = verify(authorization.partition(" ")[2])
    except NotOurToken:
        return False
    tokens = alive(AccessToken.objects.filter(token_checksum=verified.checksum))
    row = tokens.filter(application__introspection=Application.Introspection.ANY.value).first()
    if row is None:
        return False
    scopes = catalogue.grantable(parse_scopes(row.scope) or (), parse_scopes(row.application.scope) or ())
    return NamedScope("introspection") in scopes

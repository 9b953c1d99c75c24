"""Which client is calling an endpoint of ours, and by what right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.http import HttpRequest, JsonResponse

from oauth import catalogue
from oauth.clients.assertion import Assertion
from oauth.clients.authentication import (
    REPLAYED,
    AmbiguousClientError,
    InvalidClientError,
    Proven,
    authenticate,
    prove,
)
from oauth.clients.used_assertions import use_up
from oauth.models import AccessToken, Application
from oauth.remembered import OutdatedError, look_up_client, remembered_client
from oauth.scopes import NamedScope, parse_scopes
from oauth.tokens.liveness import alive
from oauth.tokens.verification import NotOurToken, verify

Answer = TypeVar("Answer")
# The first looks at what is remembered; one more is enough unless clients or people are changed all the time.
_CHANCES = 5
_BASIC = 'Basic realm="oauth"'


class Refused(Exception):
    """An OAuth error to answer with. https://www.rfc-editor.org/rfc/rfc6749#section-5.2"""

    def __init__(self, status: int, error: str, description: str, challenge: str = "") -> None:
        super().__init__(description)
        self.status, self.error, self.description, self.challenge = status, error, description, challenge

    def quoting(self, reference: str) -> "Refused":
        """The same with the reference code under which staff find the cause."""
        description = f"{self.description} (reference {reference})"
        return Refused(self.status, self.error, description, self.challenge)

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
    with _refusals():
        client = authenticate(request.META.get("HTTP_AUTHORIZATION", ""), form)
    request.calling_client = client  # type: ignore[attr-defined]  # oauth.cors asks whose pages may read this
    return client


def for_calling_client(
    request: HttpRequest, form: dict[str, str], work: Callable[[Proven], Answer]
) -> Answer:
    """What `work` answers to the client that proves itself. Raises Refused.

    It is called with the client as this process remembers it. It has to use up the assertion, if there is
    one, and to raise OutdatedError before it does anything if the stamp is not what the database says. Then,
    and if it refuses, the client is looked up and `work` called anew.
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    for find in (remembered_client, *[look_up_client] * _CHANCES):
        proven = None
        try:
            with _refusals():
                proven = prove(header, form, find)
            request.calling_client = proven.client  # type: ignore[attr-defined]  # as above
            return work(proven)
        except OutdatedError:
            continue
        except Refused:
            if find is remembered_client:
                continue
            if proven is not None and proven.assertion is not None:
                _use_up(proven.client, proven.assertion)
            raise
    raise Refused(503, "temporarily_unavailable", "What this rests on is being changed; try again.")


def replayed() -> Refused:
    """The answer to an assertion that was shown before."""
    return Refused(401, "invalid_client", REPLAYED, _BASIC)


def _use_up(client: Application, assertion: Assertion) -> None:
    """What was refused for another reason was shown nevertheless, and does not count another time."""
    if not use_up(client, assertion):
        raise replayed()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except InvalidClientError as error:
        raise Refused(401, "invalid_client", str(error), _BASIC) from error
    except AmbiguousClientError as error:
        raise Refused(400, "invalid_request", str(error)) from error


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

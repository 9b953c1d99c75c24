"""oauthlib's server, cut down to the exchange of codes, with our lifetimes and few refresh tokens."""

from collections.abc import Mapping
from typing import Any

from oauthlib.common import Request, urlencode
from oauthlib.openid import Server

from oauth.consent.duration import end_of
from oauth.models import Application
from oauth.tokens.access_token import seconds
from oauth.tokens.refreshing import REFRESH_SCOPES


class SmartServer(Server):  # type: ignore[misc]  # oauthlib ships no types
    """oauthlib's OpenID Connect server without the grants that do not exist here."""

    def __init__(
        self, request_validator: Any, token_expires_in: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(request_validator, lifetime, *args, **kwargs)
        self._grant_types = {"authorization_code": self.openid_connect_auth}
        self.openid_connect_auth.register_token_modifier(limit_refresh_token)

    def exchange(self, client: Application, form: Mapping[str, str], address: str = "") -> tuple[str, int]:
        """Body and status for a client that has proven itself and shows a code, from this address.

        Raises oauthlib's OAuth2Error, or answers with one in the body.
        """
        request = Request("/oauth/token", "POST", urlencode(form.items()), {})
        request.client = client
        request.extra_credentials = None
        request.address = address
        _, body, status = self.openid_connect_auth.create_token_response(request, self.default_token_type)
        return body, status


def lifetime(request: Any) -> int:
    """Seconds that the access token of an oauthlib request will live."""
    return seconds(request.client, end_of(request.issued))


def limit_refresh_token(token: dict[str, Any], token_handler: Any, request: Any) -> dict[str, Any]:
    """Take the refresh token out of the answer unless it was granted.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-a-refresh-token
    """
    if not REFRESH_SCOPES.intersection(request.scopes) or not request.client.may_use_grant("refresh_token"):
        token.pop("refresh_token", None)
    return token

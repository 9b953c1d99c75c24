"""The hooks through which oauthlib asks us. Each calls the module that knows; no rule lives here.

This is the one place that knows django-oauth-toolkit's and oauthlib's insides.
"""

from typing import Any

from django.conf import settings
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from launch.context import members
from oauth.catalogue import enabled_text, grantable_of_texts
from oauth.claims import id_token_claims, person_claims
from oauth.models import Application
from oauth.scopes import to_text
from oauth.tokens import issuing
from oauth.tokens.access_token import signer_for
from oauth.tokens.rotation import SpentError


class SmartValidator(OAuth2Validator):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """`request.issued` is the grant whose code the request shows, once it is accepted."""

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Always, whatever the client's kind: it has happened before oauthlib was asked."""
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether oauth.clients.authentication has found the client."""
        return isinstance(vars(request).get("client"), Application)

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Never: a name alone proves nothing."""
        return False

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether the client is registered for the grant type."""
        return bool(client.may_use_grant(grant_type))

    def validate_code(
        self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Accept a living code of this client, and restore what was authorized with it."""
        grant = issuing.find_code(code, client)
        if grant is None:
            description = "The authorization code is unknown, expired, used, or no longer permitted."
            raise errors.InvalidGrantError(description=description, request=request)
        return self._restore(request, grant)

    def get_code_challenge(self, code: str, request: Any) -> str:
        """What the verifier is held against; every code has one."""
        return str(request.issued.code_challenge)

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        """S256: the authorization endpoint takes no other."""
        return "S256"

    def get_default_redirect_uri(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """None: authorization always had a redirect_uri, so the exchange must have it as well."""

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: Any,
        request: Any,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """The very redirect_uri of the authorization. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3"""
        if redirect_uri != request.issued.redirect_uri:
            raise errors.InvalidGrantError(
                description="The redirect_uri is another than before.", request=request
            )
        return True

    def get_authorization_code_nonce(
        self, client_id: str, code: str, redirect_uri: str, request: Any
    ) -> str | None:
        """The nonce of the authorization request, for the id_token."""
        return request.issued.nonce or None

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing left to do: the code was spent in the transaction that recorded its tokens."""

    def _restore(self, request: Any, issued: Any) -> bool:
        """Put back what the person had authorized, without what can no longer be granted."""
        still = grantable_of_texts(issued.scope, request.client.scope, enabled_text())
        if not still:
            raise errors.InvalidGrantError(
                description="None of the granted scopes exists any more.", request=request
            )
        request.issued = issued
        request.user = issued.user
        request.scopes = to_text(still).split(" ")
        request.extra_credentials = members(issued.launch_context)
        return True

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """Spend the code and record its tokens, in one transaction."""
        try:
            issuing.redeem_code(request.issued, token, request.jti, request.kid, request.address)
        except SpentError as error:
            raise errors.InvalidGrantError(
                description="It was used in the meantime.", request=request
            ) from error

    def finalize_id_token(
        self, id_token: dict[str, Any], token: dict[str, Any], handler: Any, request: Any
    ) -> str:
        """Sign the id_token with RS256. https://openid.net/specs/openid-connect-core-1_0.html#IDToken"""
        auth_time = request.issued.auth_time or request.issued.created
        claims = id_token_claims(
            request.user,
            request.scopes,
            int(auth_time.timestamp()),
            settings.OAUTH2_PROVIDER["ID_TOKEN_EXPIRE_SECONDS"],
        )
        return signer_for(request, "RS256").sign(id_token | claims | {"aud": request.client.client_id}, "JWT")

    def get_userinfo_claims(self, request: Any) -> dict[str, Any]:
        """What userinfo says with this token."""
        return person_claims(request.user, request.scopes)

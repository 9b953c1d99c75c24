"""django-allauth's OpenID Connect provider, held to more: nothing of the request decides what is asked, and
what comes back is believed only as far as it is proven.
"""

import secrets
import time
from functools import cached_property
from typing import Any

from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.federation import exchange
from accounts.federation.admission import identity_of
from accounts.federation.id_token import verified
from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.refused import Refused

Json = dict[str, Any]


def app_of(provider: IdentityProvider) -> SocialApp:
    """A registered provider as allauth knows them: an app that is never saved, without the secret."""
    app = SocialApp(
        provider=OpenIDConnectProvider.id,
        provider_id=provider.slug,
        name=provider.name,
        client_id=provider.client_id,
        settings={"server_url": provider.issuer, "scope": provider.scope.split(), "oauth_pkce_enabled": True},
    )
    app.identity_provider = provider
    return app


class CodeClient(OAuth2Client):  # type: ignore[misc]  # allauth ships no types
    """Exchanges a code for tokens."""

    def __init__(self, provider: IdentityProvider, found: Json, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._provider, self._found = provider, found

    def get_redirect_url(self, authorization_url: str, scope: list[str], extra_params: Json) -> str:
        """Where to send the person. An endpoint's own query stays. https://www.rfc-editor.org/rfc/rfc6749#section-3.1"""
        query = super().get_redirect_url("", scope, extra_params).removeprefix("?")
        return f"{authorization_url}{'&' if '?' in authorization_url else '?'}{query}"

    def get_access_token(self, code: str, pkce_code_verifier: str = "", extra_data: Any = None) -> Json:
        """The token endpoint's answer. Raises Refused. https://www.rfc-editor.org/rfc/rfc7636#section-4.5"""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback_url,
            "code_verifier": pkce_code_verifier,
        }
        return exchange.tokens(self._provider, self._found, form)


class CodeFlow(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth ships no types
    """The authorization code flow with one provider. `asked` is what we remember of our own request."""

    asked: Json = {}

    @cached_property
    def identity_provider(self) -> IdentityProvider:
        """The provider as staff registered it. Raises SocialApp.DoesNotExist for one that is not in use."""
        found: IdentityProvider = self.get_provider().app.identity_provider
        return found

    @cached_property
    def openid_config(self) -> Json:
        """The provider's discovery document. Raises Refused."""
        return exchange.configuration(self.identity_provider)

    @property
    def basic_auth(self) -> bool:
        """allauth's client authenticates nobody: ours does, with a secret that only it has seen."""
        return False

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Our redirect URI, the same whatever the Host header says."""
        return self.identity_provider.redirect_uri

    def get_client(self, request: HttpRequest, app: SocialApp) -> CodeClient:
        """The client that exchanges the code."""
        return CodeClient(
            self.identity_provider,
            self.openid_config,
            request,
            app.client_id,
            "",
            "POST",
            self.access_token_url,
            self.get_callback_url(request, app),
        )

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: CodeClient, pkce_code_verifier: str | None = None
    ) -> Json:
        """Exchange the code, unless another server's answer was mixed in. Raises Refused.

        https://www.rfc-editor.org/rfc/rfc9207#section-2.4
        """
        told = request.GET.get("iss")
        promised = self.openid_config.get("authorization_response_iss_parameter_supported") is True
        if told != self.identity_provider.issuer and (promised or told is not None):
            raise Refused("iss", self.identity_provider.issuer, str(told))
        return client.get_access_token(request.GET["code"], pkce_code_verifier=pkce_code_verifier or "")

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, response: Json, **more: Any
    ) -> SocialLogin:
        """Who has signed in, by what the id_token proves; userinfo may add to that. Raises Refused.

        https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
        """
        keys = exchange.key_set(self.openid_config)
        claims = verified(response.get("id_token"), keys, self.identity_provider, self.asked.get("nonce", ""))
        if self.identity_provider.reads_userinfo:
            told = exchange.userinfo(self.openid_config, token.token)
            if told.get("sub") != claims["sub"]:
                raise Refused("userinfo", f"sub {claims['sub']}", str(told.get("sub")))
            claims = {**told, **claims}
        login: SocialLogin = self.get_provider().sociallogin_from_response(request, claims)
        login.claims = claims
        return login


class FederatedProvider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth ships no types
    """A provider that staff registered."""

    oauth2_adapter_class = CodeFlow

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> Json:
        """allauth would take scopes and parameters out of the address; here staff's settings alone count."""
        return {"process": AuthProcess.LOGIN}

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, **more: Any
    ) -> HttpResponse:
        """To the provider, with state, nonce and S256. Whoever is signed in here already is to prove anew who
        they are. Raises Refused.

        https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
        """
        provider: IdentityProvider = self.app.identity_provider
        person = request.user.pk if request.user.is_authenticated else None
        nonce = secrets.token_urlsafe(24)
        parameters = {"nonce": nonce, "max_age": str(settings.SESSION_COOKIE_AGE)}
        if person is not None:
            parameters |= {"prompt": "login", "max_age": "0"}
        if provider.fhir_base:
            parameters["aud"] = provider.fhir_base
        response: HttpResponse = super().redirect(
            request,
            process=AuthProcess.LOGIN,
            next_url=next_url,
            auth_params=parameters,
            nonce=nonce,
            person=person,
            sent=time.time(),
        )
        return response

    def extract_uid(self, data: Json) -> str:
        """What allauth looks for an account by; `admit` has the last word. Raises Refused."""
        return identity_of(self.app.identity_provider, data)

    def extract_extra_data(self, data: Json) -> Json:
        """Nothing: what a provider tells of people is not hoarded."""
        return {}

    def extract_common_fields(self, data: Json) -> Json:
        """Nothing; new accounts are made elsewhere."""
        return {}

    def extract_email_addresses(self, data: Json) -> list[Any]:
        """None: no e-mail address leads to an account."""
        return []

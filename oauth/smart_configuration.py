"""The discovery documents, derived from what is mounted, enabled and advertised; nothing is typed twice.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#smart-configuration
https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
https://www.rfc-editor.org/rfc/rfc8414#section-2
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from oauth import catalogue
from oauth.clients.metadata import GRANT_TYPES
from oauth.jwk_sets import ALGORITHMS
from oauth.models import Application
from oauth.scopes import NamedScope, ResourceScope, Scope, parse_scopes

# Member of the documents → name of the URL.
ENDPOINTS = {
    "authorization_endpoint": "oauth:authorize",
    "token_endpoint": "oauth:token",
    "userinfo_endpoint": "oauth:userinfo",
    "jwks_uri": "oauth:jwks",
    "introspection_endpoint": "oauth:introspect",
    "revocation_endpoint": "oauth:revoke",
    "management_endpoint": "oauth:manage",
    "registration_endpoint": "oauth:register",
}
# SMART has no userinfo_endpoint, OpenID Connect and RFC 8414 have no management_endpoint.
NOT_SMART, ONLY_SMART = frozenset({"userinfo_endpoint"}), frozenset({"management_endpoint"})
# Name in the oauth-uris extension → member of the documents.
OAUTH_URIS = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "introspect": "introspection_endpoint",
    "manage": "management_endpoint",
    "revoke": "revocation_endpoint",
    "register": "registration_endpoint",
}
CLAIMS = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "fhirUser",
    "profile",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "email",
    "email_verified",
]
GRANULAR = ResourceScope("patient", "Observation", "rs", "category=laboratory")


@dataclass(frozen=True)
class Server:
    """What this server has, as far as capabilities depend on it."""

    endpoints: dict[str, str]
    scopes: tuple[Scope, ...]

    def mounts(self, *names: str) -> bool:
        """Whether all URLs of these names exist."""
        return all(_url(name) for name in names)

    def gives(self, name: str) -> bool:
        """Whether the scope of this fixed name is advertised."""
        return NamedScope(name) in self.scopes

    def gives_context(self, context: str) -> bool:
        """Whether scopes of this context (`patient`, `user`) are advertised."""
        return any(isinstance(scope, ResourceScope) and scope.context == context for scope in self.scopes)

    def takes(self, *methods: str) -> bool:
        """Whether clients can be registered with one of these authentication methods."""
        return any(method in Application.AuthMethod.values for method in methods)


# In the order of https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capabilities
CAPABILITIES: dict[str, Callable[[Server], bool]] = {
    "launch-ehr": lambda server: server.mounts("oauth:authorize", "launch:portal"),
    "launch-standalone": lambda server: server.mounts("oauth:authorize"),
    "authorize-post": lambda server: server.mounts("oauth:authorize"),
    "client-public": lambda server: server.takes("none"),
    "client-confidential-symmetric": lambda server: server.takes("client_secret_basic", "client_secret_post"),
    "client-confidential-asymmetric": lambda server: server.takes("private_key_jwt"),
    "sso-openid-connect": lambda server: server.mounts("oauth:jwks") and server.gives("openid"),
    "context-banner": lambda server: server.mounts("launch:portal"),
    "context-style": lambda server: bool(_url("launch:style", digest="0")),
    "context-ehr-patient": lambda server: server.mounts("launch:portal"),
    "context-ehr-encounter": lambda server: server.mounts("launch:portal"),
    "context-standalone-patient": lambda server: bool(_url("oauth:pick-patient", request_id="x")),
    "context-standalone-encounter": lambda server: bool(_url("oauth:pick-encounter", request_id="x")),
    "permission-offline": lambda server: server.gives("offline_access"),
    "permission-online": lambda server: server.gives("online_access"),
    "permission-patient": lambda server: server.gives_context("patient"),
    "permission-user": lambda server: server.gives_context("user"),
    "permission-v1": lambda server: server.gives_context("patient"),
    # Version 2.2.0 means scopes with a query part by it.
    "permission-v2": lambda server: catalogue.is_enforced(GRANULAR),
}


def smart_configuration() -> dict[str, Any]:
    """What /fhir/.well-known/smart-configuration says."""
    server = _server()
    return {
        **_common(server, leave_out=NOT_SMART),
        "capabilities": [name for name, has in CAPABILITIES.items() if has(server)],
    }


def authorization_server_metadata() -> dict[str, Any]:
    """What /.well-known/oauth-authorization-server says."""
    common = _common(_server(), leave_out=ONLY_SMART)
    return {
        **common,
        **{
            f"{endpoint}_endpoint_auth_{what}_supported": common[f"token_endpoint_auth_{what}_supported"]
            for endpoint in ("introspection", "revocation")
            for what in ("methods", "signing_alg_values")
        },
        "response_modes_supported": ["query"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": ["none", "login", "consent"],
    }


def openid_configuration() -> dict[str, Any]:
    """What /.well-known/openid-configuration says."""
    return {
        **authorization_server_metadata(),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": CLAIMS,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def oauth_uris() -> dict[str, str]:
    """The URLs of the CapabilityStatement's oauth-uris extension, by the extension's own names.

    https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#declaring-support-for-oauth2-endpoints
    """
    endpoints = _endpoints()
    return {name: endpoints[member] for name, member in OAUTH_URIS.items() if member in endpoints}


def _common(server: Server, leave_out: frozenset[str]) -> dict[str, Any]:
    methods = [method for method in Application.AuthMethod.values if method != Application.AuthMethod.NONE]
    return {
        "issuer": settings.SITE_URL,
        **{member: url for member, url in server.endpoints.items() if member not in leave_out},
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": list(GRANT_TYPES),
        "scopes_supported": [scope.text for scope in server.scopes],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
    }


def _server() -> Server:
    return Server(_endpoints(), parse_scopes(" ".join(catalogue.advertised())) or ())


def _endpoints() -> dict[str, str]:
    urls = {member: _url(name) for member, name in ENDPOINTS.items()}
    if not settings.DYNAMIC_REGISTRATION:
        del urls["registration_endpoint"]
    return {member: url for member, url in urls.items() if url}


def _url(name: str, **arguments: str) -> str:
    """The absolute URL of a name; empty if nothing is mounted under it."""
    try:
        return f"{settings.SITE_URL}{reverse(name, kwargs=arguments or None)}"
    except NoReverseMatch:
        return ""

"""Which web pages may call us from a browser: every page may read what is public, registered ones the rest.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support
"""

from typing import Any

import jwt
from django.conf import settings
from django.http import HttpRequest

from oauth.models import Application, TrustedIssuer

PUBLIC = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/fhir/.well-known/smart-configuration",
    "/fhir/metadata",
    "/oauth/jwks",
)
PUBLIC_BELOW = ("/launch/style/",)
FOR_CLIENTS = (
    "/oauth/token",
    "/oauth/token/introspect",
    "/oauth/introspect",
    "/oauth/revoke",
    "/oauth/userinfo",
)
_LONGEST_ORIGIN = 255


def is_allowed(sender: Any, request: HttpRequest, **kwargs: Any) -> bool:
    """Whether the page that sends this request may read the answer; a receiver of corsheaders' signal.

    A preflight names no client, so that the origins of all live clients count for it, and those of active
    issuers where their tokens do. Where a view has found out the client, it leaves it on the request
    (`calling_client`): then only its origins count. Else an access token says whose it is, also one that has
    ended; one of another server counts for the origins that its issuer is registered with.
    """
    path = request.path_info
    if path in PUBLIC or path.startswith(PUBLIC_BELOW):
        return True
    if path not in FOR_CLIENTS and path != "/fhir" and not path.startswith("/fhir/"):
        return False
    origin = request.headers.get("Origin", "")
    client = getattr(request, "calling_client", None)
    if client is not None:
        return is_origin_of(client, origin)
    is_fhir = path not in FOR_CLIENTS
    client_id, issuer = _named_in_token(request)
    if is_fhir and issuer not in ("", settings.SITE_URL):
        return _is_origin_of_an_issuer(origin, issuer)
    return _is_origin_of_a_live_client(origin, client_id) or (
        is_fhir and not client_id and _is_origin_of_an_issuer(origin)
    )


def _named_in_token(request: HttpRequest) -> tuple[str, str]:
    """client_id and issuer in an access token, empty without one. Nothing is verified: an invented name only
    takes away origins that would have counted without it.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return "", ""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        return "", ""
    client_id, issuer = (
        named if isinstance(named := claims.get(name), str) and named.isprintable() else ""
        for name in ("client_id", "iss")
    )
    return client_id, issuer


def is_origin_of(client: Application | TrustedIssuer, origin: str) -> bool:
    """Whether the client or issuer is registered with exactly this origin (scheme, host, port)."""
    return bool(origin) and origin in (known.rstrip("/") for known in client.allowed_origins.split())


def _is_origin_of_a_live_client(origin: str, client_id: str = "") -> bool:
    if not origin or len(origin) > _LONGEST_ORIGIN or not origin.isprintable():
        return False
    candidates = Application.objects.filter(status=Application.Status.LIVE, allowed_origins__contains=origin)
    if client_id:
        candidates = candidates.filter(client_id=client_id)
    return any(is_origin_of(client, origin) for client in candidates.only("allowed_origins"))


def _is_origin_of_an_issuer(origin: str, issuer: str = "") -> bool:
    if not origin or len(origin) > _LONGEST_ORIGIN or not origin.isprintable():
        return False
    candidates = TrustedIssuer.objects.filter(active=True, allowed_origins__contains=origin)
    if issuer:
        candidates = candidates.filter(issuer=issuer)
    return any(is_origin_of(each, origin) for each in candidates.only("allowed_origins"))

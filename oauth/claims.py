"""What our JWTs and userinfo say about a person and an authorization. Plain dictionaries; nothing is
signed here.

Every claim without a value is left out: neither null nor an empty string is ever sent.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings

from accounts.models import User, display_name
from launch.context import members
from launch.models import LaunchContext

# Members of the launch context that a resource server needs; the others concern only the app's screen.
_CONTEXT_CLAIMS = ("patient", "encounter", "fhirContext")


@dataclass(frozen=True, slots=True)
class Authorization:
    """What an access token says: who (None: the client itself), by which client, what, in which context."""

    user: User | None
    client_id: str
    scope: str
    launch_context: LaunchContext | None
    seconds: int
    jti: str


def fhir_user_url(user: User) -> str:
    """The absolute URL of the resource that describes the person; empty for a person without one."""
    return f"{settings.FHIR_BASE}/{user.fhir_user}" if user.fhir_user else ""


def access_token_claims(authorization: Authorization) -> dict[str, Any]:
    """The payload of a JWT access token: no name and no e-mail address, as it travels far.

    https://www.rfc-editor.org/rfc/rfc9068#section-2.2
    """
    now = int(time.time())
    user, client_id = authorization.user, authorization.client_id
    url = fhir_user_url(user) if user else ""
    context = members(authorization.launch_context)
    return _present(
        iss=settings.SITE_URL,
        sub=str(user.uid) if user else client_id,
        aud=settings.FHIR_BASE,
        exp=now + authorization.seconds,
        iat=now,
        jti=authorization.jti,
        client_id=client_id,
        azp=client_id,
        scope=authorization.scope,
        profile=url,
        fhirUser=url,
        **{name: context.get(name) for name in _CONTEXT_CLAIMS},
    )


def person_claims(user: User, scopes: Collection[str]) -> dict[str, Any]:
    """The claims of userinfo, which the id_token carries as well: each only with the scope that asks for it.

    `profile` brings the e-mail address too, and its `profile` claim is the person's FHIR URL.
    https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
    """
    claims = {"sub": str(user.uid)}
    if "fhirUser" in scopes:
        claims["fhirUser"] = fhir_user_url(user)
    if "profile" in scopes:
        claims.update(
            name=display_name(user),
            given_name=user.first_name,
            family_name=user.last_name,
            preferred_username=user.username,
            email=user.email,
            profile=fhir_user_url(user),
        )
    if "email" in scopes and user.email:
        return _present(**claims | {"email": user.email}) | {"email_verified": _is_verified(user)}
    return _present(**claims)


def id_token_claims(user: User, scopes: Collection[str], auth_time: int, seconds: int) -> dict[str, Any]:
    """What an id_token says beside `aud`, `nonce` and `at_hash`. `auth_time` in seconds since 1970.

    https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    now = int(time.time())
    fixed = {"iss": settings.SITE_URL, "iat": now, "exp": now + seconds, "auth_time": auth_time}
    return {**person_claims(user, scopes), **fixed}


def _is_verified(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists())


def _present(**claims: Any) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value not in (None, "", [])}

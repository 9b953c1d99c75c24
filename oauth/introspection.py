"""What a token is worth right now, for those who may ask.

https://www.rfc-editor.org/rfc/rfc7662#section-2.2
https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html
"""

from typing import Any

from django.conf import settings

from launch.context import members
from oauth import catalogue
from oauth.claims import fhir_user_url
from oauth.client_authentication import token_checksum
from oauth.models import AccessToken, Application, RefreshToken
from oauth.scopes import parse_scopes, to_text
from oauth.token_liveness import living_id

_TOGETHER = ("user", "application", "launch_context")
_COLUMNS = (
    "scope",
    "created",
    "expires",
    "application__client_id",
    "user__uid",
    "user__username",
    "user__fhir_user",
    "launch_context__patient",
    "launch_context__encounter",
    "launch_context__fhir_context",
    "launch_context__need_patient_banner",
    "launch_context__intent",
    "launch_context__smart_style_url",
    "launch_context__tenant",
)

INACTIVE: dict[str, Any] = {"active": False}

# The answer of /oauth/token/introspect to a token that is not active, which comes with status 404.
INACTIVE_WITH_BLANKS: dict[str, Any] = {
    "active": False,
    "scope": "",
    "client_id": "",
    "token_type": "",
    "exp": "",
    "iat": "",
    "iss": "",
}


def introspect(text: str, only_of: Application | None) -> dict[str, Any] | None:
    """The payload of a living access or refresh token; None if it is dead, unknown, or of another client.

    `only_of` is the client whose tokens the caller may ask about, None for every client's. Times are in
    seconds since 1970.
    """
    row = _living(token_checksum(text))
    if row is None or (only_of is not None and row.application_id != only_of.pk):
        return None
    return _payload(row)


def _living(checksum: str) -> AccessToken | RefreshToken | None:
    if found := living_id(AccessToken, checksum):
        return AccessToken.objects.select_related(*_TOGETHER).only(*_COLUMNS).get(pk=found)
    if found := living_id(RefreshToken, checksum):
        return RefreshToken.objects.select_related(*_TOGETHER).only(*_COLUMNS).get(pk=found)
    return None


def _payload(row: AccessToken | RefreshToken) -> dict[str, Any]:
    """The members that RFC 7662 and SMART name; the launch context comes first, so that it can hide none
    of them.

    A refresh token says so in `token_type` and is meant for this server: nobody may take it for an access
    token.
    """
    is_access_token = isinstance(row, AccessToken)
    scopes = parse_scopes(row.scope) or ()
    payload = {
        **members(row.launch_context),
        "active": True,
        "scope": to_text(catalogue.grantable(scopes, scopes)),
        "client_id": row.application.client_id,
        "token_type": "Bearer" if is_access_token else "refresh_token",
        "iat": int(row.created.timestamp()),
        "iss": settings.SITE_URL,
        "aud": settings.FHIR_BASE if is_access_token else settings.SITE_URL,
        "sub": str(row.user.uid) if row.user else row.application.client_id,
    }
    if row.expires is not None:
        payload["exp"] = int(row.expires.timestamp())
    if row.user is not None:
        payload["username"] = row.user.username
        payload["fhirUser"] = fhir_user_url(row.user)
    return {name: value for name, value in payload.items() if value != ""}

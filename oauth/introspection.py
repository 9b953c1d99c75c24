"""What a token is worth right now, for those who may ask.

https://www.rfc-editor.org/rfc/rfc7662#section-2.2
https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html
"""

from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import User
from launch.context import TOLD, members
from launch.models import LaunchContext
from oauth.catalogue import grantable_of_texts
from oauth.claims import fhir_user_url
from oauth.models import AccessToken, Application, RefreshToken
from oauth.prepared import NOW, Prepared, columns, instance, value
from oauth.remembered import OutdatedError, enabled_scopes, stamp_column
from oauth.scopes import to_text
from oauth.tokens import standing
from oauth.tokens.checksum import token_checksum
from oauth.tokens.liveness import alive, with_key_in_force

_OF_TOKEN = (
    "application_id",
    "application__client_id",
    "application__scope",
    "scope",
    "created",
    "expires",
)
_OF_USER = columns(User, frozenset(["id", "uid", "username", "fhir_user"]))
_OF_CONTEXT = columns(LaunchContext, TOLD)


class _Living(NamedTuple):
    """What is told of a living token: its own columns, its person and its context."""

    application_id: int
    client_id: str
    registered: str
    scope: str
    created: datetime
    expires: datetime | None
    user: User | None
    context: LaunchContext | None
    stamp: int
    is_access_token: bool


def _query(model: type[AccessToken | RefreshToken]) -> QuerySet[Any, Any]:
    rows = alive(model._default_manager.filter(token_checksum=value("checksum")), NOW)
    rows = with_key_in_force(rows) if model is AccessToken else rows
    people = (f"user__{name}" for name in _OF_USER)
    contexts = (f"launch_context__{name}" for name in _OF_CONTEXT)
    stamped = rows.order_by().annotate(stamp=stamp_column())
    return stamped.values_list(*_OF_TOKEN, *people, *contexts, "stamp")


_ACCESS = Prepared(partial(_query, AccessToken))
_REFRESH = Prepared(partial(_query, RefreshToken))

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


def introspect(text: str, only_of: Application | None, stamp: int | None = None) -> dict[str, Any] | None:
    """The payload of a living access or refresh token; None if it is dead, unknown, or of another client.

    `only_of` is the client whose tokens the caller may ask about, None for every client's; `stamp` is that
    under which this is known. Times are in seconds since 1970. Raises OutdatedError if the stamp has changed.
    """
    row = _living(token_checksum(text))
    if stamp is not None and stamp != (standing.current() if row is None else row.stamp):
        raise OutdatedError
    if row is None or (only_of is not None and row.application_id != only_of.pk):
        return None
    return _payload(row)


def _living(checksum: str) -> _Living | None:
    rows = _ACCESS(checksum=checksum)
    is_access_token = bool(rows)
    rows = rows or _REFRESH(checksum=checksum)
    if not rows:
        return None
    after_token, after_user = len(_OF_TOKEN), len(_OF_TOKEN) + len(_OF_USER)
    row = rows[0]
    user = instance(User, _OF_USER, row[after_token:after_user])
    context = instance(LaunchContext, _OF_CONTEXT, row[after_user:-1])
    return _Living._make([*row[:after_token], user, context, row[-1], is_access_token])


def _payload(row: _Living) -> dict[str, Any]:
    """The members that RFC 7662 and SMART name; the launch context comes first, so that it can hide none
    of them.

    A refresh token says so in `token_type` and is meant for this server: nobody may take it for an access
    token.
    """
    payload = {
        **members(row.context),
        "active": True,
        "scope": to_text(grantable_of_texts(row.scope, row.registered, enabled_scopes(row.stamp))),
        "client_id": row.client_id,
        "token_type": "Bearer" if row.is_access_token else "refresh_token",
        "iat": int(row.created.timestamp()),
        "iss": settings.SITE_URL,
        "aud": settings.FHIR_BASE if row.is_access_token else settings.SITE_URL,
        "sub": str(row.user.uid) if row.user else row.client_id,
    }
    if row.expires is not None:
        payload["exp"] = int(row.expires.timestamp())
    if row.user is not None:
        payload["username"] = row.user.username
        payload["fhirUser"] = fhir_user_url(row.user)
    return {name: told for name, told in payload.items() if told != ""}

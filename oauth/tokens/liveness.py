"""The one answer to "is this token alive?", as a queryset condition and as SQL inside the repository's
statements.

The FHIR API, userinfo, introspection and the refresh of tokens all ask here. A token is dead once it expired
or was revoked, its client is not live, its user was deactivated or got new credentials from staff, its
consent was withdrawn or ran out, or its user lost the right to the patient in its launch context. An online
session ends with its time; one that is ended earlier revokes its tokens (oauth.tokens.online_sessions).
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from accounts.models import Proxy
from fhir.rows import fetched
from oauth.models import Application, SigningKey
from oauth.models.consent import in_force
from oauth.signing_keys import VERIFYING
from oauth.tokens import standing

Token = TypeVar("Token", bound=Model)

# Stand-ins that cannot occur as real values; the compiled statement is kept with them and filled in at each
# call.
_CHECKSUM = "\x00checksum"
_NOW = datetime(1, 1, 1, 0, 0, 0, 271828, tzinfo=UTC)

_STANDS = (
    "(EXISTS (SELECT 1 FROM oauth_accesstoken "  # noqa: S608  # our own names
    "WHERE id = %s AND token_checksum = %s AND revoked IS NULL)"
    f" AND {standing.CURRENT} = %s)"
)
# Where several accounts are the same person, nobody can say whose rights count.
_THE_PERSON = (
    "coalesce((SELECT CASE WHEN count(*) = 1 THEN min(id) END"
    " FROM accounts_user WHERE fhir_user = %s AND is_active), 0)"
)


def alive(tokens: QuerySet[Token], now: datetime | None = None, *, expiring: bool = True) -> QuerySet[Token]:
    """Those of the access tokens or refresh tokens that are alive at `now` (at this moment if left out).

    Not `expiring`: also those whose time is over and that nothing else has ended, for work that was begun in
    time.
    """
    return tokens.filter(is_alive(now or timezone.now(), expiring=expiring))


def is_alive(now: datetime, *, expiring: bool = True) -> Q:
    """The condition of `alive`, for those who want to know of a token beside other things."""
    unexpired = Q(expires__isnull=True) | Q(expires__gt=now)
    return Q(
        unexpired if expiring else Q(),
        Q(session_expires__isnull=True) | Q(session_expires__gt=now),
        _user_still_counts(),
        _consent_holds(now),
        _patient_is_within_reach(now),
        revoked__isnull=True,
        application__status=Application.Status.LIVE.value,
    )


def with_key_in_force(tokens: QuerySet[Token]) -> QuerySet[Token]:
    """Those of the access tokens whose signing key still verifies, for who asks without verifying.

    A withdrawal revokes what its key signed, but cannot see a row that is written in that very moment.
    Tokens of before keys were written down beside them name none.
    """
    key = SigningKey.objects.filter(kid=OuterRef("kid"), status__in=[str(status) for status in VERIFYING])
    return tokens.filter(Q(kid="") | Exists(key))


def _user_still_counts() -> Q:
    unchanged = Q(user__credentials_reset_at__isnull=True) | Q(user__credentials_reset_at__lt=F("created"))
    return Q(user__isnull=True) | Q(unchanged, user__is_active=True)


def _consent_holds(now: datetime) -> Q:
    """No consent at all is the case of a client that acts for itself; deleting a consent deletes its
    tokens.
    """
    return Q(consent__isnull=True) | in_force(now, "consent__")


def _patient_is_within_reach(now: datetime) -> Q:
    """Own record, or a proxy in force. Which patients a clinician may see is judged with the rights, not
    here.
    """
    proxy = Proxy.objects.in_force(now).filter(
        user=OuterRef("user"), patient=OuterRef("launch_context__patient")
    )
    return (
        Q(launch_context__isnull=True)
        | Q(launch_context__patient="")
        | Q(user__fhir_user__startswith="Practitioner/")
        | Q(user__fhir_user=Concat(Value("Patient/"), F("launch_context__patient")))
        | Q(Exists(proxy), user__fhir_user__startswith="RelatedPerson/")
    )


def living_id(model: type[Model], checksum: str) -> int | None:
    """The primary key of the living access token or refresh token with this SHA-256 (hex), or None.

    One statement that was compiled before: what `alive` costs to put together is saved at each call.
    """
    sql, parameters = _compiled_search(connection.vendor, model)
    found = fetched(sql, _filled(parameters, {_CHECKSUM: checksum}))
    return int(found[0][0]) if found else None


def guard_condition(token: int, checksum: str, stamp: int) -> tuple[str, tuple[Any, ...]]:
    """SQL and parameters that are true while nothing that an access decision was made from has changed.

    `token` is the primary key of the access token, `checksum` its SHA-256 in hex, `stamp` the standing that
    was read before the decision. That time passes is not asked here: it shows without the database.
    """
    return _STANDS, (token, checksum, stamp)


def foreign_guard_condition(stamp: int, fhir_user: str, person: int) -> tuple[str, tuple[Any, ...]]:
    """The same for a token of another authorization server, which has no row here: what it rests on is the
    stamp, and the one active account of its `fhir_user`, whose primary key is `person` (0 for none).

    Accounts that are made or deleted renew no stamp. A token that names nobody has an empty `fhir_user`.
    """
    stands = f"{standing.CURRENT} = %s"
    if not fhir_user:
        return f"({stands})", (stamp,)
    return f"({stands} AND {_THE_PERSON} = %s)", (stamp, fhir_user, person)


def _filled(parameters: tuple[Any, ...], values: dict[Any, Any]) -> tuple[Any, ...]:
    """The parameters of a compiled statement with this moment and these values for their stand-ins."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values = {**values, connection.ops.adapt_datetimefield_value(_NOW): now}
    return tuple(values.get(value, value) for value in parameters)


@cache
def _compiled_search(vendor: str, model: type[Model]) -> tuple[str, tuple[Any, ...]]:
    rows = alive(model._default_manager.filter(token_checksum=_CHECKSUM), _NOW).order_by()
    return _compile(rows)


def _compile(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    sql, parameters = rows.order_by().values("pk").query.sql_with_params()
    return sql, tuple(parameters)

"""A refresh token is spent and its successors are recorded: all of it, or nothing.

What the tokens rest on (person, client, consent, context, session, family) is copied inside the database. On
PostgreSQL all is one statement; SQLite, which knows no such statement, does the same in a transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from audit import chain
from audit.events import Event
from audit.recording import record
from fhir.rows import ON_POSTGRESQL, fetched

_SPEND = "UPDATE oauth_refreshtoken SET revoked = %s, updated = %s WHERE id = %s AND revoked IS NULL"
_INHERITED = (
    "user_id, application_id, launch_context_id, consent_id, auth_time, session_digest, session_expires,"
    " token_family"
)
_ACCESS = (
    f"INSERT INTO oauth_accesstoken ({_INHERITED}, source_refresh_token_id, created, updated, token,"  # noqa: S608  # our own words
    f" resource, jti, kid, token_checksum, scope, expires) SELECT {_INHERITED}, id, revoked, revoked, '',"
    " resource, %s, %s, %s, %s, %s FROM "
)
_REFRESH = (
    f"INSERT INTO oauth_refreshtoken ({_INHERITED}, scope, created, updated, token, resource,"
    f" access_token_id, token_checksum, expires) SELECT {_INHERITED}, scope, revoked, revoked, '', resource,"
)
_AT_ONCE = (
    f"WITH chain AS ({chain.HELD}),"  # noqa: S608  # our own words
    f" spent AS ({_SPEND} AND EXISTS (SELECT 1 FROM chain) RETURNING *),"
    f" access AS ({_ACCESS} spent RETURNING id AS access_id),"
    f" refresh AS ({_REFRESH} access_id, %s, %s FROM spent CROSS JOIN access RETURNING id),"
    f" moved AS ({chain.move_after('refresh')}), told AS ({chain.addition('moved')})"
    " SELECT EXISTS (SELECT 1 FROM chain), EXISTS (SELECT 1 FROM refresh)"
)


class SpentError(Exception):
    """The code or refresh token had been used in the meantime: the slower of two gets nothing."""


class SuccessorAccess(NamedTuple):
    """What is new in the row of an access token; `kid` names the key that signed it, `token_checksum` is its
    SHA-256 in hex.
    """

    jti: str
    kid: str
    token_checksum: str
    scope: str
    expires: datetime


class SuccessorRefresh(NamedTuple):
    """What is new in the row of a refresh token; its scope stays that of the authorization."""

    token_checksum: str
    expires: datetime


def record_successors(
    key: int, now: datetime, access: SuccessorAccess, refresh: SuccessorRefresh, event: Event
) -> None:
    """Revoke the refresh token with this primary key, write the rows of the two that follow it, and tell the
    audit trail.

    The one UPDATE decides which of several parallel requests wins; the others get SpentError.
    """
    spend, new_access, new_refresh = ([*map(_value, part)] for part in ((now, now, key), access, refresh))
    if not ON_POSTGRESQL:
        _step_by_step(key, spend, new_access, new_refresh, event)
        return

    def carry_out(move: Sequence[object], told: str) -> bool:
        [(is_held, is_done)] = fetched(_AT_ONCE, [*move[2:], *spend, *new_access, *new_refresh, *move, told])
        if is_held and not is_done:
            raise SpentError
        return bool(is_held)

    chain.add_by([event], carry_out)


@transaction.atomic
def _step_by_step(key: int, spend: list[Any], access: list[Any], refresh: list[Any], event: Event) -> None:
    if not _changed(_SPEND, spend):
        raise SpentError
    spent = "oauth_refreshtoken WHERE id = %s"
    _changed(f"{_ACCESS} {spent}", [*access, key])
    own = "(SELECT id FROM oauth_accesstoken WHERE source_refresh_token_id = %s)"
    _changed(f"{_REFRESH} {own}, %s, %s FROM {spent}", [key, *refresh, key])
    record(event)


def _changed(sql: str, parameters: list[Any]) -> bool:
    """Whether the statement changed a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount)


def _value(given: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(given) if isinstance(given, datetime) else given

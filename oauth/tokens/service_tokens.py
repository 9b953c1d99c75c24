"""A backend service's assertion is used up and the token made of it recorded: both, or nothing.

On PostgreSQL all is one statement; SQLite, which knows no such statement, does the same in a transaction.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from audit import chain, recording
from audit.events import Event
from fhir.rows import ON_POSTGRESQL, fetched
from oauth.clients.assertion import Assertion
from oauth.clients.used_assertions import clean_now_and_then, use_up
from oauth.models import AccessToken, Application
from oauth.prepared import insert, row_to_write
from oauth.remembered import OutdatedError
from oauth.tokens import standing


class ReplayedError(Exception):
    """The client has shown this assertion before."""


def record(client: Application, assertion: Assertion, stamp: int, event: Event, **token: Any) -> None:
    """Use up the assertion, write the row of a token with these values, and tell the audit trail.

    Raises ReplayedError, and OutdatedError if the stamp under which the client is known is another by now.
    """
    write = _at_once if ON_POSTGRESQL else _step_by_step
    write(client, assertion, stamp, event, {"application_id": client.pk, **token})


def _at_once(
    client: Application, assertion: Assertion, stamp: int, event: Event, token: dict[str, Any]
) -> None:
    clean_now_and_then()
    names, row = row_to_write(AccessToken, token)
    marks = ", ".join(["%s"] * len(row))
    sql = (
        f"WITH standing AS (SELECT {standing.CURRENT} AS stamp), chain AS ({chain.HELD}),"  # noqa: S608  # our own words
        " used AS (INSERT INTO oauth_clientassertionjti (application_id, digest, expires)"
        " SELECT %s, %s, %s FROM standing, chain WHERE stamp = %s ON CONFLICT DO NOTHING RETURNING id),"
        f" issued AS (INSERT INTO oauth_accesstoken ({names}) SELECT {marks} FROM used RETURNING id),"
        f" moved AS ({chain.move_after('issued')}), told AS ({chain.addition('moved')})"
        " SELECT stamp, EXISTS (SELECT 1 FROM chain), EXISTS (SELECT 1 FROM issued) FROM standing"
    )
    shown = [client.pk, assertion.jti_digest, assertion.expires, stamp, *row]

    def carry_out(move: Sequence[object], told: str) -> bool:
        [(stands, is_held, is_new)] = fetched(sql, [*move[2:], *shown, *move, told])
        if stands != stamp:
            raise OutdatedError
        if is_held and not is_new:
            raise ReplayedError
        return bool(is_held)

    chain.add_by([event], carry_out)


@transaction.atomic
def _step_by_step(
    client: Application, assertion: Assertion, stamp: int, event: Event, token: dict[str, Any]
) -> None:
    # The first statement writes, so that SQLite lets nobody else write before the end of this.
    if not use_up(client, assertion):
        raise ReplayedError
    if standing.current() != stamp:
        raise OutdatedError
    insert(AccessToken, **token)
    recording.record(event)

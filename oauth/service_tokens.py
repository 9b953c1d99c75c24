"""A backend service's assertion is used up and the token made of it recorded: both, or nothing.

On PostgreSQL all is one statement; SQLite, which knows no such statement, does the same in a transaction.
"""

from typing import Any

from django.db import transaction

from audit import recording
from audit.events import Event
from fhir.rows import ON_POSTGRESQL, fetched
from oauth import standing
from oauth.client_assertion import Assertion
from oauth.models import AccessToken, Application
from oauth.prepared import insert, row_to_write
from oauth.remembered import OutdatedError
from oauth.used_assertions import clean_now_and_then, use_up


class ReplayedError(Exception):
    """The client has shown this assertion before."""


@transaction.atomic
def record(client: Application, assertion: Assertion, stamp: int, event: Event, **token: Any) -> None:
    """Use up the assertion, write the row of a token with these values, and tell the audit trail.

    Raises ReplayedError, and OutdatedError if the stamp under which the client is known is another by now.
    """
    if ON_POSTGRESQL:
        _at_once(client, assertion, stamp, {"application_id": client.pk, **token})
    else:
        _step_by_step(client, assertion, stamp, {"application_id": client.pk, **token})
    recording.record(event)


def _at_once(client: Application, assertion: Assertion, stamp: int, token: dict[str, Any]) -> None:
    clean_now_and_then()
    names, row = row_to_write(AccessToken, token)
    marks = ", ".join(["%s"] * len(row))
    sql = (
        f"WITH standing AS (SELECT {standing.CURRENT} AS stamp),"  # noqa: S608  # our own words
        " used AS (INSERT INTO oauth_clientassertionjti (application_id, digest, expires)"
        " SELECT %s, %s, %s FROM standing WHERE stamp = %s ON CONFLICT DO NOTHING RETURNING id),"
        f" issued AS (INSERT INTO oauth_accesstoken ({names}) SELECT {marks} FROM used RETURNING id)"
        " SELECT stamp, EXISTS (SELECT 1 FROM issued) FROM standing"
    )
    [(stands, is_new)] = fetched(sql, [client.pk, assertion.jti_digest, assertion.expires, stamp, *row])
    if stands != stamp:
        raise OutdatedError
    if not is_new:
        raise ReplayedError


def _step_by_step(client: Application, assertion: Assertion, stamp: int, token: dict[str, Any]) -> None:
    # The first statement writes, so that SQLite lets nobody else write before the end of this.
    if not use_up(client, assertion):
        raise ReplayedError
    if standing.current() != stamp:
        raise OutdatedError
    insert(AccessToken, **token)

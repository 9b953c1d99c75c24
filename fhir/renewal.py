"""A second chance for a request whose guard did not hold: the Access is looked up again, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connection

from fhir.access import Access
from fhir.enforcement import AccessLapsed, guard
from fhir.exchange import Request
from fhir.outcome import Forbidden, Unauthorized

Result = TypeVar("Result")


def with_renewal(request: Request, work: Callable[[], Result]) -> Result:
    """What `work` returns. Where the guard has lapsed, `request.access` is renewed and `work` done once more.

    `work` must have done nothing when it raises AccessLapsed. Raises Unauthorized if the token is dead.
    """
    try:
        return work()
    except AccessLapsed:
        if request.access.guard is None:
            raise
        request.access = request.access.guard.renew()
    except Forbidden:
        # A refusal is decided without the database, so a dead token would be told what it may not do.
        if request.access.guard is None or _holds(request.access):
            raise
        request.access = request.access.guard.renew()
    try:
        return work()
    except AccessLapsed as lapsed:
        raise Unauthorized(
            "The token has ended meanwhile.", challenge='Bearer error="invalid_token"'
        ) from lapsed


def _holds(access: Access) -> bool:
    """Whether the guard of this Access is true right now."""
    alive = guard(access)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {alive.sql}", alive.params)
        (holds,) = cursor.fetchone()
    return bool(holds)

"""Further chances for work whose guard did not hold: the Access is looked up again, and the work done anew.

A guard may fail because something changed that does not concern this Access; while many such changes are
made, more than once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from django.db import connection

from fhir.access import Access
from fhir.enforcement import AccessLapsed, guard
from fhir.exchange import Request
from fhir.outcome import FhirError, Forbidden

Result = TypeVar("Result")

CHANCES = 10
"""How often work is tried before it is given up."""


def renewing(work: Callable[[], Result], renew: Callable[[], None]) -> Result:
    """What `work` returns, which is done again after `renew` each time that it raises AccessLapsed.

    `work` must have done nothing when it does so. Raises what `renew` raises where the Access has ended, and
    FhirError (503) where the guard fails every time.
    """
    for _ in range(CHANCES):
        try:
            return work()
        except AccessLapsed:
            renew()
    raise FhirError(
        503,
        "transient",
        "What this token rests on is being changed all the time. Nothing was done; please try again.",
        headers={"Retry-After": "1"},
    )


def with_renewal(request: Request, work: Callable[[], Result]) -> Result:
    """What `work` returns. Where the guard has lapsed, `request.access` is renewed and `work` done once more.

    Raises Unauthorized if the token is dead, otherwise as `renewing` does.
    """

    def renew() -> None:
        if request.access.guard is None:
            raise AccessLapsed
        renewed = request.access.guard.renew()
        # The repeated attempt is the same request, and so may still be its token's first.
        request.access = replace(renewed, is_first=True) if request.access.is_first else renewed

    def attempt() -> Result:
        try:
            return work()
        except Forbidden as refusal:
            # A refusal is decided without the database, so a dead token would be told what it may not do.
            if request.access.guard is None or _holds(request.access):
                raise
            raise AccessLapsed from refusal

    return renewing(attempt, renew)


def _holds(access: Access) -> bool:
    """Whether the guard of this Access is true right now."""
    alive = guard(access)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {alive.sql}", alive.params)
        (holds,) = cursor.fetchone()
    return bool(holds)

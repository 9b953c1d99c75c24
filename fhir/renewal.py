"""A second chance for a request whose guard did not hold: the Access is looked up again, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fhir.enforcement import AccessLapsed
from fhir.exchange import Request
from fhir.outcome import Unauthorized

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
    try:
        return work()
    except AccessLapsed as lapsed:
        raise Unauthorized(
            "The token has ended meanwhile.", challenge='Bearer error="invalid_token"'
        ) from lapsed

"""How long a search may take: settings.FHIR_SEARCH_TIMEOUT_SECONDS, kept by the database itself.

Only what serves requests keeps the limit; commands, workers and migrations may take as long as they need.
So it begins with a middleware, which nothing but a server has. It costs a request next to nothing:
PostgreSQL is told once for each connection, SQLite counts its own steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from fhir.outcome import BadRequest, FhirError
from fhir.rows import ON_POSTGRESQL, fetched

MOST_PARAMETERS = 60_000
"""PostgreSQL takes up to 65,535: https://www.postgresql.org/docs/15/limits.html"""
_STEPS = 2_000
"""How many of its steps SQLite takes, mostly within a millisecond, before it looks at the clock."""
# https://www.postgresql.org/docs/15/errcodes-appendix.html https://www.sqlite.org/rescode.html#interrupt
_CANCELED, _INTERRUPTED = "57014", "SQLITE_INTERRUPT"

_serving = False


def keep_time_limit(get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
    """A middleware that makes this process keep the limit, and then stands in no request's way.

    Raises MiddlewareNotUsed, always: https://docs.djangoproject.com/en/5.2/topics/http/middleware/#init-get-response
    """
    serve()
    raise MiddlewareNotUsed("The database keeps the limit.")


def serve() -> None:
    """From now on keep the limit in this process: on PostgreSQL on connections that are made afterwards."""
    global _serving
    _serving = True
    connection_created.connect(_tell, dispatch_uid="fhir.search.time_limit")


def _tell(sender: object, connection: BaseDatabaseWrapper, **_: object) -> None:
    if _serving:
        limit_statements(connection)


def limit_statements(connection: BaseDatabaseWrapper) -> None:
    """Let PostgreSQL end every statement of this connection that runs into the limit; zero means none."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {round(settings.FHIR_SEARCH_TIMEOUT_SECONDS * 1000)}")


def end_of_time() -> float:
    """When, by time.monotonic(), a search that begins now has to be over, in seconds."""
    limit: float = settings.FHIR_SEARCH_TIMEOUT_SECONDS
    return time.monotonic() + limit if _serving and limit else math.inf


def fetch(sql: str, params: Sequence[Any], until: float | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement, of which several may share the time `until` (as `end_of_time` gives it).

    Raises FhirError (504, `timeout`) where that is over before the rows are there. Not 503: that would say
    that the server is overloaded, and that the very same search will succeed a little later.
    https://www.rfc-editor.org/rfc/rfc9110#section-15.6 https://hl7.org/fhir/R4/valueset-issue-type.html
    Raises BadRequest for more parameters than the database takes.
    """
    if len(params) > MOST_PARAMETERS:
        raise BadRequest("This asks for more at once than one statement can.", code="too-costly")
    end = end_of_time() if until is None else until
    if time.monotonic() > end:
        raise too_slow()
    try:
        if ON_POSTGRESQL or end == math.inf:
            return fetched(sql, params)
        return _fetch_before(end, sql, params)
    except OperationalError as error:
        if is_timeout(error):
            raise too_slow() from error
        raise


def _fetch_before(end: float, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """SQLite: https://www.sqlite.org/c3ref/progress_handler.html"""
    connection.ensure_connection()
    database = connection.connection
    database.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        return fetched(sql, params)
    finally:
        database.set_progress_handler(None, 0)


def is_timeout(error: OperationalError) -> bool:
    """Whether the database has ended a statement because it ran into the limit."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) == _CANCELED or (
        getattr(cause, "sqlite_errorname", None) == _INTERRUPTED
    )


def too_slow() -> FhirError:
    """The refusal of what takes longer than the settings allow."""
    return FhirError(
        504,
        "timeout",
        f"This took longer than {settings.FHIR_SEARCH_TIMEOUT_SECONDS:g} seconds and was stopped. "
        "Ask for less: name a patient, a code or a period.",
    )

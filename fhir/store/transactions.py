"""Transactions of the store, tried again where the database says that another one was in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from fhir.outcome import Conflict, FhirError
from fhir.rows import ON_POSTGRESQL
from fhir.search.time_limit import is_timeout, too_slow

Result = TypeVar("Result")

ATTEMPTS = 8
# Deadlock, serialisation failure, unique key taken meanwhile:
# https://www.postgresql.org/docs/15/errcodes-appendix.html
_PASSING = frozenset({"40P01", "40001", "23505"})


def in_transaction(work: Callable[[], Result], *, one_statement: bool = False) -> Result:
    """The result of `work`, done in a transaction: on SQLite one that holds the write lock from its
    beginning.

    Tried up to eight times where the database ends it because of others (so `work` must bear repeating); then
    Conflict is raised, or FhirError: 503 where SQLite never got to write, 504 where a statement took too
    long. `one_statement` says that `work` writes with one statement, which PostgreSQL makes a transaction by
    itself. Inside another transaction it is a part of that one, and tried once.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return work()
    for attempt in range(ATTEMPTS):
        try:
            if one_statement and ON_POSTGRESQL:
                return work()
            with transaction.atomic():
                return work()
        except (OperationalError, IntegrityError) as error:
            if getattr(error.__cause__, "sqlite_errorname", None) == "SQLITE_BUSY":
                raise _busy() from error
            if isinstance(error, OperationalError) and is_timeout(error):
                raise too_slow() from error
            if getattr(error.__cause__, "sqlstate", None) not in _PASSING:
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 — spreads the contenders, no secret
    raise Conflict("Others were changing the same resources. Nothing was written; please try again.")


def alone(keys: Iterable[int]) -> None:
    """Let nobody else get past here with one of these keys until the transaction ends.

    Only inside a transaction. SQLite has one writer at a time anyway.
    """
    if not ON_POSTGRESQL:
        return
    with connection.cursor() as cursor:
        for key in sorted(set(keys)):
            cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", (key,))


def _busy() -> FhirError:
    """SQLite has let us wait for the one writer's place as long as the settings say."""
    return FhirError(
        503,
        "transient",
        "Others are writing. Nothing was written; please try again.",
        headers={"Retry-After": "5"},
    )

"""Where public keys of others come from: what was registered, or a `jwks_uri`, fetched and kept for a while.

What was fetched is kept in the database, for all workers alike, and never longer than its Cache-Control
says. A `kid` that it does not have is looked for anew, but seldom, as anybody can make one up; after a
failure nobody tries again for some seconds, and what has run out is never used in its stead.
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys
"""

import logging
import threading
from datetime import datetime, timedelta

from django.utils import timezone

from oauth.guarded_fetch import FetchError, fetch
from oauth.jwk_sets import ALGORITHMS, BadKeySet, KeySet, read_key_set
from oauth.models import Application, FetchedKeySet
from oauth.prepared import Prepared, columns, instance, value

logger = logging.getLogger("oauth.refusals")

# Without a Cache-Control that says how long, and at most whatever it says.
UNSTATED_AGE, LONGEST_AGE = timedelta(minutes=5), timedelta(hours=1)
REFETCH_AFTER = timedelta(seconds=30)
RETRY_AFTER = timedelta(seconds=10)
# How long a request waits while another one of this process fetches the same set.
WAIT_SECONDS = 2.0
_ROW = Prepared(lambda: FetchedKeySet.objects.filter(url=value("url")).values_list(*columns(FetchedKeySet)))
_fetching: dict[str, threading.Lock] = {}


_OF_CLIENTS = frozenset(ALGORITHMS)


class KeysUnavailable(Exception):
    """The keys cannot be had now. The message is for the client; the log says more."""


def key_set_of(client: Application, kid: str) -> KeySet:
    """The client's keys, hopefully with one of this `kid`. Raises KeysUnavailable."""
    if client.client_jwks_uri:
        return published(client.client_jwks_uri, kid)
    if not client.client_jwks:
        raise KeysUnavailable("The client has no registered key.")
    try:
        return read_key_set(client.client_jwks)
    except BadKeySet as error:
        raise KeysUnavailable("The client's registered key set cannot be used.") from error


def fetch_now(url: str, algorithms: frozenset[str] = _OF_CLIENTS) -> KeySet:
    """The set as it is at this moment, for staff who want to know. Raises KeysUnavailable; the row of the
    address then says why.
    """
    return _fetched(url, timezone.now(), algorithms)


def published(url: str, kid: str, algorithms: frozenset[str] = _OF_CLIENTS) -> KeySet:
    """The keys at a `jwks_uri` that verify by these algorithms, hopefully with one of this `kid`. Raises
    KeysUnavailable.
    """
    started = timezone.now()
    row = _row(url)
    if row is None or not _is_fresh(row, started):
        if row is not None and row.failure and started - row.tried < RETRY_AFTER:
            raise KeysUnavailable(_NOT_FETCHED)
        return _fetched(url, started, algorithms)
    known = read_key_set(row.keys, algorithms)
    if known.knows(kid) or not _claim(url, started):
        return known
    try:
        return _fetched(url, started, algorithms)
    except KeysUnavailable:
        return known


_NOT_FETCHED = "The key set at the registered jwks_uri could not be fetched, or is no JWK Set."


def _row(url: str) -> FetchedKeySet | None:
    rows = _ROW(url=url)
    return instance(FetchedKeySet, columns(FetchedKeySet), rows[0]) if rows else None


def _is_fresh(row: FetchedKeySet, moment: datetime) -> bool:
    return row.expires is not None and moment < row.expires


def _claim(url: str, now: datetime) -> bool:
    """Whether this request may look for an unknown `kid`: one in REFETCH_AFTER, across all processes."""
    waiting = FetchedKeySet.objects.filter(url=url, tried__lte=now - REFETCH_AFTER)
    return bool(waiting.update(tried=now))


def _fetched(url: str, started: datetime, algorithms: frozenset[str]) -> KeySet:
    """The set as it is now; what another request fetched after `started` is as good. Raises
    KeysUnavailable."""
    lock = _fetching.setdefault(url, threading.Lock())
    if not lock.acquire(timeout=WAIT_SECONDS):
        raise KeysUnavailable("The key set at the registered jwks_uri is being fetched; try again.")
    try:
        row = _row(url)
        if row is not None and row.fetched is not None and row.fetched >= started:
            return read_key_set(row.keys, algorithms)
        if row is not None and row.failure and row.tried >= started:
            raise KeysUnavailable(_NOT_FETCHED)
        return _fetch(url, algorithms)
    finally:
        lock.release()


def _fetch(url: str, algorithms: frozenset[str]) -> KeySet:
    try:
        answer = fetch(url)
        text = answer.body.decode()
        key_set = read_key_set(text, algorithms)
    except (FetchError, BadKeySet, UnicodeDecodeError) as error:
        _note_failure(url, str(error))
        raise KeysUnavailable(_NOT_FETCHED) from error
    now = timezone.now()
    age = UNSTATED_AGE if answer.max_age is None else timedelta(seconds=min(answer.max_age, _LONGEST_SECONDS))
    values = {"keys": text, "fetched": now, "expires": now + age, "tried": now, "failure": ""}
    FetchedKeySet.objects.update_or_create(url=url, defaults=values)
    return key_set


_LONGEST_SECONDS = int(LONGEST_AGE.total_seconds())


def _note_failure(url: str, why: str) -> None:
    """What was fetched before stays until its time is over; a set that has run out counts for nothing."""
    logger.warning("The key set at %.200s could not be fetched: %s", url, why)
    values = {"tried": timezone.now(), "failure": why[:255]}
    FetchedKeySet.objects.update_or_create(url=url, defaults=values)

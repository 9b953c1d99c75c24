"""What another authorization server says of itself at its well-known address, kept for a while.

https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
https://www.rfc-editor.org/rfc/rfc8414#section-3
"""

import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fhir.jsontext import JsonTextError, parse
from oauth.clients.urls import web_url_fault
from oauth.guarded_fetch import FetchError, fetch

# Seconds: without a Cache-Control that says how long, and at most whatever it says; and after a failure.
UNSTATED_AGE, LONGEST_AGE, RETRY_AFTER = 300, 3600, 10
# How long a request waits while another one of this process fetches them: anybody can cause that.
WAIT_SECONDS = 0.5
_MOST_KEPT = 1000


class MetadataUnavailable(Exception):
    """The metadata cannot be had, or are not the issuer's. The message is for staff."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where an issuer's keys are, and where one asks about its tokens; empty where it does not say."""

    jwks_uri: str
    introspection_endpoint: str


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Metadata | None
    failure: str
    until: float


_kept: dict[str, _Kept] = {}
_fetching: dict[str, threading.Lock] = {}


def metadata_of(issuer: str) -> Metadata:
    """The issuer's metadata, fetched if what is kept has run out. Raises MetadataUnavailable."""
    known = _fresh(issuer)
    if known is None:
        lock = _fetching.setdefault(issuer, threading.Lock())
        if not lock.acquire(timeout=WAIT_SECONDS):
            raise MetadataUnavailable("They are being fetched; try again.")
        try:
            known = _fresh(issuer) or _keep(issuer)
        finally:
            lock.release()
    if known.found is None:
        raise MetadataUnavailable(known.failure)
    return known.found


def fetch_metadata(issuer: str) -> Metadata:
    """The metadata as they are at this moment, for staff who want to know. Raises MetadataUnavailable."""
    known = _keep(issuer)
    if known.found is None:
        raise MetadataUnavailable(known.failure)
    return known.found


def addresses(issuer: str) -> tuple[str, str]:
    """Where the metadata may be: OpenID Connect appends to the issuer, RFC 8414 inserts after the host.

    https://www.rfc-editor.org/rfc/rfc8414#section-3.1
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    site = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{site}{path}/.well-known/openid-configuration",
        f"{site}/.well-known/oauth-authorization-server{path}",
    )


def _fresh(issuer: str) -> _Kept | None:
    known = _kept.get(issuer)
    return known if known is not None and time.monotonic() < known.until else None


def _keep(issuer: str) -> _Kept:
    """Fetch and remember: what was found as long as its answer says, a failure for some seconds."""
    try:
        document, max_age = _document(issuer)
        known = _Kept(_read(issuer, document), "", time.monotonic() + max_age)
    except MetadataUnavailable as error:
        known = _Kept(None, str(error), time.monotonic() + RETRY_AFTER)
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[issuer] = known
    return known


def _document(issuer: str) -> tuple[dict[str, Any], int]:
    """The first document that there is, and for how many seconds it may be kept."""
    failure = ""
    for address in addresses(issuer):
        try:
            answer = fetch(address)
        except FetchError as error:
            failure += f" {address}: {error}"
            continue
        try:
            document = parse(answer.body)
        except JsonTextError as error:
            raise MetadataUnavailable(f"What is at {address} is not a JSON object.") from error
        stated = UNSTATED_AGE if answer.max_age is None else answer.max_age
        return document, min(stated, LONGEST_AGE)
    raise MetadataUnavailable(f"No metadata could be fetched.{failure}")


def _read(issuer: str, document: dict[str, Any]) -> Metadata:
    """https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation"""
    if document.get("issuer") != issuer:
        raise MetadataUnavailable("The metadata name another issuer, which must be the same to the letter.")
    return Metadata(
        jwks_uri=_address(document, "jwks_uri"),
        introspection_endpoint=_address(document, "introspection_endpoint"),
    )


def _address(document: dict[str, Any], name: str) -> str:
    given = document.get(name, "")
    if not isinstance(given, str) or not given.isascii():
        raise MetadataUnavailable(f"The metadata's {name} is no address.")
    if fault := web_url_fault(given):
        raise MetadataUnavailable(f"The metadata's {name} {fault}")
    return given

"""The other authorization servers that staff have registered: who they are, their keys, our secret there."""

from collections.abc import Iterable
from functools import lru_cache

from accounts.encryption import box
from oauth.clients.keys import KeysUnavailable, fetch_now, published
from oauth.foreign.issuer_metadata import MetadataUnavailable, metadata_of
from oauth.jwk_sets import BadKeySet, KeySet, read_key_set
from oauth.models import TrustedIssuer


@lru_cache(maxsize=4)
def active_issuers(stamp: int) -> dict[str, TrustedIssuer]:
    """Those that are switched on, by their `iss`, under a stamp that was read just now."""
    return {issuer.issuer: issuer for issuer in TrustedIssuer.objects.filter(active=True)}


def key_set_of(issuer: TrustedIssuer, kid: str) -> KeySet:
    """The issuer's keys for the algorithms that it may sign by, hopefully with one of this `kid`.

    Raises KeysUnavailable.
    """
    algorithms = frozenset(issuer.algorithms)
    if issuer.keys == TrustedIssuer.Keys.JWKS:
        return _pasted(issuer, algorithms)
    return published(jwks_uri_of(issuer), kid, algorithms)


def keys_now(issuer: TrustedIssuer) -> KeySet:
    """The issuer's keys as they are at this moment, for staff who want to know. Raises KeysUnavailable."""
    algorithms = frozenset(issuer.algorithms)
    if issuer.keys == TrustedIssuer.Keys.JWKS:
        return _pasted(issuer, algorithms)
    return fetch_now(jwks_uri_of(issuer), algorithms)


def jwks_uri_of(issuer: TrustedIssuer) -> str:
    """Where the issuer publishes its keys. Raises KeysUnavailable."""
    if issuer.keys == TrustedIssuer.Keys.JWKS_URI:
        return issuer.jwks_uri
    try:
        found = metadata_of(issuer.issuer).jwks_uri
    except MetadataUnavailable as error:
        raise KeysUnavailable("The issuer's metadata cannot be had.") from error
    if not found:
        raise KeysUnavailable("The issuer's metadata name no keys.")
    return found


def introspection_endpoint_of(issuer: TrustedIssuer) -> str:
    """Where one asks about the issuer's tokens. Raises MetadataUnavailable, also if it does not say."""
    endpoint = issuer.introspection_endpoint or metadata_of(issuer.issuer).introspection_endpoint
    if not endpoint:
        raise MetadataUnavailable("The issuer's metadata name no introspection_endpoint.")
    return endpoint


def keep_secret(issuer: TrustedIssuer, secret: str) -> None:
    """Set our secret at the issuer's introspection endpoint, without saving. It is never shown again."""
    issuer.introspection_secret_encrypted = box().encrypt(secret.encode()).decode()


def secret_of(issuer: TrustedIssuer) -> str:
    """Our secret there. Raises cryptography's InvalidToken if no key of ours has encrypted it."""
    return box().decrypt(issuer.introspection_secret_encrypted.encode()).decode()


def names_of_clients(clients: Iterable[str]) -> dict[str, str]:
    """What people are told of clients of other servers, by what `oauth.foreign.tokens` calls them here; also
    of issuers that are switched off by now. Others are left out.
    """
    parts = {client: client.partition(" ") for client in clients if " " in client}
    servers = {issuer for issuer, _, _ in parts.values()}
    known = dict(TrustedIssuer.objects.filter(issuer__in=servers).values_list("issuer", "name"))
    return {
        client: f"{name or 'An app'}, by way of {known[issuer]}"
        for client, (issuer, _, name) in parts.items()
        if issuer in known
    }


def encrypt_anew() -> int:
    """Encrypt every secret with the first of KEY_ENCRYPTION_KEYS; returns how many there are."""
    issuers = list(TrustedIssuer.objects.exclude(introspection_secret_encrypted=""))
    for issuer in issuers:
        anew = box().rotate(issuer.introspection_secret_encrypted.encode()).decode()
        TrustedIssuer.objects.filter(pk=issuer.pk).update(introspection_secret_encrypted=anew)
    return len(issuers)


def _pasted(issuer: TrustedIssuer, algorithms: frozenset[str]) -> KeySet:
    try:
        return read_key_set(issuer.jwks, algorithms)
    except BadKeySet as error:
        raise KeysUnavailable("The issuer's registered key set cannot be used.") from error

"""Why no key of a client has signed its assertion, or why the assertion counts no more."""

from django.utils import timezone

from oauth.causes.clients import moment
from oauth.causes.masking import masked
from oauth.causes.why import Why
from oauth.clients.assertion import Assertion
from oauth.jwk_sets import BadKeySet, KeySet, NoKey, read_key_set
from oauth.models import Application, ClientAssertionJti, FetchedKeySet


def of_keys(client: Application, assertion: Assertion) -> Why:
    """What is wrong with the keys, the signature or the jti of an assertion that is in order otherwise."""
    if assertion.jku is not None and assertion.jku != client.client_jwks_uri:
        registered = masked(client.client_jwks_uri) or "none, its keys are registered themselves"
        cause = f"jku is {masked(assertion.jku)}; the registered key set URL is {registered}."
        return Why("check_jku", cause, registered, masked(assertion.jku))
    row = FetchedKeySet.objects.filter(url=client.client_jwks_uri).first()
    text = client.client_jwks if not client.client_jwks_uri else (row.keys if row else "")
    try:
        known = read_key_set(text) if text else None
    except BadKeySet as error:
        return Why("check_keys", f"The registered key set {error}")
    if known is None or (row is not None and row.failure and not _is_kept(row)):
        return Why("check_keys", _not_had(client, row), "a JWK Set")
    try:
        key = known.find(assertion.kid, assertion.algorithm)
    except NoKey as error:
        return _no_key(client, row, known, assertion, str(error))
    if not assertion.is_signed_by(key):
        return Why("check_signature", _another_key(known, assertion), f"the private key of {masked(key.kid)}")
    return _of_jti(client, assertion)


def _not_had(client: Application, row: FetchedKeySet | None) -> str:
    if not client.client_jwks_uri:
        return "The client has no registered key."
    if row is None:
        return f"The key set at {masked(client.client_jwks_uri)} was never fetched."
    when = f"on {moment(row.tried)}: {masked(row.failure).rstrip('.')}"
    return f"The key set at {masked(row.url)} could not be fetched {when}."


def _no_key(
    client: Application, row: FetchedKeySet | None, known: KeySet, assertion: Assertion, why: str
) -> Why:
    kids = sorted({key.kid for key in known.keys} | {key.kid for key in known.unusable})
    expected = ", ".join(masked(kid) for kid in kids[:20])
    kid = masked(assertion.kid)
    if known.knows(assertion.kid):
        types = ", ".join(sorted({key.algorithm for key in known.keys if key.kid == assertion.kid}))
        is_for = f" (it is for {types}, the assertion is signed by {assertion.algorithm})" if types else ""
        return Why("check_kid", f"{why.rstrip('.')}: {kid}{is_for}.", expected, kid)
    if row is None or not client.client_jwks_uri:
        return Why("check_kid", f"kid {kid} is not among the {_number(kids)} registered.", expected, kid)
    cause = f"kid {kid} is not among the {_number(kids)} published at {masked(row.url)}, {_fetched(row)}."
    return Why("check_kid", cause, expected, kid)


def _number(kids: list[str]) -> str:
    return f"{len(kids)} key{'' if len(kids) == 1 else 's'} ({', '.join(masked(kid) for kid in kids[:20])})"


def _fetched(row: FetchedKeySet) -> str:
    """How fresh the set is: for a kid that it has not it was fetched anew, unless that was done just now."""
    if row.fetched is None:
        return "which was never fetched"
    seconds = (timezone.now() - row.fetched).total_seconds()
    failed = (
        f"; fetching it anew on {moment(row.tried)} failed: {masked(row.failure).rstrip('.')}"
        if row.failure
        else ""
    )
    return f"fetched on {moment(row.fetched)}, {seconds:.0f} seconds before{failed}"


def _is_kept(row: FetchedKeySet) -> bool:
    return row.expires is not None and timezone.now() < row.expires


def _another_key(known: KeySet, assertion: Assertion) -> str:
    named = masked(assertion.kid)
    others = [key.kid for key in known.keys if key.kid != assertion.kid and assertion.is_signed_by(key)]
    if others:
        return f"The assertion is signed by the key {masked(others[0])}, and its kid names {named}."
    return f"The signature is not one of the key {named}: the app signs with another private key."


def _of_jti(client: Application, assertion: Assertion) -> Why:
    used = ClientAssertionJti.objects.filter(application=client, digest=assertion.jti_digest).first()
    if used is None:
        return Why("check_client", "What the client rests on was changed in this moment.")
    cause = f"The jti was used on {moment(used.used)}: every request needs an assertion of its own."
    return Why("check_jti", cause, "a jti that was never used", f"used on {moment(used.used)}")

"""What a trusted issuer may be registered with. Each fault begins with the name of the field it is about.

https://www.rfc-editor.org/rfc/rfc8414#section-2 https://www.rfc-editor.org/rfc/rfc9068#section-4
"""

import re
from collections.abc import Callable, Iterator

from django.conf import settings

from oauth.catalogue import is_enforced
from oauth.clients.urls import origin_fault, web_url_fault
from oauth.jwk_sets import ISSUER_ALGORITHMS, BadKeySet, read_key_set
from oauth.models import TrustedIssuer
from oauth.scopes import NamedScope, ResourceScope, parse_scope

# Names that go into the words of a refusal, and so into a header.
_CLAIM = re.compile(r"[A-Za-z0-9_.:/#~-]{1,120}\Z")
_CLAIM_FIELDS = ("patient_claim", "user_claim", "scope_claim", "client_claim")
# Claims that say something else already.
_TAKEN = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "cnf", "typ", "nonce", "at_hash", "c_hash"})
_ADDRESSES = ("issuer", "jwks_uri", "fhir_base", "introspection_endpoint")


def faults(issuer: TrustedIssuer, has_secret: bool = False) -> Iterator[str]:
    """Everything that is wrong with an issuer, one sentence each. `has_secret`: one is about to be kept."""
    for name in ("name", "issuer", "scope"):
        if not getattr(issuer, name).strip():
            yield f"{name}: is missing."
    for name in _ADDRESSES:
        url = getattr(issuer, name)
        if fault := web_url_fault(url) or ("" if url.isascii() else "must be ASCII."):
            yield f"{name}: {fault}"
    for check in _CHECKS:
        yield from check(issuer)
    if issuer.is_introspected:
        yield from _introspection_faults(issuer, has_secret)


def _issuer_faults(issuer: TrustedIssuer) -> Iterator[str]:
    """https://openid.net/specs/openid-connect-core-1_0.html#IDToken (iss)"""
    if "?" in issuer.issuer or "#" in issuer.issuer:
        yield "issuer: has no query and no fragment."
    if issuer.issuer.rstrip("/").lower() == settings.SITE_URL.lower():
        yield "issuer: that is this server, whose own tokens count anyway."
    if issuer.fhir_base.endswith("/"):
        yield "fhir_base: has no slash at its end."
    if not issuer.audience.isprintable() or " " in issuer.audience:
        yield "audience: must be a text without spaces."


def _key_faults(issuer: TrustedIssuer) -> Iterator[str]:
    kinds = TrustedIssuer.Keys
    if issuer.keys not in kinds.values:
        yield f"keys: must be one of {', '.join(kinds.values)}."
    unknown = [name for name in issuer.algorithms if name not in ISSUER_ALGORITHMS]
    if unknown or not issuer.algorithms:
        yield f"algorithms: must be some of {', '.join(ISSUER_ALGORITHMS)}."
    for kind, value in ((kinds.JWKS_URI, issuer.jwks_uri), (kinds.JWKS, issuer.jwks)):
        if issuer.keys == kind and not value:
            yield f"{kind}: is missing."
        elif issuer.keys != kind and value:
            yield f"{kind}: leave it empty, or choose it above; one way to the keys is used only."
    if issuer.keys == kinds.JWKS and issuer.jwks:
        yield from _pasted_faults(issuer)


def _pasted_faults(issuer: TrustedIssuer) -> Iterator[str]:
    try:
        key_set = read_key_set(issuer.jwks, frozenset(issuer.algorithms))
    except BadKeySet as error:
        yield f"jwks: {error}"
        return
    if not key_set.keys:
        whys = "; ".join(f"{key.kid[:80] or 'a key'}: {key.fault}" for key in key_set.unusable)
        yield f"jwks: has no key that can verify. {whys}".rstrip()


def _claim_faults(issuer: TrustedIssuer) -> Iterator[str]:
    names = [getattr(issuer, field) for field in _CLAIM_FIELDS]
    for field, name in zip(_CLAIM_FIELDS, names, strict=True):
        if not _CLAIM.match(name):
            yield f"{field}: must be the name of a claim: letters, digits, and _ . : / # ~ -"
        elif name in _TAKEN or (name == "sub" and field != "client_claim") or names.count(name) > 1:
            yield f"{field}: this claim says something else already."


def _scope_faults(issuer: TrustedIssuer) -> Iterator[str]:
    for text in issuer.scope.split():
        scope = parse_scope(text)
        if scope is None:
            yield f"scope: {text[:100]} is not a scope."
        elif not isinstance(scope, ResourceScope) and scope not in _NAMED:
            yield f"scope: {text[:100]} says nothing in a token of another server."
        elif not is_enforced(scope):
            yield f"scope: {text[:100]} cannot be enforced; a query is for one type."


def _origin_faults(issuer: TrustedIssuer) -> Iterator[str]:
    for origin in issuer.allowed_origins.split():
        if fault := origin_fault(origin):
            yield f"allowed_origins: {origin[:200]}: {fault}"


def _introspection_faults(issuer: TrustedIssuer, has_secret: bool) -> Iterator[str]:
    if not issuer.introspection_client_id or not issuer.introspection_client_id.isprintable():
        yield "introspection_client_id: is missing: as whom this server asks there."
    if not has_secret and not issuer.introspection_secret_encrypted:
        yield "introspection_secret: is missing."
    if not issuer.introspection_endpoint and issuer.keys != TrustedIssuer.Keys.DISCOVERY:
        yield "introspection_endpoint: is missing; it is found by itself only where the keys are discovered."


_NAMED = frozenset({NamedScope("openid"), NamedScope("fhirUser")})
_CHECKS: tuple[Callable[[TrustedIssuer], Iterator[str]], ...] = (
    _issuer_faults,
    _key_faults,
    _claim_faults,
    _scope_faults,
    _origin_faults,
)

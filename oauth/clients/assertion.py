"""A client that proves itself by a signed assertion: `private_key_jwt`. Every check fails closed.

What can be said of the assertion alone is said first, word for word, since whoever sent it knows it
anyway. Then the client that it names is looked up, and its own keys decide; only what they have signed uses
up a `jti`.
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
https://www.rfc-editor.org/rfc/rfc7523#section-3
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse

from oauth.jwk_sets import ALGORITHMS, ClientKey
from oauth.signed_jwt import MalformedJwt, SignedJwt, read_jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# No assertion counts longer than five minutes. Clocks may differ a little, in the client's favour.
LONGEST_SECONDS, SKEW_SECONDS = 300, 10
_TYPES = ("jwt", "client-authentication+jwt")
_LONGEST_TEXT = 1000


class BadAssertion(Exception):
    """The assertion is refused; the message says why, for the client's developers."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion whose contents are in order. Nothing is proven before `is_signed_by` has said yes.

    `expires` is where its `exp` says, and `jti_digest` the SHA-256 of its `jti`, in hexadecimal digits.
    """

    client_id: str
    kid: str
    algorithm: str
    jku: str | None
    jti_digest: str
    expires: datetime
    jwt: SignedJwt

    def is_signed_by(self, key: ClientKey) -> bool:
        """Whether the key verifies the signature by the algorithm that both name."""
        return key.algorithm == self.algorithm and self.jwt.is_signed_by(key.key, self.algorithm)


def read_assertion(text: str) -> Assertion:
    """Read an assertion and check all that it says of itself. Raises BadAssertion."""
    try:
        jwt = read_jwt(text, "client_assertion")
    except MalformedJwt as error:
        raise BadAssertion(str(error)) from error
    header, claims = jwt.header, jwt.claims
    for check in _HEADER_CHECKS:
        check(header)
    for check in _CLAIM_CHECKS:
        check(claims)
    return Assertion(
        client_id=claims["iss"],
        kid=header["kid"],
        algorithm=header["alg"],
        jku=header.get("jku"),
        jti_digest=hashlib.sha256(claims["jti"].encode()).hexdigest(),
        expires=datetime.fromtimestamp(float(claims["exp"]), UTC),
        jwt=jwt,
    )


def _check_algorithm(header: dict[str, Any]) -> None:
    if header.get("alg") not in tuple(ALGORITHMS):
        raise BadAssertion(f"alg must be {' or '.join(ALGORITHMS)}.")


def _check_type(header: dict[str, Any]) -> None:
    """`typ` tells our kind of JWT from others; some clients leave it out."""
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise BadAssertion("typ must be JWT.")


def _check_kid(header: dict[str, Any]) -> None:
    if not _is_text(header.get("kid")):
        raise BadAssertion("kid is missing: it says which of the client's keys has signed.")


def _check_extensions(header: dict[str, Any]) -> None:
    """https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11"""
    if "crit" in header:
        raise BadAssertion("crit names extensions, and none is understood here.")
    if "jku" in header and not _is_text(header["jku"]):
        raise BadAssertion("jku must be a URL.")


def _check_client(claims: dict[str, Any]) -> None:
    if not _is_text(claims.get("iss")) or not _is_text(claims.get("sub")):
        raise BadAssertion("iss and sub must both be the client_id.")
    if claims["iss"] != claims["sub"]:
        raise BadAssertion("iss and sub are not the same; both must be the client_id.")


def _check_audience(claims: dict[str, Any]) -> None:
    """The token endpoint's URL, as SMART has it, or the issuer, as RFC 7523's revision wants; no other
    beside it, as that one could use the assertion here.
    """
    audience, ours = claims.get("aud"), audiences()
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in ours:
        raise BadAssertion(f"aud must be {ours[0]} and nothing else.")


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    for name in ("exp", "nbf", "iat"):
        if name in claims and not _is_time(claims[name]):
            raise BadAssertion(f"{name} must be a number of seconds since 1970.")
    if "exp" not in claims:
        raise BadAssertion("exp is missing: at most five minutes from now.")
    if claims["exp"] <= now:
        raise BadAssertion("The assertion has expired (exp); is the client's clock right?")
    if claims["exp"] > now + LONGEST_SECONDS + SKEW_SECONDS:
        raise BadAssertion("exp is more than five minutes from now.")
    if claims.get("nbf", now) > now + SKEW_SECONDS:
        raise BadAssertion("The assertion is not valid yet (nbf); is the client's clock right?")
    if not now - LONGEST_SECONDS - SKEW_SECONDS <= claims.get("iat", now) <= now + SKEW_SECONDS:
        raise BadAssertion("iat is in the future or five minutes ago; is the client's clock right?")


def _check_jti(claims: dict[str, Any]) -> None:
    if not _is_text(claims.get("jti")):
        raise BadAssertion("jti is missing: another text in each assertion.")


def audiences() -> tuple[str, str]:
    """What `aud` may be: the token endpoint's URL, or the issuer."""
    return f"{settings.SITE_URL}{reverse('oauth:token')}", settings.SITE_URL


def _is_text(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_TEXT


def _is_time(number: object) -> bool:
    return isinstance(number, int | float | Decimal) and not isinstance(number, bool)


Check = Callable[[dict[str, Any]], None]
_HEADER_CHECKS: tuple[Check, ...] = (_check_algorithm, _check_type, _check_kid, _check_extensions)
_CLAIM_CHECKS: tuple[Check, ...] = (_check_client, _check_audience, _check_times, _check_jti)

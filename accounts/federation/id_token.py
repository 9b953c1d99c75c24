"""Whether an id_token of a provider is to be believed.

django-allauth leaves the signature unread where TLS brought the token; here it always has to fit.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from django.conf import settings

from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.refused import Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
CLOCK_SKEW = 60
"""Seconds by which two servers' clocks may differ."""
_LATEST = 1e11
Json = dict[str, Any]


def verified(text: Any, keys: Sequence[Json], provider: IdentityProvider, nonce: str) -> Json:
    """The claims of an id_token that is meant for us and answers our request. Raises Refused.

    https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    """
    if not isinstance(text, str):
        raise Refused("id_token", "an id_token", "none")
    try:
        key = _key(jwt.get_unverified_header(text), keys)
        claims: Json = jwt.decode(
            text,
            key,
            algorithms=[key.algorithm_name],
            issuer=provider.issuer,
            audience=provider.client_id,
            leeway=CLOCK_SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:  # the last two: keys that are none
        raise Refused("id_token", "a valid id_token", f"{type(error).__name__}: {error}") from error
    for name in ("exp", "iat", "nbf"):
        if not _is_moment(claims.get(name, 0)):
            raise Refused("id_token", f"{name} in seconds since 1970", type(claims[name]).__name__)
    if claims.get("nonce") != nonce:
        raise Refused("nonce", "the nonce that was sent", "another one, or none")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise Refused("id_token", "azp beside several audiences", "none")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise Refused("id_token", f"azp {provider.client_id}", str(claims["azp"]))
    return claims


def _is_moment(told: Any) -> bool:
    """Whether a claim is a time: PyJWT takes texts for it too, and Python's reader of JSON knows NaN, which
    is neither too early nor too late. https://www.rfc-editor.org/rfc/rfc7519#section-2 (NumericDate)
    """
    return isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= _LATEST


def _key(header: Mapping[str, Any], keys: Sequence[Json]) -> jwt.PyJWK:
    """The one published key that can have signed it. Raises Refused, or what PyJWT does on a bad key."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Refused("id_token", f"alg one of {', '.join(ALGORITHMS)}", str(algorithm))
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]
    if len(fitting) != 1:
        raise Refused("id_token", f"one published key {header.get('kid', '')}", f"{len(fitting)} of them")
    return jwt.PyJWK(fitting[0], algorithm)


def proven_at(claims: Mapping[str, Any], asked_again_at: float | None) -> float:
    """When the person signed in at the provider, in seconds since 1970. Raises Refused.

    We always send `max_age`, which makes `auth_time` required. `asked_again_at` is the moment at which we
    sent the person there to prove anew who they are; None at an ordinary sign-in, for which an earlier one
    at the provider will do. A provider that did ask anew is believed that it was after our asking.
    https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
    """
    now, told = time.time(), claims.get("auth_time")
    if told is None or not _is_moment(told):
        raise Refused("auth_time", "auth_time in seconds, as max_age was sent", type(told).__name__)
    if told > now + CLOCK_SKEW:
        raise Refused("auth_time", "a moment in the past", f"{told - now:.0f} seconds ahead")
    if asked_again_at is None and told < now - settings.SESSION_COOKIE_AGE - CLOCK_SKEW:
        raise Refused("auth_time", "a sign-in within max_age", f"one {now - told:.0f} seconds ago")
    if asked_again_at is None:
        return min(now, float(told) + 1)  # told in whole seconds: it was within the one that began then
    if told < asked_again_at - CLOCK_SKEW:
        raise Refused("auth_time", "a new sign-in", f"one {asked_again_at - told:.0f} seconds before")
    return now

"""PURE: the public keys in a JWK Set of a client or of another authorization server, and what is wrong with
those that cannot be used.

https://www.rfc-editor.org/rfc/rfc7517#section-5
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from fhir.jsontext import JsonTextError, parse

# The algorithms that SMART names, and the type of key (`kty`) that each needs.
ALGORITHMS = {"RS384": "RSA", "ES384": "EC"}
# Those that other authorization servers may sign by: asymmetric ones only.
# https://www.rfc-editor.org/rfc/rfc7518#section-3.1
ISSUER_ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
_OF_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
MAX_KEYS = 100
# Verifying with a longer key than that costs more than it proves.
RSA_BITS = (2048, 8192)
_MAX_EXPONENT = 2**32
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST_KID = 255


PublicKey = RSAPublicKey | EllipticCurvePublicKey


class BadKeySet(ValueError):
    """The text is no JWK Set, or holds what must never be in one; the message says what."""


class NoKey(LookupError):
    """The set has no key, or no single one, for an assertion; the message says why."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key that can verify, by the `kid` and the algorithm that a JWT's header names."""

    kid: str
    algorithm: str
    key: PublicKey


class UnusableKey(NamedTuple):
    """A key that cannot verify here, by its `kid` and `kty` as far as it has them, and why it cannot."""

    kid: str
    kty: str
    fault: str


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of a client or issuer: those that can verify, and the others. A key that can verify by several
    algorithms is there once for each.
    """

    keys: tuple[ClientKey, ...] = ()
    unusable: tuple[UnusableKey, ...] = ()

    def knows(self, kid: str) -> bool:
        """Whether a key of this `kid` is in the set at all."""
        return any(kid == key.kid for key in self.keys) or any(kid == key.kid for key in self.unusable)

    def find(self, kid: str, algorithm: str) -> ClientKey:
        """The one key with this `kid` whose type fits the algorithm. Raises NoKey.

        https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
        """
        found = [key for key in self.keys if (key.kid, key.algorithm) == (kid, algorithm)]
        kty = ISSUER_ALGORITHMS[algorithm]
        others = [key for key in self.unusable if (key.kid, key.kty) == (kid, kty)]
        if len(found) + len(others) > 1:
            raise NoKey("Several registered keys have this kid; each needs one of its own.")
        if found:
            return found[0]
        for key in others:
            raise NoKey(f"The registered key with this kid cannot be used: {key.fault}")
        if self.knows(kid):
            raise NoKey(f"The registered key with this kid is not for {algorithm}.")
        raise NoKey("No registered key has this kid.")


@lru_cache(maxsize=256)
def read_key_set(text: str, algorithms: frozenset[str] = frozenset(ALGORITHMS)) -> KeySet:
    """The keys of a JWK Set given as JSON that verify by one of these algorithms. Raises BadKeySet, also for
    a set that holds a private key.

    Keys for other purposes may stand in the set; they are told apart by what is wrong with them here.
    """
    try:
        members = parse(text.encode())
    except (JsonTextError, UnicodeEncodeError) as error:
        raise BadKeySet("is not a JSON object.") from error
    jwks = members.get("keys")
    if not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise BadKeySet('is not a JWK Set: an object whose member "keys" is a list of keys.')
    if len(jwks) > MAX_KEYS:
        raise BadKeySet(f"has more than {MAX_KEYS} keys.")
    if any(_PRIVATE.intersection(jwk) for jwk in jwks):
        raise BadKeySet(
            "holds a private or secret key. Who has seen it can be the client: make a new key pair, and "
            "register its public part only."
        )
    return _sorted_out(jwks, algorithms)


def key_set_faults(text: str) -> list[str]:
    """What is wrong with a set that somebody registers as it stands: there every key must be of use."""
    try:
        key_set = read_key_set(text)
    except BadKeySet as error:
        return [str(error)]
    faults = [f"{key.kid[:80] or 'a key'}: {key.fault}" for key in key_set.unusable]
    names = Counter((key.kid, key.algorithm) for key in key_set.keys)
    faults += [f"{kid[:80]}: several keys have this kid." for (kid, _), times in names.items() if times > 1]
    if not faults and not key_set.keys:
        faults.append("has no key.")
    return faults


def _sorted_out(jwks: list[dict[str, Any]], algorithms: frozenset[str]) -> KeySet:
    keys: list[ClientKey] = []
    unusable = []
    for jwk in jwks:
        try:
            keys.extend(_read(jwk, algorithms))
        except _Unusable as error:
            kid, kty = (one if isinstance(one := jwk.get(name), str) else "" for name in ("kid", "kty"))
            unusable.append(UnusableKey(kid, kty, str(error)))
    return KeySet(tuple(keys), tuple(unusable))


class _Unusable(ValueError):
    """One key that cannot verify here."""


def _read(jwk: Mapping[str, Any], algorithms: frozenset[str]) -> list[ClientKey]:
    kid, kty = jwk.get("kid"), jwk.get("kty")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
        raise _Unusable("kid must be a text of 1 to 255 characters.")
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        raise _Unusable("it is not meant for signatures (use, key_ops).")
    try:
        key = _rsa(jwk) if kty == "RSA" else _ec(jwk) if kty == "EC" else None
    except (InvalidKeyError, ValueError, TypeError, KeyError) as error:
        raise _Unusable("it is not a valid key.") from error
    if key is None:
        raise _Unusable("kty must be RSA or EC.")
    of_type = [name for name, needed in ISSUER_ALGORITHMS.items() if needed == kty and name in algorithms]
    named = [name for name in of_type if jwk.get("alg", name) == name]
    if not named:
        raise _Unusable(_with_what(algorithms))
    _refuse_weak(key)
    fitting = [name for name in named if _fits(key, name)]
    if not fitting:
        raise _Unusable(" ".join(f"{name} needs the curve {_CURVES[name]}." for name in named))
    return [ClientKey(kid, name, key) for name in fitting]


def _with_what(algorithms: frozenset[str]) -> str:
    """The algorithms that may be named, each with the type of key for it."""
    types: dict[str, list[str]] = {}
    for name, kty in ISSUER_ALGORITHMS.items():
        if name in algorithms:
            types.setdefault(kty, []).append(name)
    ways = ", ".join(f"{' or '.join(names)} with an {kty} key" for kty, names in types.items())
    return f"alg must be {ways}."


def _fits(key: PublicKey, algorithm: str) -> bool:
    """Whether an elliptic curve is the one of this algorithm; any RSA key verifies by each of its own."""
    return not isinstance(key, EllipticCurvePublicKey) or _OF_CURVE.get(key.curve.name) == algorithm


def _operations(jwk: Mapping[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _rsa(jwk: Mapping[str, Any]) -> RSAPublicKey:
    key = RSAAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "n", "e")})
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not a public key")
    return key


def _ec(jwk: Mapping[str, Any]) -> EllipticCurvePublicKey:
    key = ECAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("not a public key")
    return key


def _refuse_weak(key: PublicKey) -> None:
    if isinstance(key, EllipticCurvePublicKey):
        return
    least, most = RSA_BITS
    if not least <= key.key_size <= most:
        raise _Unusable(f"an RSA key needs {least} to {most} bits.")
    if key.public_numbers().e > _MAX_EXPONENT:
        raise _Unusable("the exponent e is too large.")

"""PURE: a signed JWT in its parts, and whether a key has signed it. What it says is for others to judge.

https://www.rfc-editor.org/rfc/rfc7515#section-7.1
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidKeyError

from fhir.jsontext import JsonTextError, parse
from oauth.jwk_sets import ISSUER_ALGORITHMS, PublicKey

MAX_LENGTH = 16_384
_VERIFIERS = {name: found for name, found in get_default_algorithms().items() if name in ISSUER_ALGORITHMS}


class MalformedJwt(ValueError):
    """The text is no signed JWT; the message says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class SignedJwt:
    """A JWT as it came. Nothing is proven before `is_signed_by` has said yes."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: PublicKey, algorithm: str) -> bool:
        """Whether the key verifies the signature by this algorithm, which the caller has found to be the
        key's own.
        """
        try:
            return bool(_VERIFIERS[algorithm].verify(self.signed, key, self.signature))
        except (InvalidKeyError, ValueError):
            return False


def read_jwt(text: str, name: str) -> SignedJwt:
    """The parts of a JWT in compact form. `name` is what messages call it. Raises MalformedJwt."""
    if len(text) > MAX_LENGTH or not text.isascii():
        raise MalformedJwt(f"{name} is too long, or no JWT.")
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedJwt(f"{name} must be a signed JWT: three parts with dots between them.")
    return SignedJwt(
        header=_object(parts[0], f"The header of {name}"),
        claims=_object(parts[1], f"The payload of {name}"),
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=_decoded(parts[2], f"The signature of {name}"),
    )


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        return parse(_decoded(part, what))
    except JsonTextError as error:
        raise MalformedJwt(f"{what} is not a JSON object.") from error


def _decoded(part: str, what: str) -> bytes:
    """Base64url without padding, in the one way to write it. https://www.rfc-editor.org/rfc/rfc7515#section-2"""
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise MalformedJwt(f"{what} is not base64url.") from error
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise MalformedJwt(f"{what} is not base64url.")
    return decoded

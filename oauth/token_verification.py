"""Is this text an access token that we signed? Whether it is still alive is another question:
oauth.token_liveness.

https://www.rfc-editor.org/rfc/rfc9068#section-4
"""

import hashlib
from dataclasses import dataclass

import jwt
from django.conf import settings

from oauth.models import SigningKey

REQUIRED_CLAIMS = ("iss", "aud", "exp", "iat", "sub", "jti", "client_id")
MAX_TOKEN_LENGTH = 16_384


class NotOurToken(Exception):
    """The text is no access token of this server; the message says which check failed, and never quotes the
    token.
    """


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """`checksum` is the token's SHA-256 in hex, under which it is recorded; `kid` names the key that signed
    it.
    """

    checksum: str
    kid: str


def verify(token: str) -> VerifiedToken:
    """Check type, key, signature, issuer, audience and lifetime of a JWT access token.

    Raises NotOurToken, also for an id_token: its `typ` is not `at+jwt`.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise NotOurToken("The access token is too long.")
    try:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise NotOurToken("The token is not an access token (its typ is not at+jwt).")
        kid = str(header.get("kid", ""))
        key = _public_key(kid)
        jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=settings.FHIR_BASE,
            issuer=settings.SITE_URL,
            options={"require": list(REQUIRED_CLAIMS)},
        )
    except jwt.ExpiredSignatureError as error:
        raise NotOurToken("The access token has expired.") from error
    except (jwt.InvalidTokenError, SigningKey.DoesNotExist, UnicodeError) as error:
        raise NotOurToken("The access token was not issued by this server for its FHIR API.") from error
    return VerifiedToken(checksum(token), kid)


def checksum(token: str) -> str:
    """SHA-256 in hex, under which tokens are recorded."""
    return hashlib.sha256(token.encode()).hexdigest()


def _public_key(kid: str) -> jwt.PyJWK:
    """The key with this id, unless it was withdrawn. Raises SigningKey.DoesNotExist."""
    row = SigningKey.objects.exclude(status=SigningKey.Status.WITHDRAWN).get(kid=kid)
    return jwt.PyJWK(row.public_jwk, row.algorithm)

"""Is this text an access token that we signed? Whether it is still alive is another question:
oauth.tokens.liveness.

https://www.rfc-editor.org/rfc/rfc9068#section-4
"""

from dataclasses import dataclass

import jwt
from django.conf import settings

from oauth.signing_keys import verifying_key
from oauth.tokens.checksum import token_checksum

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
        found = verifying_key(kid) if kid.isprintable() else None
        if found is None:
            raise NotOurToken("The access token was not signed by a key of this server.")
        algorithm, key = found
        jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=settings.FHIR_BASE,
            issuer=settings.SITE_URL,
            options={"require": list(REQUIRED_CLAIMS)},
        )
    except jwt.ExpiredSignatureError as error:
        raise NotOurToken("The access token has expired.") from error
    except (jwt.InvalidTokenError, UnicodeError, RecursionError) as error:
        raise NotOurToken("The access token was not issued by this server for its FHIR API.") from error
    return VerifiedToken(token_checksum(token), kid)

"""Under which reference code of an authorization attempt a code, a token or a request with one comes."""

import uuid
from hashlib import sha256

from audit.attempts import ALPHABET, LENGTH, new_attempt
from oauth.models import AccessToken, Grant, RefreshToken
from oauth.tokens.checksum import token_checksum


def attempt_of(origin: str) -> str:
    """The reference code where none was kept: of a token that came of no authorization by its `jti`, of a
    family of tokens by its id. It is the same at each call, and says nothing of what it was made from.
    """
    bits = int.from_bytes(sha256(origin.encode()).digest()[:5])
    return "".join(ALPHABET[bits >> 5 * place & 31] for place in range(LENGTH))


def attempt_of_code(grant: Grant) -> str:
    """The reference code of the authorization attempt that ended in this code."""
    return grant.attempt or attempt_of(str(grant.token_family))


def attempt_of_family(family: uuid.UUID | None, otherwise: str = "") -> str:
    """The reference code of the authorization whose code a family of tokens began with; for a token without a
    family that of the text `otherwise`, its jti.
    """
    if family is None:
        return attempt_of(otherwise) if otherwise else new_attempt()
    kept = Grant.objects.filter(token_family=family).values_list("attempt", flat=True).first()
    return kept or attempt_of(str(family))


def attempt_of_token(text: str) -> str:
    """The reference code of a code, refresh token or access token, dead or alive; empty if it is unknown."""
    if not text:
        return ""
    checksum = token_checksum(text)
    grant = Grant.objects.filter(code=checksum).first()
    if grant is not None:
        return attempt_of_code(grant)
    refresh = RefreshToken.objects.filter(token_checksum=checksum).first()
    if refresh is not None:
        return attempt_of_family(refresh.token_family, f"refresh token {refresh.pk}")
    access = AccessToken.objects.filter(token_checksum=checksum).first()
    return attempt_of_family(access.token_family, access.jti) if access is not None else ""

"""Access tokens: signed JWTs, by RFC 9068. oauthlib calls `generate`, as settings say."""

import secrets
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from oauth.claims import Authorization, access_token_claims
from oauth.models import Application
from oauth.signing_keys import Signer, signer_among, signers

SHORTEST, LONGEST = 300, 3600


def generate(request: Any, refresh_token: bool = False) -> str:
    """Sign the access token for an oauthlib request whose client, user, scopes and context are established.

    Leaves `jti` and `kid` on the request, for the record of the token. https://www.rfc-editor.org/rfc/rfc9068#section-2
    """
    request.jti = uuid.uuid4().hex
    authorization = Authorization(
        user=request.user,
        client_id=request.client.client_id,
        scope=" ".join(request.scopes),
        launch_context=request.issued.launch_context,
        seconds=request.expires_in,
        jti=request.jti,
    )
    signer = signer_for(request, settings.ACCESS_TOKEN_ALG)
    request.kid = signer.kid
    return signer.sign(access_token_claims(authorization), "at+jwt")


def generate_refresh_token(request: Any = None, refresh_token: bool = True) -> str:
    """A refresh token: 256 random bits that mean nothing to anybody else."""
    return secrets.token_urlsafe(32)


def seconds(client: Application, session_expires: datetime | None) -> int:
    """Seconds that an access token lives: 300 to 3600, and no longer than the session of online_access."""
    asked = client.access_token_seconds or settings.ACCESS_TOKEN_SECONDS
    lifetime = max(SHORTEST, min(asked, LONGEST))
    if session_expires is None:
        return lifetime
    return max(1, min(lifetime, int((session_expires - timezone.now()).total_seconds())))


def signer_for(request: Any, algorithm: str) -> Signer:
    """The active key of an algorithm, looked up once per request. Raises NoSigningKeyError."""
    if "signers" not in vars(request):
        request.signers = signers()
    return signer_among(request.signers, algorithm)

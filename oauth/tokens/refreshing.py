"""The refresh of tokens: the same person, context and family, the same scope or less, for one use.

https://www.rfc-editor.org/rfc/rfc6749#section-6
https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#refresh-access-token
"""

import base64
import hashlib
import uuid
from typing import Any

from django.conf import settings

from launch.context import members
from oauth.catalogue import grantable_of_texts, is_enforced
from oauth.claims import Authorization, access_token_claims, id_token_claims
from oauth.clients.calling import Refused
from oauth.consent.duration import end_of
from oauth.models import Application, RefreshToken
from oauth.remembered import active_signers, enabled_scopes
from oauth.scopes import NamedScope, Scope, implies, parse_scope, to_text
from oauth.signing_keys import Signer, signer_among
from oauth.tokens import issuing
from oauth.tokens.access_token import generate_refresh_token, seconds
from oauth.tokens.rotation import SpentError

GRANT_TYPE = "refresh_token"
REFRESH_SCOPES = frozenset({"offline_access", "online_access"})


def refresh(
    client: Application, text: str, asked: str, stamp: int | None = None, address: str = ""
) -> dict[str, Any]:
    """The token response for a client that shows the refresh token `text`, after which that one is spent.

    `asked` is the scope that is wanted, "" for the whole that was granted; `stamp` is that under which the
    client is known, None if it was looked up just now; `address` is where the request came from. Raises
    Refused, and OutdatedError if the stamp has changed.
    """
    if not client.may_use_grant(GRANT_TYPE):
        raise Refused(400, "unauthorized_client", "The client is not registered for refresh tokens.")
    if not text:
        raise Refused(400, "invalid_request", "The parameter refresh_token is missing.")
    shown = issuing.find_refresh_token(text, client, stamp)
    if shown is None:
        raise _invalid_grant("The refresh token is unknown, expired, used, revoked, or no longer permitted.")
    still = grantable_of_texts(shown.record.scope, client.scope, enabled_scopes(shown.stamp))
    if not _outlasts(shown.record, still):
        raise _invalid_grant("Access without the person is over.")
    scope = _narrowed(asked, still) if asked else to_text(still)
    jti = uuid.uuid4().hex
    signers = active_signers(shown.stamp)
    token = _response(client, shown.record, scope, jti, signers)
    try:
        kid = signer_among(signers, settings.ACCESS_TOKEN_ALG).kid
        issuing.rotate(shown.record, token, jti, kid, shown.attempt, address)
    except SpentError as error:
        raise _invalid_grant("It was used in the meantime.") from error
    return token


def _outlasts(record: RefreshToken, still: tuple[Scope, ...]) -> bool:
    """Whether what is still granted lets tokens be renewed: for good, or for as long as a session lasts.

    Tokens given for offline access hang on no session, so `online_access` alone does not renew them.
    """
    if NamedScope("offline_access") in still:
        return True
    return NamedScope("online_access") in still and bool(record.session_digest)


def _narrowed(asked: str, still: tuple[Scope, ...]) -> str:
    """The asked scopes, each of which one that is still granted must imply: `patient/*.rs` implies
    `patient/Observation.r`.
    """
    slims = [parse_scope(word) for word in asked.split(" ")]
    wanted = [slim for slim in slims if slim is not None and is_enforced(slim)]
    if len(wanted) < len(slims) or not all(any(implies(wide, slim) for wide in still) for slim in wanted):
        raise Refused(400, "invalid_scope", "A refresh gives what was granted, or less, and never more.")
    return to_text(wanted)


def _response(
    client: Application, record: RefreshToken, scope: str, jti: str, signers: dict[str, Signer]
) -> dict[str, Any]:
    """The members of a token response. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-7"""
    context = record.launch_context
    lifetime = seconds(client, end_of(record))
    authorization = Authorization(
        user=record.user,
        client_id=client.client_id,
        scope=scope,
        launch_context=context,
        seconds=lifetime,
        jti=jti,
    )
    signer = signer_among(signers, settings.ACCESS_TOKEN_ALG)
    token = {
        "access_token": signer.sign(access_token_claims(authorization), "at+jwt"),
        "expires_in": lifetime,
        "token_type": "Bearer",
        "scope": scope,
        "refresh_token": generate_refresh_token(),
        **members(context),
    }
    if "openid" in scope.split(" "):
        token["id_token"] = _id_token(client, record, scope, token["access_token"], signers)
    return token


def _id_token(
    client: Application, record: RefreshToken, scope: str, access_token: str, signers: dict[str, Signer]
) -> str:
    """https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse"""
    signed_in = record.auth_time or record.created
    lifetime = settings.OAUTH2_PROVIDER["ID_TOKEN_EXPIRE_SECONDS"]
    claims = id_token_claims(record.user, scope.split(" "), int(signed_in.timestamp()), lifetime)
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    at_hash = base64.urlsafe_b64encode(half).decode().rstrip("=")
    return signer_among(signers, "RS256").sign({**claims, "aud": client.client_id, "at_hash": at_hash}, "JWT")


def _invalid_grant(why: str) -> Refused:
    return Refused(400, "invalid_grant", why)

"""Asking another authorization server whether its token is still active.

https://www.rfc-editor.org/rfc/rfc7662#section-2
"""

import base64
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from cryptography.fernet import InvalidToken

from fhir.jsontext import JsonTextError, parse
from oauth.foreign.issuer_metadata import MetadataUnavailable
from oauth.foreign.issuers import introspection_endpoint_of, secret_of
from oauth.foreign.tokens import (
    BadForeignToken,
    CannotTell,
    ForeignToken,
    check_audience,
    patient_of,
    person_of,
    scopes_of,
    seconds,
)
from oauth.guarded_fetch import FetchError, post
from oauth.models import TrustedIssuer
from oauth.scopes import narrow

logger = logging.getLogger("oauth.refusals")

# An issuer that has kept us waiting so long, and then failed, is not asked for some seconds: each attempt
# holds a request up. A quick no may be about one token only, and keeps no other one out.
SLOW_SECONDS, RETRY_AFTER = 0.5, 2.0
COULD_NOT_BE_ASKED = (FetchError, MetadataUnavailable, JsonTextError, InvalidToken)
"""What `ask` raises."""
_failed: dict[str, float] = {}
_UNKNOWN = "The token's issuer cannot be asked about it now; please try again."
_OTHER = "What the token's issuer says of it now differs from what the token says."


def confirmed(token: str, said: ForeignToken, issuer: TrustedIssuer) -> ForeignToken:
    """What the token says as far as its issuer, asked just now, confirms it.

    Raises BadForeignToken if it is not active or another one's, CannotTell if the issuer does not answer.
    """
    begun = time.monotonic()
    if begun < _failed.get(issuer.issuer, 0.0):
        raise CannotTell(_UNKNOWN)
    try:
        answer = ask(issuer, token)
    except COULD_NOT_BE_ASKED as error:
        now = time.monotonic()
        if now - begun > SLOW_SECONDS:
            _failed[issuer.issuer] = now + RETRY_AFTER
        logger.warning("%.120s could not be asked about a token: %s", issuer.name, failure_words(error))
        raise CannotTell(_UNKNOWN) from error
    if answer.get("active") is not True:
        raise BadForeignToken("The token's issuer says that it is not active.")
    return _within(answer, said, issuer)


def ask(issuer: TrustedIssuer, token: str) -> dict[str, Any]:
    """The answer of the issuer's introspection endpoint, whatever it says.

    Raises FetchError, MetadataUnavailable, JsonTextError, and InvalidToken where our secret cannot be read.
    """
    credentials = f"{quote_plus(issuer.introspection_client_id)}:{quote_plus(secret_of(issuer))}"
    authorization = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    form = {"token": token, "token_type_hint": "access_token"}
    return parse(post(introspection_endpoint_of(issuer), form, authorization).body)


def failure_words(error: Exception) -> str:
    """Why the issuer could not be asked, for staff and the log: never with a token or a secret."""
    match error:
        case InvalidToken():
            return "Our secret there was encrypted with a key that is no longer in KEY_ENCRYPTION_KEYS."
        case JsonTextError():
            return "Its answer is not a JSON object."
        case _:
            return str(error)


def _within(answer: Mapping[str, Any], said: ForeignToken, issuer: TrustedIssuer) -> ForeignToken:
    """What token and answer both give: less scope, an earlier end; never another person, patient or audience.

    https://www.rfc-editor.org/rfc/rfc7662#section-2.2
    """
    if answer.get("iss", issuer.issuer) != issuer.issuer or answer.get("sub", said.subject) != said.subject:
        raise BadForeignToken(_OTHER)
    if answer.get(issuer.client_claim, said.client) != said.client:
        raise BadForeignToken(_OTHER)
    if answer.get(issuer.user_claim) is not None and person_of(answer, issuer) != said.person:
        raise BadForeignToken(_OTHER)
    if answer.get(issuer.patient_claim) is not None and patient_of(answer, issuer) != said.patient:
        raise BadForeignToken(_OTHER)
    if answer.get("aud") is not None:
        check_audience(answer, issuer)
    if answer.get("cnf") is not None:
        raise BadForeignToken("The token is bound to a key (cnf), as its issuer says.")
    if issuer.scope_claim in answer:
        said = replace(said, scopes=narrow(said.scopes, scopes_of(answer, issuer)))
    if answer.get("exp") is None:
        return said
    end = seconds(answer, "exp")
    if end <= time.time():
        raise BadForeignToken("The token has expired (exp), as its issuer says.")
    return replace(said, ends=min(said.ends, end))

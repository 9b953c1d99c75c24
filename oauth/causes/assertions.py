"""Why a client's assertion was refused: what it says of itself first, then the client's keys.

The order is that of oauth.clients.assertion and oauth.clients.authentication.
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oauth.causes import assertion_keys, callers
from oauth.causes.assertion_times import of_times
from oauth.causes.differences import of_urls
from oauth.causes.masking import masked
from oauth.causes.why import Why
from oauth.clients.assertion import ASSERTION_TYPE, Assertion, BadAssertion, audiences, read_assertion
from oauth.jwk_sets import ALGORITHMS
from oauth.models import Application
from oauth.signed_jwt import MalformedJwt, read_jwt


def of_assertion(form: Mapping[str, str]) -> Why:
    """Why these form fields prove nobody."""
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        came = masked(form.get("client_assertion_type", ""))
        cause = f"client_assertion_type is {came}." if came else "client_assertion_type is missing."
        return Why("check_assertion_type", cause, ASSERTION_TYPE, came)
    text = form.get("client_assertion", "")
    try:
        return _of_registered(form, read_assertion(text))
    except BadAssertion as error:
        return _of_contents(text, str(error))


def _of_contents(text: str, told: str) -> Why:
    """What is wrong with an assertion in itself; `told` is what the client was told."""
    try:
        jwt = read_jwt(text, "client_assertion")
    except MalformedJwt:
        return Why("check_assertion", told, "a signed JWT")
    checks = (_algorithm(jwt.header), _rest_of_header(told), _client(jwt.claims), _audience(jwt.claims))
    for why in (*checks, of_times(jwt.claims)):
        if why is not None:
            return why
    return Why("check_assertion", told)


def _of_registered(form: Mapping[str, str], assertion: Assertion) -> Why:
    if form.get("client_id", assertion.client_id) != assertion.client_id:
        cause = "The client_id in the body is not the iss of the assertion."
        return Why("check_one_client", cause, masked(assertion.client_id))
    if why := callers.unusable(assertion.client_id):
        return why
    client = Application.objects.get(client_id=assertion.client_id)
    if not client.has_keys:
        return callers.wrong_method(client, str(Application.AuthMethod.PRIVATE_KEY_JWT))
    return assertion_keys.of_keys(client, assertion)


def _algorithm(header: dict[str, Any]) -> Why | None:
    alg, expected = header.get("alg"), " or ".join(ALGORITHMS)
    if isinstance(alg, str) and alg in ALGORITHMS:
        return None
    name = _text(alg)
    more = ", which is made with a shared secret and not with a private key" if name[:2] == "HS" else ""
    return Why("check_alg", f"alg is {name}{more}; it must be {expected}.", expected, name)


def _rest_of_header(told: str) -> Why | None:
    return Why("check_header", told) if told.startswith(("typ ", "kid ", "crit ", "jku ")) else None


def _client(claims: dict[str, Any]) -> Why | None:
    iss, sub = _text(claims.get("iss")), _text(claims.get("sub"))
    if iss == sub and iss != _MISSING:
        return None
    cause = f"iss is {iss} and sub is {sub}; both must be the client_id."
    return Why("check_iss_and_sub", cause, "iss = sub = client_id", f"{iss}, {sub}")


def _audience(claims: dict[str, Any]) -> Why | None:
    aud, ours = claims.get("aud"), audiences()
    if isinstance(aud, list) and len(aud) == 1:
        aud = aud[0]
    if isinstance(aud, str) and aud in ours:
        return None
    shown = _text(aud)
    phrases = of_urls(aud, ours[0]) if isinstance(aud, str) else []
    slight = f", which differs only by {phrases[0]}" if len(phrases) == 1 else ""
    return Why("check_aud", f"aud is {shown} instead of {ours[0]}{slight}.", " or ".join(ours), shown)


_MISSING = "missing"


def _text(value: object) -> str:
    """A claim for the audit trail."""
    if value in (None, ""):
        return _MISSING
    return masked(value if isinstance(value, str) else str(value))

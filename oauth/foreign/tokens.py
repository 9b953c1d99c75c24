"""Access tokens of other authorization servers: read, and held to every rule. Nothing in one is believed
before its signature is verified with a key of the issuer that it names.

https://www.rfc-editor.org/rfc/rfc9068#section-4 https://www.rfc-editor.org/rfc/rfc8725
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from oauth.clients.assertion import SKEW_SECONDS
from oauth.clients.keys import KeysUnavailable
from oauth.foreign.issuers import key_set_of
from oauth.jwk_sets import ISSUER_ALGORITHMS, ClientKey, NoKey
from oauth.models import TrustedIssuer
from oauth.scopes import Scope, parse_scopes
from oauth.signed_jwt import SignedJwt

# Some servers call their access tokens so, and others do not say.
# https://www.rfc-editor.org/rfc/rfc9068#section-2.1
_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})
# What only an id_token says. https://openid.net/specs/openid-connect-core-1_0.html#IDToken
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash")
_RESOURCE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_LONGEST_TEXT = 255
_LATEST = 1e11


class BadForeignToken(Exception):
    """The token is refused; the message names the rule, and quotes nothing of the token.

    `client` is for the audit trail: the client whose token it was, as far as a good signature proves it.
    """

    client = ""


class CannotTell(Exception):
    """Whether the token is good cannot be found out now. The message is for the client."""


@dataclass(frozen=True, slots=True)
class ForeignToken:
    """What a verified token says. `ends` and `issued` are seconds since 1970; `person` is the address of a
    resource here, such as "Practitioner/1", and `patient` an id; both empty if the token names none.
    """

    subject: str
    client: str
    person: str
    patient: str
    scopes: tuple[Scope, ...]
    issued: float
    ends: float


def verify(jwt: SignedJwt, issuer: TrustedIssuer) -> ForeignToken:
    """What the token says, if it is one of this issuer's for us and now. Raises BadForeignToken and
    CannotTell.
    """
    key, algorithm = _key(jwt.header, issuer)
    if not jwt.is_signed_by(key.key, algorithm):
        raise BadForeignToken("The token's signature is not that of its issuer's key.")
    with blaming(_client_if_any(jwt.claims, issuer)):
        return _judged(jwt.claims, issuer)


@contextmanager
def blaming(client: str) -> Iterator[None]:
    """Let each refusal of a token within know whose token it is."""
    try:
        yield
    except BadForeignToken as error:
        error.client = client
        raise


def name_of_client(issuer: TrustedIssuer, client: str) -> str:
    """What a client of another server is called here. No id of our clients has a space, so that it cannot be
    taken for one of them.
    """
    return f"{issuer.issuer} {client}"[:_LONGEST_TEXT]


def _client_if_any(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str:
    try:
        return name_of_client(issuer, client_of(claims, issuer))
    except BadForeignToken:
        return name_of_client(issuer, "")


def _judged(claims: Mapping[str, Any], issuer: TrustedIssuer) -> ForeignToken:
    """What claims say that the issuer has signed, if they meet every rule. Raises BadForeignToken."""
    if claims.get("iss") != issuer.issuer:
        raise BadForeignToken("The token's issuer (iss) is another one.")
    check_audience(claims, issuer)
    _check_kind(claims, issuer)
    issued, ends = _check_times(claims, issuer)
    return ForeignToken(
        subject=_text(claims, "sub"),
        client=client_of(claims, issuer),
        person=person_of(claims, issuer),
        patient=patient_of(claims, issuer),
        scopes=scopes_of(claims, issuer),
        issued=issued,
        ends=ends,
    )


def _key(header: Mapping[str, Any], issuer: TrustedIssuer) -> tuple[ClientKey, str]:
    """The key that the header names, and the algorithm, which must be the key's own and the issuer's."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise BadForeignToken("The token's alg is not one that its issuer may sign by here.")
    if algorithm not in ISSUER_ALGORITHMS:
        raise BadForeignToken("The token's alg is not an asymmetric one.")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise BadForeignToken("The token is not an access token (its typ is neither at+jwt nor JWT).")
    if "crit" in header:
        raise BadForeignToken("The token's crit names extensions, and none is understood here.")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_TEXT:
        raise BadForeignToken("The token's kid is missing: it says which key of its issuer has signed.")
    try:
        known = key_set_of(issuer, kid)
        if not known.knows(kid):
            raise BadForeignToken("The token's issuer has no key with this kid.")
        return known.find(kid, algorithm), algorithm
    except KeysUnavailable as error:
        raise CannotTell("The keys of the token's issuer cannot be had now; please try again.") from error
    except NoKey as error:
        raise BadForeignToken("The issuer's key with this kid does not verify by the token's alg.") from error


def check_audience(claims: Mapping[str, Any], issuer: TrustedIssuer) -> None:
    """Raises BadForeignToken unless aud names this server, as one text or in a list.

    https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3
    """
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if issuer.expected_audience not in [each for each in named if isinstance(each, str)]:
        raise BadForeignToken("The token is for another audience: its aud does not name this server.")


def _check_kind(claims: Mapping[str, Any], issuer: TrustedIssuer) -> None:
    """An access token, and one that whoever holds it may use.

    https://www.rfc-editor.org/rfc/rfc8725#section-3.12 https://www.rfc-editor.org/rfc/rfc7800#section-3
    """
    if any(name in claims for name in _OF_ID_TOKENS):
        raise BadForeignToken(
            "The token is an id_token (it has nonce, at_hash or c_hash), not an access token."
        )
    kind = claims.get("typ", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadForeignToken("The token's claim typ says that it is no bearer access token.")
    if "cnf" in claims:
        raise BadForeignToken("The token is bound to a key (cnf), of which nothing is proven here.")
    if issuer.scope_claim not in claims:
        raise BadForeignToken("The token has no scope claim, as an access token has.")


def _check_times(claims: Mapping[str, Any], issuer: TrustedIssuer) -> tuple[float, float]:
    """When the token was issued and when it ends. Its clock may be a little ahead of ours, never behind."""
    now = time.time()
    ends, issued = seconds(claims, "exp"), seconds(claims, "iat")
    begins = seconds(claims, "nbf") if "nbf" in claims else issued
    if ends <= now:
        raise BadForeignToken("The token has expired (exp).")
    if issued > now + SKEW_SECONDS:
        raise BadForeignToken("The token was issued in the future (iat); is its issuer's clock right?")
    if begins > now + SKEW_SECONDS:
        raise BadForeignToken("The token is not valid yet (nbf).")
    if issuer.refused_before is not None and issued < issuer.refused_before.timestamp():
        raise BadForeignToken("The token was issued (iat) before its issuer was last switched on here.")
    return issued, ends


def seconds(claims: Mapping[str, Any], name: str) -> float:
    """A time among the claims, in seconds since 1970. Raises BadForeignToken if it is none."""
    number = claims.get(name)
    if not isinstance(number, int | float | Decimal) or isinstance(number, bool):
        raise BadForeignToken(f"The token's {name} must be a number of seconds since 1970.")
    if not 0 <= number <= _LATEST:
        raise BadForeignToken(f"The token's {name} must be a number of seconds since 1970.")
    return float(number)


def _text(claims: Mapping[str, Any], name: str) -> str:
    text = claims.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT or not text.isprintable():
        raise BadForeignToken(f"The token's {name} must be a text of 1 to {_LONGEST_TEXT} characters.")
    return text


def client_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str:
    """The client's id there. What calls it azp is understood where client_id is meant.

    Raises BadForeignToken.
    """
    name = issuer.client_claim
    return _text(claims, "azp" if name == "client_id" and name not in claims else name)


def person_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str:
    """The address of the resource here that describes the person; empty if the token names nobody.

    Raises BadForeignToken for an address of elsewhere.
    """
    given = claims.get(issuer.user_claim)
    if given is None:
        return ""
    address = _here(given, issuer)
    if not _RESOURCE.match(address):
        raise BadForeignToken(f"The token's {issuer.user_claim} is not the address of a resource here.")
    return address


def patient_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str:
    """The id of the patient; empty if the token names none. Raises BadForeignToken for one of elsewhere."""
    given = claims.get(issuer.patient_claim)
    if given is None:
        return ""
    patient = _here(given, issuer).removeprefix("Patient/")
    if not _ID.match(patient):
        raise BadForeignToken(f"The token's {issuer.patient_claim} is not a patient here.")
    return patient


def scopes_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> tuple[Scope, ...]:
    """The scopes that the claim names, as one text or a list of them. Raises BadForeignToken."""
    given = claims.get(issuer.scope_claim)
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        given = " ".join(given)
    scopes = parse_scopes(given) if isinstance(given, str) else None
    if scopes is None:
        raise BadForeignToken("The token's scope claim is neither a text of scopes nor a list of them.")
    return scopes


def _here(given: object, issuer: TrustedIssuer) -> str:
    """A reference without our FHIR base, or the issuer's, whose resources staff say are ours."""
    if not isinstance(given, str):
        return ""
    for base in (settings.FHIR_BASE, issuer.fhir_base):
        if base and given.startswith(f"{base}/"):
            return given.removeprefix(f"{base}/")
    return given

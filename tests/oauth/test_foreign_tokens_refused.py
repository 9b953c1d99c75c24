"""Tokens of other authorization servers that are refused over HTTP, and by which rule."""

import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from jwt.utils import base64url_encode
from pytest_django import Settings

from tests.oauth.foreign import (
    ISSUER,
    Other,
    other_issuer,
    p256,
    refusal_of,
    statuses,
)
from tests.oauth.issuing import make_client, make_key
from tests.oauth.services import ec_key, encode, jwk_of, jwks_of, rsa_key

pytestmark = pytest.mark.django_db

RFC_9068 = "https://www.rfc-editor.org/rfc/rfc9068#section-4"
RFC_8725 = "https://www.rfc-editor.org/rfc/rfc8725#section-3"
P521 = ec.generate_private_key(ec.SECP521R1())
EFFECTIVE = "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "issuer": ({"iss": "https://elsewhere.example.org"}, "issuer (iss) is not trusted here"),
    "issuer with a slash": ({"iss": f"{ISSUER}/"}, "issuer (iss) is not trusted here"),
    "audience": ({"aud": "https://elsewhere.example.org/fhir"}, "its aud does not name this server"),
    "audiences": ({"aud": ["x", ["http://testserver/fhir"], 1]}, "its aud does not name this server"),
    "no audience": ({"aud": None}, "its aud does not name this server"),
    "expiry": ({"exp": 1_000_000_000}, "The token has expired (exp)."),
    "no expiry": ({"exp": None}, "exp must be a number"),
    "expiry as text": ({"exp": "9999999999"}, "exp must be a number"),
    "expiry for ever": ({"exp": 10**30}, "exp must be a number"),
    "not yet": ({"nbf": time.time() + 86_400}, "not valid yet (nbf)"),
    "nbf as text": ({"nbf": "0"}, "nbf must be a number"),
    "issued in the future": ({"iat": time.time() + 86_400}, "issued in the future (iat)"),
    "no time of issue": ({"iat": None}, "iat must be a number"),
    "no subject": ({"sub": None}, "sub must be a text"),
    "subject of another kind": ({"sub": {"a": 1}}, "sub must be a text"),
    "no scope": ({"scope": None}, "has no scope claim"),
    "scope of another kind": ({"scope": {"a": 1}}, "scope claim is neither"),
    "scopes of another kind": ({"scope": [1]}, "scope claim is neither"),
    "scope that breaks the grammar": ({"scope": "a  b"}, "scope claim is neither"),
    "an id_token": ({"nonce": "n"}, "is an id_token"),
    "an id_token of a hash": ({"at_hash": "h"}, "is an id_token"),
    "an id_token by its claim": ({"typ": "ID"}, "no bearer access token"),
    "a refresh token": ({"typ": "Refresh"}, "no bearer access token"),
    "bound to a key": ({"cnf": {"jkt": "x"}}, "bound to a key (cnf)"),
    "a person of elsewhere": (
        {"fhirUser": "https://else.example.org/fhir/Practitioner/p"},
        "fhirUser is not",
    ),
    "a person that is no text": ({"fhirUser": ["Practitioner/p"]}, "fhirUser is not"),
    "a patient of elsewhere": ({"patient": "https://else.example.org/fhir/Patient/a"}, "not a patient here"),
    "patients": ({"patient": ["a", "b"]}, "not a patient here"),
    "a patient by path": ({"patient": "../Patient/b"}, "not a patient here"),
    "a client on two lines": ({"client_id": "a\nb"}, "client_id must be a text"),
}


@pytest.mark.requirement(RFC_9068)
@pytest.mark.requirement(f"{RFC_8725}.8")
@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_a_token_with_a_wrong_claim_is_refused_by_name(
    other: Other, changes: dict[str, Any], words: str
) -> None:
    status, challenge, said = refusal_of(other.token(**{"patient": "a", **changes}))
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert words in said
    assert words in challenge


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "kid": ({"kid": "k2"}, "has no key with this kid"),
    "no kid": ({"kid": None}, "kid is missing"),
    "kid of another kind": ({"kid": 1}, "kid is missing"),
    "typ": ({"typ": "logout+jwt"}, "not an access token"),
    "typ of another kind": ({"typ": ["at+jwt"]}, "not an access token"),
    "crit": ({"crit": ["b64"], "b64": False}, "crit names extensions"),
}


@pytest.mark.requirement(f"{RFC_8725}.11")
@pytest.mark.parametrize(("headers", "words"), HEADERS.values(), ids=HEADERS)
def test_a_token_with_a_wrong_header_is_refused_by_name(
    other: Other, headers: dict[str, Any], words: str
) -> None:
    status, challenge, said = refusal_of(other.token(headers))
    assert (status, 'error="invalid_token"' in challenge) == (401, True)
    assert words in said


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "JWT", "jwt", None])
def test_servers_that_call_their_access_tokens_jwt_or_nothing_are_understood(
    clinic: None, other: Other, typ: str | None
) -> None:
    assert statuses(other.token({"typ": typ}, patient="a"), "Patient/a") == [200]


@pytest.mark.requirement(f"{RFC_8725}.1")
def test_no_algorithm_counts_but_the_issuers_own(other: Other) -> None:
    parts = other.token(patient="a").split(".")
    jwk = json.loads(other.row.jwks)["keys"][0]
    for alg in ("none", "None", "HS256", "ES384", "RS256", "EdDSA", 5):
        header = encode({"typ": "at+jwt", "alg": alg, "kid": "k1"})
        signed = f"{header}.{parts[1]}".encode()
        for signature in (
            b"",
            parts[2].encode(),
            *(_hmac(secret, signed) for secret in _secrets(jwk, other)),
        ):
            status, challenge, said = refusal_of(f"{signed.decode()}.{signature.decode()}")
            assert (status, 'error="invalid_token"' in challenge) == (401, True)
            assert "alg" in said


def _secrets(jwk: dict[str, Any], other: Other) -> list[bytes]:
    """The public key in the ways in which somebody might take it for a shared secret."""
    public = other.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [pem, json.dumps(jwk).encode(), jwk["x"].encode()]


def _hmac(secret: bytes, signed: bytes) -> bytes:
    return base64url_encode(hmac.digest(secret, signed, "sha256"))


def test_an_algorithm_that_staff_took_off_the_list_counts_no_more(clinic: None) -> None:
    other = other_issuer(rsa_key(), alg="RS256")
    assert statuses(other.token(patient="a"), "Patient/a") == [200]
    other.change(algorithms=["ES256"])
    assert "alg is not one" in refusal_of(other.token(patient="a"))[2]
    other.change(algorithms=["HS256", "none"])
    assert "not an asymmetric one" in refusal_of(other.token({"alg": "HS256"}, patient="a"))[2]


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
)
def test_each_asymmetric_algorithm_works_with_a_key_for_it(clinic: None, alg: str) -> None:
    private: Any = {"ES256": p256(), "ES384": ec_key(), "ES512": P521}.get(alg, rsa_key())
    other = other_issuer(private, alg=alg, algorithms=[alg])
    assert statuses(other.token(patient="a"), "Patient/a", "Patient/b") == [200, 404]


def test_a_key_for_one_algorithm_does_not_verify_another(clinic: None) -> None:
    jwks = jwks_of(jwk_of(rsa_key(), "k1", alg="RS256"))
    other = other_issuer(rsa_key(), alg="RS384", jwks=jwks)
    assert "does not verify by the token's alg" in refusal_of(other.token(patient="a"))[2]


@pytest.mark.requirement(RFC_9068)
def test_a_signature_by_any_other_key_is_refused(clinic: None, other: Other) -> None:
    good = other.token(patient="a").split(".")
    assert refusal_of(other.token(key=p256(1), patient="a"))[2] == (
        "The token's signature is not that of its issuer's key."
    )
    others = other.token(patient="b").split(".")
    assert refusal_of(f"{good[0]}.{others[1]}.{good[2]}")[0] == 401
    assert refusal_of(f"{good[0]}.{good[1]}.")[0] == 401
    embedded = {"jwk": jwk_of(p256(1), "k1"), "jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/"}
    assert refusal_of(other.token(embedded, key=p256(1), patient="a"))[0] == 401


def test_of_two_issuers_with_the_same_kid_each_signs_for_itself(clinic: None, other: Other) -> None:
    second = other_issuer(
        p256(1), issuer="https://second.example.org", name="Second", scope="patient/Patient.r"
    )
    assert statuses(other.token(patient="a"), "Patient/a", "Observation/of-a") == [200, 200]
    assert statuses(second.token(patient="a"), "Patient/a", "Observation/of-a") == [200, 403]
    crossed = other.token(patient="a", iss=second.row.issuer)
    assert refusal_of(crossed)[2] == "The token's signature is not that of its issuer's key."


def test_a_token_in_our_name_that_another_issuer_signed_is_refused(clinic: None, other: Other) -> None:
    key = make_key()
    ours = {"iss": "http://testserver", "patient": "a", "jti": "x", "scope": "patient/*.rs"}
    for kid in ("k1", key.row.kid):
        status, challenge, _ = refusal_of(other.token({"kid": kid}, **ours))
        assert (status, 'error="invalid_token"' in challenge) == (401, True)


def test_a_token_of_ours_is_not_opened_by_an_issuer_in_our_name(clinic: None, settings: Settings) -> None:
    other = other_issuer(issuer="http://testserver")
    assert refusal_of(other.token(patient="a", jti="x"))[0] == 401


def test_another_issuers_token_opens_the_fhir_api_only(clinic: None, other: Other) -> None:
    token = other.token(scope="openid fhirUser patient/*.rs", patient="a")
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get("/oauth/userinfo", headers=headers).status_code == 401
    client = make_client(client_id="their-app")
    assert Client().get("/fhir/Patient/a", headers=headers).status_code == 200
    assert client.pk


def test_nothing_that_is_no_token_disturbs(other: Other) -> None:
    good = other.token(patient="a")
    header, payload, signature = good.split(".")
    deep = '{"iss":"' + ISSUER + '","a":' + "[" * 5000 + "]" * 5000 + "}"
    payloads = (
        "[]",
        "5",
        '{"iss":1e400}',
        '{"iss":["a"]}',
        '{"iss":"a\\u0000"}',
        '{"iss":"a","iss":"b"}',
        deep,
    )
    texts = (f"{header}.{payload}", f"{good}.x", f"{header}.{payload}=.{signature}", "x" * 20_000, "..")
    for text in (*(f"{header}.{encode(each)}.{signature}" for each in payloads), *texts):
        status, challenge, _ = refusal_of(text)
        assert (status, 'error="invalid_token"' in challenge) == (401, True)
    assert refusal_of(good)[0] == 404

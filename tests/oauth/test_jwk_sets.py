"""Clients' JWK Sets: which keys count, and what is said of the others."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from oauth.jwk_sets import BadKeySet, NoKey, key_set_faults, read_key_set
from tests.oauth.services import ec_key, jwk_of, jwks_of, rsa_key

RSA, EC = jwk_of(rsa_key(), "r"), jwk_of(ec_key(), "e")


def test_both_kinds_of_keys_are_read() -> None:
    key_set = read_key_set(jwks_of(RSA, EC))
    assert key_set.find("r", "RS384").key.key_size == 2048
    assert key_set.find("e", "ES384").key.key_size == 384
    assert key_set.unusable == ()
    assert key_set_faults(jwks_of(RSA, EC)) == []


@pytest.mark.parametrize(
    "members",
    [
        {"use": "sig"},
        {"key_ops": ["verify"], "ext": True},
        {"alg": "ES384"},
        {"x5c": ["nonsense"], "anything": {}},
    ],
)
def test_further_members_do_no_harm(members: dict[str, Any]) -> None:
    assert key_set_faults(jwks_of({**EC, **members})) == []


@pytest.mark.parametrize(
    ("jwk", "words"),
    [
        ({**EC, "use": "enc"}, "not meant for signatures"),
        ({**EC, "key_ops": ["encrypt"]}, "not meant for signatures"),
        ({**EC, "key_ops": "verify"}, "not meant for signatures"),
        ({**EC, "alg": "ES256"}, "alg must be"),
        ({**RSA, "alg": "RS256"}, "alg must be"),
        ({**EC, "kid": ""}, "kid must be"),
        ({**EC, "kid": 1}, "kid must be"),
        ({**EC, "kid": "x" * 256}, "kid must be"),
        ({name: EC[name] for name in ("kty", "crv", "x", "y")}, "kid must be"),
        ({**EC, "kty": "OKP"}, "kty must be"),
        ({**EC, "kty": None}, "kty must be"),
        ({**EC, "x": RSA["n"]}, "not a valid key"),
        ({**EC, "y": EC["x"]}, "not a valid key"),
        ({**EC, "x": 5}, "not a valid key"),
        ({**EC, "crv": "P-0"}, "not a valid key"),
        ({"kty": "EC", "kid": "e", "crv": "P-384"}, "not a valid key"),
        ({**RSA, "e": "AA"}, "not a valid key"),
        ({**RSA, "n": "é"}, "not a valid key"),
        ({**RSA, "n": None}, "not a valid key"),
        (jwk_of(rsa_key(bits=1024), "r"), "2048"),
        (jwk_of(ec.generate_private_key(ec.SECP256R1()), "e"), "P-384"),
        (jwk_of(ec.generate_private_key(ec.SECP521R1()), "e"), "P-384"),
        ({**RSA, "e": "AQAAAAAAAAAB"}, "exponent"),
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_says_why(jwk: dict[str, Any], words: str) -> None:
    other = jwk_of(ec_key(1), "other")
    key_set = read_key_set(jwks_of(jwk, other))
    assert [key.kid for key in key_set.keys] == ["other"]
    assert words in key_set.unusable[0].fault
    assert words in key_set_faults(jwks_of(jwk, other))[0]


@pytest.mark.parametrize("number", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_set_with_a_private_or_secret_part_is_refused_whole(number: str) -> None:
    with pytest.raises(BadKeySet, match="private or secret"):
        read_key_set(jwks_of(EC, {**RSA, number: "AQAB"}))


@pytest.mark.parametrize("algorithm", [RSAAlgorithm, ECAlgorithm])
def test_a_private_jwk_as_libraries_write_it_is_refused(algorithm: Any) -> None:
    private = rsa_key() if algorithm is RSAAlgorithm else ec_key()
    jwk = {**algorithm.to_jwk(private, as_dict=True), "kid": "k"}
    assert "private or secret" in key_set_faults(jwks_of(jwk))[0]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}", "null", '{"keys":{}}', '{"keys":[1]}', '{"keys":[]', '{"keys":[],"keys":[]}',
        '{"keys":[{"kid":"\\ud800"}]}', "[" * 10_000, jwks_of(*[EC] * 101), '{"keys":"\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(BadKeySet):
        read_key_set(text)


def test_a_registered_set_needs_a_key_and_a_kid_for_each() -> None:
    assert key_set_faults(jwks_of()) == ["has no key."]
    assert key_set_faults(jwks_of(EC, EC)) == ["e: several keys have this kid."]
    assert key_set_faults("x") == ["is not a JSON object."]


def test_an_unknown_kid_and_a_key_of_another_type_are_told_apart() -> None:
    key_set = read_key_set(json.dumps({"keys": [EC]}))
    for kid, algorithm, words in (("x", "ES384", "No registered key"), ("e", "RS384", "not for RS384")):
        with pytest.raises(NoKey, match=words):
            key_set.find(kid, algorithm)
    assert key_set.knows("e")
    assert not key_set.knows("x")


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification"
)
def test_a_kid_that_two_keys_of_one_type_have_names_none_although_only_one_can_be_used() -> None:
    twin = jwk_of(ec_key(1), "e", use="enc")
    with pytest.raises(NoKey, match="Several"):
        read_key_set(jwks_of(EC, twin)).find("e", "ES384")
    other_type = jwk_of(rsa_key(bits=1024), "e")
    assert read_key_set(jwks_of(EC, other_type)).find("e", "ES384").algorithm == "ES384"

"""The keys that sign tokens: made once, kept encrypted, rotated without a refused token."""

from io import StringIO
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser

from oauth.models import SigningKey
from oauth.signing_keys import (
    NoSigningKeyError,
    activate,
    encrypt_anew,
    ensure_signing_keys,
    new_key,
    published_jwks,
    signer,
    withdraw,
)
from oauth.tokens.verification import NotOurToken, verify
from tests.fhir.serving import at_once
from tests.oauth.flow import make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db


def test_the_command_makes_one_key_of_each_algorithm_and_none_the_second_time() -> None:
    assert not SigningKey.objects.exists()
    said = StringIO()
    call_command("ensure_signing_key", stdout=said)
    call_command("ensure_signing_key", stdout=StringIO())
    assert sorted(SigningKey.objects.values_list("algorithm", "status")) == [
        ("ES256", "active"),
        ("RS256", "active"),
    ]
    assert said.getvalue().count("Made") == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_the_same_moment_make_one_key_of_each_algorithm() -> None:
    def start(number: int) -> int:
        try:
            return len(ensure_signing_keys())
        finally:
            connection.close()

    assert sorted(at_once(4, start)) == [0, 0, 0, 2]
    assert sorted(SigningKey.objects.values_list("algorithm", flat=True)) == ["ES256", "RS256"]


def test_without_keys_nothing_is_signed() -> None:
    with pytest.raises(NoSigningKeyError, match="ensure_signing_key"):
        signer("ES256")


@pytest.mark.requirement("RFC 7517, RFC 7638")
def test_only_public_parts_are_published_each_under_its_thumbprint() -> None:
    ensure_signing_keys()
    keys = Browser().get("/oauth/jwks").json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
        assert key["use"] == "sig"
        assert key["kid"] == signer(key["alg"]).kid
        assert len(key["kid"]) == 43


def test_private_parts_are_encrypted_at_rest(settings: Any) -> None:
    key = new_key("ES256", "active")
    stored = bytes(key.private_key_encrypted)
    der = Fernet(settings.KEY_ENCRYPTION_KEYS[0]).decrypt(stored)
    assert der not in stored
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(InvalidToken):
        signer("ES256")


def test_encryption_keys_are_rotated(settings: Any) -> None:
    new_key("ES256", "active")
    withdraw(new_key("ES256"))
    old, new = settings.KEY_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.KEY_ENCRYPTION_KEYS = [new, old]
    assert encrypt_anew() == 1
    settings.KEY_ENCRYPTION_KEYS = [new]
    assert signer("ES256").sign({"a": 1}, "JWT")


def test_a_rotation_refuses_no_token_and_a_withdrawn_key_refuses_its_tokens() -> None:
    client, _ = make_client()
    user = make_user()
    before = run_authorization_code(client, user, "patient/*.rs").access_token
    old = SigningKey.objects.get(algorithm="ES256")
    new = new_key("ES256")
    assert new.kid in {key["kid"] for key in published_jwks()["keys"]}
    assert signer("ES256").kid == old.kid
    activate(new)
    after = run_authorization_code(client, user, "patient/*.rs").access_token
    assert jwt.get_unverified_header(after)["kid"] == new.kid
    for token in (before, after):
        verify(token)
    withdraw(old)
    verify(after)
    with pytest.raises(NotOurToken):
        verify(before)
    assert old.kid not in {key["kid"] for key in published_jwks()["keys"]}


def test_a_private_key_is_parsed_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    new_key("ES256", "active")
    signer("ES256")

    def parse_again(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("parsed a second time")

    monkeypatch.setattr("oauth.signing_keys.serialization.load_der_private_key", parse_again)
    assert signer("ES256").sign({"a": 1}, "JWT")

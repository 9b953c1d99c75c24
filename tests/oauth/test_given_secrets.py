"""Secrets in a file of clients: taken once, kept as digests, never in the place of those that are there."""

from typing import Any

import pytest

from oauth.client_exchange.importing import Unacceptable
from oauth.client_exchange.planning import plan
from oauth.clients.secrets import add_secret, verify
from oauth.models import Application, ClientSecret
from tests.oauth.test_client_exchange import WEB, faults, file_of, kinds, make, notes, take
from tests.oauth.test_client_metadata import GOOD

pytestmark = pytest.mark.django_db

SECRET = "correct-horse-battery"


def test_a_secret_in_plain_text_is_taken_as_a_slow_digest_and_opens_the_door() -> None:
    secret = {"secret": SECRET, "description": "From before", "ends": "2999-01-01"}
    found = take(file_of({**WEB, "client_id": "growth", "client_secrets": [secret]}))
    kept = ClientSecret.objects.get()
    assert kept.digest.startswith("scrypt$")
    assert (kept.description, kept.ends.year if kept.ends else 0) == ("From before", 2999)
    assert verify(Application.objects.get(), SECRET)
    assert not verify(Application.objects.get(), SECRET + "x")
    assert SECRET not in str([entry.changes for entry in found.entries]) + repr(found)


def test_the_same_file_again_adds_no_second_secret() -> None:
    text = file_of({**WEB, "client_id": "growth", "client_secrets": [{"secret": SECRET}]})
    take(text)
    assert kinds(take(text)) == ["unchanged"]
    assert ClientSecret.objects.count() == 1


def test_a_file_replaces_no_secret_that_a_client_has() -> None:
    own = add_secret(make("growth", WEB))
    text = file_of({"client_id": "growth", "client_secrets": [{"secret": SECRET}]})
    assert "which a file does not replace" in faults(plan(text))
    with pytest.raises(Unacceptable):
        take(text)
    assert verify(Application.objects.get(), own)
    ClientSecret.objects.update(ends="2020-01-01T00:00Z")
    take(text)
    assert verify(Application.objects.get(), SECRET)


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ({"secret": "redacted"}, "1 without the secret itself"),
        ({"secret": "***"}, "1 without the secret itself"),
        ({"secret": ""}, "1 without the secret itself"),
        ({"description": "only that"}, "1 without the secret itself"),
        ({"secret": "$2a$12$abcdefghijklmnopqrstuv"}, "it is hashed"),
        ({"secret": "{bcrypt}$2a$12$abcdefghijklmnopqrstuv"}, "it is hashed"),
        ({"secret": "SHA256_100000:abcdef:abcdef"}, "it is hashed"),
        ({"secret": "sha256$00$ff00ff00"}, "it is hashed"),
        ({"secret": SECRET, "ends": "2020-01-01T00:00:00Z"}, "it has ended"),
        ({"secret": SECRET, "starts": "2999-01-02", "ends": "2999-01-01"}, "it has ended"),
    ],
)
def test_a_secret_that_cannot_be_taken_is_said_to_be_left_out(secret: dict[str, Any], told: str) -> None:
    found = take(file_of({**WEB, "client_id": "growth", "client_secrets": [secret]}))
    assert "not taken: client_secrets" in notes(found)
    assert told in notes(found)
    assert not ClientSecret.objects.exists()


@pytest.mark.parametrize(
    "secret",
    [
        {"secret": "short"},
        {"secret": "x" * 257},
        {"secret": 12345678},
        {"secret": "tab\tin the middle"},
        {"secret": SECRET, "ends": "tomorrow"},
        {"secret": SECRET, "ends": 5},
        {"secret": SECRET, "description": 5},
        {"secret": SECRET, "ends": "9999-12-31T23:59:59-12:00"},
        {"secret": SECRET, "starts": "2026-02-30"},
        {"secret": ["x"] * 9},
        {"secret": SECRET, "description": "a\0b"},
    ],
)
def test_a_secret_that_makes_no_sense_is_a_fault(secret: dict[str, Any]) -> None:
    found = plan(file_of({**WEB, "client_id": "growth", "client_secrets": [secret]}))
    assert "client_secrets[0]" in faults(found)


def test_a_secret_that_is_easily_misread_by_http_basic_is_warned_of() -> None:
    secret = {"secret": "with+plus%and", "starts": "2026-01-01T00:00:00+01:00"}
    found = take(file_of({**WEB, "client_id": "growth", "client_secrets": [secret]}))
    assert "must form-encode it" in notes(found)
    assert verify(Application.objects.get(), "with+plus%and")


def test_a_public_client_takes_no_secret_from_a_file() -> None:
    found = take(file_of({**GOOD, "client_id": "x", "client_secrets": [{"secret": SECRET}]}))
    assert "does not prove itself by a secret" in notes(found)
    assert not ClientSecret.objects.exists()


def test_a_client_without_a_secret_is_pointed_out() -> None:
    assert "has no secret yet" in notes(plan(file_of({**WEB, "client_id": "x"})))

"""Clients' secrets: random, shown once, kept as digests."""

from datetime import timedelta

import pytest
from django.utils import timezone

from oauth.client_secrets import add_secret, digest, generate, verify
from oauth.models import ClientSecret
from tests.oauth.flow import make_client

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("trap: Basic is form-decoded, so secrets are letters and digits")
def test_secrets_are_long_random_letters_and_digits() -> None:
    made = {generate() for _ in range(200)}
    assert len(made) == 200
    assert all(len(secret) == 43 and secret.isascii() and secret.isalnum() for secret in made)


def test_only_a_salted_digest_is_kept() -> None:
    client, secret = make_client(confidential=True)
    stored = ClientSecret.objects.get().digest
    assert secret not in stored
    assert digest(secret) != digest(secret)
    assert stored.startswith("sha256$")
    client.refresh_from_db()
    assert client.client_secret == ""


def test_a_secret_opens_only_its_own_client_and_only_in_its_time() -> None:
    client, secret = make_client(confidential=True)
    other, _ = make_client(confidential=True)
    assert verify(client, secret)
    assert not verify(other, secret)
    assert not verify(client, secret + " ")
    assert not verify(client, "")
    now = timezone.now()
    ClientSecret.objects.filter(application=client).update(starts=now + timedelta(hours=1))
    assert not verify(client, secret)
    ClientSecret.objects.filter(application=client).update(starts=now - timedelta(hours=1), ends=now)
    assert not verify(client, secret)


def test_a_digest_that_is_none_opens_nothing() -> None:
    client, _ = make_client(confidential=True)
    for stored in ("", "sha256", "sha256$", "sha256$$", "plain", digest("x").replace("sha256", "md5")):
        ClientSecret.objects.filter(application=client).update(digest=stored)
        for shown in ("", "plain", "x"):
            assert not verify(client, shown)


def test_the_last_use_is_noted_to_the_minute_and_not_at_each_call() -> None:
    client, _ = make_client(confidential=True)
    secret = add_secret(client, "second")
    verify(client, secret)
    first = ClientSecret.objects.get(description="second").last_used
    verify(client, secret)
    assert ClientSecret.objects.get(description="second").last_used == first
    assert ClientSecret.objects.exclude(description="second").get().last_used is None
    ClientSecret.objects.update(last_used=timezone.now() - timedelta(minutes=2))
    verify(client, secret)
    assert timezone.now() - ClientSecret.objects.get(description="second").last_used < timedelta(minutes=1)  # type: ignore[operator]

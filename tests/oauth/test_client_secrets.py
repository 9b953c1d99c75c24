"""Clients' secrets: random, shown once, kept as digests."""

from datetime import timedelta

import pytest
from django.utils import timezone

from oauth.clients.secrets import add_secret, digest, generate, slow_digest, verify
from oauth.models import Application, ClientSecret
from tests.oauth.flow import basic, make_client
from tests.oauth.services import post

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


def answers(client: Application, *secrets: str) -> list[int]:
    """The status of a question at the introspection endpoint, proven with each of the secrets."""
    return [
        post(
            "/oauth/introspect", {"token": "x"}, {"Authorization": basic(client.client_id, secret)}
        ).status_code
        for secret in secrets
    ]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1")
def test_two_secrets_overlap_and_each_is_refused_at_the_first_request_out_of_its_time() -> None:
    client, first = make_client(confidential=True, introspection="own")
    now = timezone.now()
    second = add_secret(client, "second")
    later = add_secret(client, "later", starts=now + timedelta(hours=1), ends=now + timedelta(hours=2))
    assert answers(client, first, second, later) == [200, 200, 401]
    ClientSecret.objects.filter(description="").update(ends=timezone.now())
    ClientSecret.objects.filter(description="later").update(starts=now)
    assert answers(client, first, second, later) == [401, 200, 200]


def test_staff_see_when_each_secret_was_last_used_at_an_endpoint() -> None:
    client, first = make_client(confidential=True, introspection="own")
    second = add_secret(client, "second")

    def used() -> set[str]:
        return set(ClientSecret.objects.exclude(last_used=None).values_list("description", flat=True))

    assert answers(client, "wrong") == [401]
    assert used() == set()
    assert answers(client, second, second) == [200, 200]
    assert used() == {"second"}
    assert answers(client, first) == [200]
    assert used() == {"", "second"}


def test_a_client_that_changes_to_keys_opens_nothing_with_its_old_secrets() -> None:
    client, secret = make_client(confidential=True, introspection="own")
    assert answers(client, secret) == [200]
    Application.objects.filter(pk=client.pk).update(token_endpoint_auth_method="private_key_jwt")
    assert answers(client, secret) == [401]


def test_a_secret_that_somebody_chose_is_kept_under_a_slow_digest() -> None:
    client, _ = make_client(confidential=True)
    stored = slow_digest("correct horse")
    assert stored.startswith("scrypt$")
    assert stored != slow_digest("correct horse")
    assert len(stored) <= 128
    ClientSecret.objects.filter(application=client).update(digest=stored)
    assert verify(client, "correct horse")
    for wrong in ("correct horse ", "", stored):
        assert not verify(client, wrong)

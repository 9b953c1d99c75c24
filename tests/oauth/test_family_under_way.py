"""A family of tokens dies whole, also while one of its tokens is being exchanged for the next."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from oauth.models import AccessToken, Application, Consent, RefreshToken
from oauth.tokens import issuing
from oauth.tokens.revocation import revoke_all, withdraw
from tests.oauth.flow import make_client, make_user, run_authorization_code

LIMIT = timedelta(seconds=30)
ENDS: dict[str, Callable[[RefreshToken], Any]] = {
    "the family": lambda token: issuing.kill_family(token.token_family),
    "the client's tokens": lambda token: revoke_all(application=token.application),
    "the person's tokens": lambda token: revoke_all(user=token.user),
    "a withdrawal": lambda token: withdraw(token.user, token.application),
    "the client": lambda token: Application.objects.update(status="suspended"),
    "the person": lambda token: User.objects.update(is_active=False),
    "the consent": lambda token: Consent.objects.update(withdrawn=timezone.now()),
}


def somebody_waits() -> bool:
    """Whether a statement on this database waits for somebody else's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        (waiting,) = cursor.fetchone()
    return bool(waiting)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("RFC 9700 section 4.14.2")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_tokens_during_a_refresh_takes_the_new_ones_with_it(
    end: Callable[[RefreshToken], Any],
) -> None:
    client, secret = make_client()
    run_authorization_code(client, make_user("Patient/p1"), "openid patient/*.rs offline_access", secret)
    living = RefreshToken.objects.select_related("application").get()

    def kill() -> None:
        try:
            end(living)
        finally:
            connection.close()

    killer = threading.Thread(target=kill)
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 300, "scope": "openid"}
    latest = timezone.now() + LIMIT
    with transaction.atomic():
        issuing.rotate(living, token, uuid.uuid4().hex, "kid")
        killer.start()
        while not somebody_waits():
            assert timezone.now() < latest, "The end of the family should wait for the refresh."
    killer.join()
    assert RefreshToken.objects.count() == AccessToken.objects.count() == 2
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 0
    assert AccessToken.objects.filter(revoked__isnull=True).count() == 0


@pytest.mark.django_db
def test_tokens_without_a_family_do_not_die_with_one_another() -> None:
    client, secret = make_client()
    run_authorization_code(client, make_user("Patient/p1"), "openid patient/*.rs offline_access", secret)
    RefreshToken.objects.update(token_family=None)
    issuing.kill_family(None)
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 1

"""manage.py clear_expired: what has run out goes, what is still needed stays."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from fhir.export.models import ExportJob
from launch.models import LaunchContext
from oauth.models import (
    AccessToken,
    Application,
    AuthorizationRequest,
    ClientAssertionJti,
    Grant,
    RefreshToken,
)
from oauth.tokens import clearing
from oauth.tokens.checksum import token_checksum
from oauth.tokens.issuing import find_code, find_refresh_token
from tests.fhir.serving import database_url
from tests.oauth.issuing import make_client, make_user

pytestmark = pytest.mark.django_db
LONG_AGO, SOON = timedelta(days=-30), timedelta(days=30)
REUSE = pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2")


def at(delta: timedelta) -> datetime:
    """A moment, counted from now."""
    return timezone.now() + delta


@pytest.fixture
def client() -> Application:
    """The client of all that is made here."""
    return make_client()


@pytest.fixture
def user() -> User:
    """The person of all that is made here."""
    return make_user()


class Shelf:
    """Makes rows of one client and person; each takes the fields that a test is about."""

    def __init__(self, client: Application, user: User) -> None:
        self.of: dict[str, Any] = {"application": client, "user": user}

    def launch(self, expires: timedelta = LONG_AGO, **fields: Any) -> LaunchContext:
        """A launch context."""
        made: LaunchContext = LaunchContext.objects.create(expires=at(expires), **self.of, **fields)
        return made

    def request(self, expires: timedelta, **fields: Any) -> AuthorizationRequest:
        """An authorization request."""
        made: AuthorizationRequest = AuthorizationRequest.objects.create(
            parameters={}, expires=at(expires), **self.of, **fields
        )
        return made

    def code(self, text: str, expires: timedelta = LONG_AGO, **fields: Any) -> Grant:
        """An authorization code."""
        made: Grant = Grant.objects.create(
            code=token_checksum(text), expires=at(expires), **self.of, **fields
        )
        return made

    def access(self, expires: timedelta, **fields: Any) -> AccessToken:
        """An access token."""
        row: AccessToken = AccessToken(expires=at(expires), jti=secrets.token_hex(8), **self.of, **fields)
        row._raw_token = secrets.token_hex(16)
        row.save()
        return row

    def refresh(self, expires: timedelta, text: str = "", **fields: Any) -> RefreshToken:
        """A refresh token."""
        row: RefreshToken = RefreshToken(expires=at(expires), **self.of, **fields)
        row._raw_token = text or secrets.token_hex(16)
        row.save()
        return row


@pytest.fixture
def shelf(client: Application, user: User) -> Shelf:
    """See Shelf."""
    return Shelf(client, user)


def run(*words: str) -> dict[str, int]:
    """How many of each kind the command says it has removed."""
    out = StringIO()
    call_command("clear_expired", *words, stdout=out)
    rows = [line.removesuffix(" removed").rsplit(maxsplit=1) for line in out.getvalue().splitlines()]
    return {name: int(count.replace(",", "")) for name, count in rows}


def test_what_ran_out_some_days_ago_goes_and_the_rest_stays(shelf: Shelf) -> None:
    for delta in (LONG_AGO, timedelta(days=-1), SOON):
        shelf.launch(delta)
        shelf.request(delta)
        shelf.code(secrets.token_hex(), delta)
        shelf.access(delta)
        shelf.refresh(delta)
    kinds = ["authorization requests", "access tokens", "refresh tokens", "codes", "launch contexts"]
    found = run()
    assert [found[kind] for kind in kinds] == [1] * 5
    models = (AuthorizationRequest, AccessToken, RefreshToken, Grant, LaunchContext)
    assert [model.objects.count() for model in models] == [2] * 5
    found = run("--days", "0")
    assert [found[kind] for kind in kinds] == [1] * 5
    assert [model.objects.count() for model in models] == [1] * 5
    assert set(run("--days", "0").values()) == {0}


@REUSE
def test_a_spent_refresh_token_stays_and_kills_its_family_as_long_as_that_lives(
    shelf: Shelf, client: Application
) -> None:
    family = uuid.uuid4()
    shelf.refresh(SOON, "spent", token_family=family, revoked=at(LONG_AGO))
    living = shelf.refresh(SOON, token_family=family)
    assert run()["refresh tokens"] == 0
    assert find_refresh_token("spent", client) is None
    living.refresh_from_db()
    assert living.revoked is not None


@REUSE
def test_a_spent_refresh_token_tells_of_theft_even_when_it_has_run_out(
    shelf: Shelf, client: Application
) -> None:
    """Its owner was away for months, and somebody else has refreshed since."""
    family = uuid.uuid4()
    shelf.refresh(LONG_AGO, "spent", token_family=family, revoked=at(LONG_AGO))
    shelf.refresh(LONG_AGO, "unspent", token_family=family)
    living = shelf.refresh(SOON, token_family=family)
    assert run()["refresh tokens"] == 0
    assert find_refresh_token("unspent", client) is None
    assert RefreshToken.objects.get(pk=living.pk).revoked is None
    assert find_refresh_token("spent", client) is None
    living.refresh_from_db()
    assert living.revoked is not None
    RefreshToken.objects.filter(pk=living.pk).update(revoked=at(LONG_AGO))
    assert run()["refresh tokens"] == 3


@REUSE
def test_a_spent_code_stays_and_kills_its_family_as_long_as_that_lives(
    shelf: Shelf, client: Application
) -> None:
    family = uuid.uuid4()
    shelf.code("spent", token_family=family, used=at(LONG_AGO))
    living = shelf.refresh(SOON, token_family=family)
    assert run()["codes"] == 0
    assert find_code("spent", client) is None
    living.refresh_from_db()
    assert living.revoked is not None


@pytest.mark.parametrize("survivor", ["access", "refresh", "code"])
def test_a_family_goes_once_nothing_of_it_is_alive(shelf: Shelf, survivor: str) -> None:
    family = uuid.uuid4()
    shelf.code("spent", token_family=family, used=at(LONG_AGO))
    shelf.refresh(SOON, token_family=family, revoked=at(LONG_AGO))
    make: dict[str, Callable[[], Any]] = {
        "access": lambda: shelf.access(SOON, token_family=family),
        "refresh": lambda: shelf.refresh(SOON, token_family=family),
        "code": lambda: shelf.code("other", SOON, token_family=family),
    }
    living = make[survivor]()
    found = run()
    assert (found["codes"], found["refresh tokens"]) == (0, 0)
    field = "used" if survivor == "code" else "revoked"
    type(living).objects.filter(pk=living.pk).update(**{field: timezone.now()})
    found = run()
    assert (found["codes"], found["refresh tokens"]) == (1, 1)


def test_families_do_not_keep_each_other(shelf: Shelf) -> None:
    shelf.refresh(SOON, token_family=uuid.uuid4())
    shelf.refresh(SOON, token_family=uuid.uuid4(), revoked=at(LONG_AGO))
    shelf.refresh(SOON, revoked=at(LONG_AGO))
    assert run()["refresh tokens"] == 2


def test_a_refresh_token_outlives_the_access_token_beside_it(shelf: Shelf, client: Application) -> None:
    shelf.refresh(SOON, "living", access_token=shelf.access(LONG_AGO), launch_context=shelf.launch())
    assert run()["access tokens"] == 1
    assert find_refresh_token("living", client) is not None


@pytest.mark.parametrize("holder", ["request", "code", "access", "refresh"])
def test_a_launch_context_stays_as_long_as_something_points_at_it(shelf: Shelf, holder: str) -> None:
    context = shelf.launch()
    words = ["it"] if holder == "code" else []
    row: Any = getattr(shelf, holder)(*words, expires=SOON, launch_context=context)
    assert run()["launch contexts"] == 0
    row.refresh_from_db()
    assert row.launch_context == context
    row._meta.model.objects.filter(pk=row.pk).update(expires=at(LONG_AGO))
    assert run()["launch contexts"] == 1
    assert not LaunchContext.objects.exists()


def test_an_access_token_stays_as_long_as_the_export_that_it_started(shelf: Shelf, tmp_path: Path) -> None:
    token = shelf.access(LONG_AGO)
    job = ExportJob.objects.create(
        id="a", ticket=f"{token.token_checksum}.kid", created=0, beat=0, expires=2**62, state="complete"
    )
    with override_settings(EXPORT_DIRECTORY=tmp_path):
        found = run()
        assert (found["access tokens"], found["exports"]) == (0, 0)
        ExportJob.objects.filter(pk=job.pk).update(expires=1)
        assert run()["exports"] == 1
        assert run()["access tokens"] == 1


def test_sessions_that_are_over_go(client: Application, user: User) -> None:
    for name, delta in {"a": LONG_AGO, "b": SOON}.items():
        Session.objects.create(session_key=name, session_data="", expire_date=at(delta))
    assert run()["sessions"] == 1
    assert Session.objects.get().session_key == "b"


def test_assertions_that_are_refused_by_their_time_go(client: Application) -> None:
    for name, delta in {"a": LONG_AGO, "b": SOON}.items():
        ClientAssertionJti.objects.create(application=client, digest=name, expires=at(delta))
    assert run()["client assertions"] == 1


def test_more_than_a_batch_goes_and_no_row_is_skipped(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "BATCH", 3)
    for delta in [LONG_AGO, SOON] * 7:
        shelf.request(delta)
    assert run()["authorization requests"] == 7
    assert AuthorizationRequest.objects.count() == 7


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_what_others_hold_is_left_to_the_next_run(shelf: Shelf) -> None:
    held, free = shelf.launch(), shelf.launch()
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT 1 FROM launch_launchcontext WHERE id = %s FOR KEY SHARE", (held.pk,))
        assert run()["launch contexts"] == 1
        assert not LaunchContext.objects.filter(pk=free.pk).exists()
    assert run()["launch contexts"] == 1

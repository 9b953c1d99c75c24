"""The end of a token reaches every worker at once, and outlives those that are killed; on PostgreSQL.

Two worker processes have each served the token before. Revocations come from a third, or over one of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from oauth.models import AccessToken, Application, RefreshToken
from tests.fhir.serving import Reply, Server, at_once, serving, until
from tests.oauth.console import act
from tests.oauth.doors import World, credentials, make_world
from tests.oauth.foreign import other_issuer
from tests.oauth.test_token_ends import change_own_password, fresh_rate_limits  # noqa: F401  # a fixture

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("ends"),
]
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
READS = 24


@pytest.fixture(scope="module")
def granian(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """One server for all of these tests."""
    with django_db_blocker.unblock(), serving() as server:
        yield server


@pytest.fixture
def world(granian: Server, transactional_db: None) -> World:
    """Tokens that live by a session."""
    return make_world("openid fhirUser patient/*.rs online_access")


def post(server: Server, path: str, form: dict[str, str], world: World) -> Reply:
    """A form, sent by the app."""
    headers = FORM | credentials(world.flow)
    return server.send("POST", path, urlencode(form).encode(), **headers)


def read_by(server: Server, world: World) -> Callable[[int], int]:
    """One read on a connection of its own, so that both workers get some of many."""
    authorization = f"Bearer {world.tokens['access_token']}"
    return lambda _: server.send("GET", "Patient/p1", Authorization=authorization).status


def reads(server: Server, world: World) -> set[int]:
    """What many reads at once are answered."""
    return set(at_once(READS, read_by(server, world)))


def revoke_by_client(server: Server, world: World) -> None:
    form = {"token": world.tokens["access_token"]}
    assert post(server, "/oauth/revoke", form, world).status == 200


def revoke_refresh_token(server: Server, world: World) -> None:
    form = {"token": world.tokens["refresh_token"]}
    assert post(server, "/oauth/revoke", form, world).status == 200


def take_back(server: Server, world: World) -> None:
    form = {"client_id": world.client.client_id}
    assert world.flow.browser.post("/oauth/manage/revoke", form).status_code == 302


def staff() -> Browser:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root"))
    return browser


def revoke_by_staff(server: Server, world: World) -> None:
    token = AccessToken.objects.get(application=world.client)
    act(staff(), "accesstoken", "revoke_selected", token.pk)


def suspend_by_staff(server: Server, world: World) -> None:
    act(staff(), "application", "suspend", world.client.pk)


def sign_out(server: Server, world: World) -> None:
    assert world.flow.browser.post("/accounts/logout/").status_code == 302


def new_password(server: Server, world: World) -> None:
    change_own_password(world.flow.browser)


ENDS = [
    revoke_by_client,
    revoke_refresh_token,
    take_back,
    revoke_by_staff,
    suspend_by_staff,
    sign_out,
    new_password,
]


@pytest.mark.requirement("CONTRACT: revocation stops reads within one second, in every worker process")
@pytest.mark.parametrize("end", ENDS)
def test_an_end_stops_reads_in_every_worker_at_once(
    granian: Server, world: World, end: Callable[[Server, World], None]
) -> None:
    assert len(granian.workers()) == 2
    assert reads(granian, world) == {200}
    end(granian, world)
    assert reads(granian, world) == {401}


@pytest.mark.requirement("CONTRACT: revocation stops reads within one second, in every worker process")
def test_an_issuer_that_is_switched_off_ends_its_tokens_in_every_worker_for_good(
    granian: Server, world: World
) -> None:
    other = other_issuer()
    authorization = f"Bearer {other.token(patient='p1')}"

    def read(_: int) -> int:
        return granian.send("GET", "Patient/p1", Authorization=authorization).status

    assert set(at_once(READS, read)) == {200}
    other.change(active=False)
    assert set(at_once(READS, read)) == {401}
    other.change(active=True)
    assert set(at_once(READS, read)) == {401}


@pytest.mark.requirement("CONTRACT: revocation stops reads within one second, in every worker process")
def test_reads_under_way_at_the_moment_of_a_revocation_end_within_a_second(
    granian: Server, world: World
) -> None:
    """Readers go on until they are refused; none is served later than a second after the answer."""
    assert reads(granian, world) == {200}
    read = read_by(granian, world)
    answered: list[Any] = []

    def work(number: int) -> list[Any]:
        if number == 0:
            revoke_by_client(granian, world)
            answered.append(timezone.now())
            return []
        served = []
        while read(number) == 200:
            served.append(timezone.now())
        return served

    served = [moment for each in at_once(5, work) for moment in each]
    assert all(moment - answered[0] < timedelta(seconds=1) for moment in served)
    assert reads(granian, world) == {401}


@pytest.mark.requirement("CONTRACT: revocation survives a restart")
def test_what_ended_stays_so_when_workers_are_killed_and_what_lives_ends_in_the_new_ones(
    granian: Server, world: World
) -> None:
    living = make_world("openid fhirUser patient/*.rs offline_access", username="somebody-else")
    assert reads(granian, world) == reads(granian, living) == {200}
    revoke_by_client(granian, world)
    kill_workers(granian)
    assert until(lambda: _answers(granian, world), "an answer") == {401}
    assert reads(granian, living) == {200}
    revoke_by_client(granian, living)
    assert reads(granian, living) == {401}


def kill_workers(server: Server) -> None:
    """All workers are killed, and others are there in their place."""
    before = server.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(server.workers()) - set(before)) == 2, "new workers")
    until(server.is_ready, "new workers that answer")


def _answers(server: Server, world: World) -> set[int]:
    """Nothing as long as a worker is not there yet."""
    try:
        return reads(server, world)
    except OSError:
        return set()


@pytest.mark.requirement("CONTRACT: of N parallel refreshes exactly one succeeds")
def test_of_parallel_refreshes_at_real_workers_exactly_one_succeeds_and_its_family_lives(
    granian: Server, world: World
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": world.tokens["refresh_token"]}
    replies = at_once(8, lambda _: post(granian, "/oauth/token", form, world))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 7
    assert {reply.json()["error"] for reply in replies if reply.status == 400} == {"invalid_grant"}
    (won,) = (reply.json() for reply in replies if reply.status == 200)
    assert RefreshToken.objects.filter(application=world.client, revoked=None).count() == 1
    world.tokens = won
    assert reads(granian, world) == {200}
    assert post(granian, "/oauth/token", form | {"refresh_token": won["refresh_token"]}, world).status == 200


def suspend_for_a_moment(world: World) -> None:
    """In a thread of its own, which has a connection of its own."""
    try:
        for status in ("suspended", "live"):
            Application.objects.filter(pk=world.client.pk).update(status=status)
    finally:
        connection.close()


@pytest.mark.requirement("CONTRACT: dead stays dead")
def test_suspending_and_reviving_a_client_among_refreshes_leaves_no_living_token(
    granian: Server, world: World
) -> None:
    """Each refresh is either dead with the suspension, or was refused; none slips through in between."""

    def work(number: int) -> None:
        if number == 0:
            suspend_for_a_moment(world)
            return
        form = {"grant_type": "refresh_token", "refresh_token": world.tokens["refresh_token"]}
        reply = post(granian, "/oauth/token", form, world)
        assert reply.status in (200, 400, 401), reply.body

    at_once(4, work)
    for model in (AccessToken, RefreshToken):
        assert not model.objects.filter(application=world.client, revoked=None).exists()

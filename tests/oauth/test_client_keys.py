"""Keys from a client's `jwks_uri`: fetched when needed, kept as long as its answer says, and no longer."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from oauth.clients import keys as client_keys
from oauth.clients.keys import (
    LONGEST_AGE,
    REFETCH_AFTER,
    RETRY_AFTER,
    UNSTATED_AGE,
    KeysUnavailable,
    key_set_of,
)
from oauth.guarded_fetch import FetchError
from oauth.models import FetchedKeySet
from tests.oauth.jwks_host import Host, jwks_host
from tests.oauth.references import description_of
from tests.oauth.services import Service, ec_key, jwk_of, jwks_of, make_service, rsa_key

pytestmark = pytest.mark.django_db
ASYMMETRIC = "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"


@pytest.fixture
def host(settings: Settings) -> Iterator[Host]:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with jwks_host() as running:
        running.body = jwks_of(jwk_of(ec_key(), "first")).encode()
        yield running


@pytest.fixture
def service(host: Host) -> Service:
    return make_service(client_jwks="", client_jwks_uri=host.url)


class Clock:
    """The time as the module sees it; the test moves it."""

    def __init__(self) -> None:
        self.time = timezone.now()

    def now(self) -> datetime:
        """The time."""
        return self.time

    def pass_by(self, time: timedelta) -> None:
        """Let this much time go by."""
        self.time += time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(client_keys, "timezone", clock)
    return clock


def status(service: Service, **changes: Any) -> int:
    return int(service.ask_token(**service.proof(**changes)).status_code)


@pytest.mark.requirement("SMART-338")
@pytest.mark.requirement("SMART-339")
@pytest.mark.requirement("SMART-342")
@pytest.mark.requirement(f"{ASYMMETRIC}#registering-a-client-communicating-public-keys")
def test_a_client_proves_itself_by_a_key_that_it_publishes(service: Service, host: Host) -> None:
    assert status(service) == 200
    assert status(service, headers={"jku": host.url}) == 200
    assert host.seen == ["/jwks.json"]


@pytest.mark.requirement("SMART-338")
@pytest.mark.requirement(f"{ASYMMETRIC}#signature-verification")
def test_another_jku_is_refused_and_never_fetched(service: Service, host: Host) -> None:
    assert status(service, headers={"jku": f"{host.url}?x"}) == 401
    assert host.seen == []


@pytest.mark.requirement("SMART-341")
@pytest.mark.requirement("SMART-342")
@pytest.mark.requirement(f"{ASYMMETRIC}#response")
@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"Cache-Control": "max-age=100"}, timedelta(seconds=100)),
        ({"Cache-Control": "max-age=604800"}, LONGEST_AGE),
        ({"Cache-Control": "max-age=100", "Age": "40"}, timedelta(seconds=60)),
        ({}, UNSTATED_AGE),
    ],
)
def test_a_fetched_set_is_kept_as_long_as_its_answer_says_and_no_longer(
    service: Service, host: Host, clock: Clock, headers: dict[str, str], kept: timedelta
) -> None:
    host.headers = headers
    key_set_of(service.application, "first")
    clock.pass_by(kept - timedelta(seconds=1))
    key_set_of(service.application, "first")
    assert len(host.seen) == 1
    clock.pass_by(timedelta(seconds=1))
    key_set_of(service.application, "first")
    assert len(host.seen) == 2


@pytest.mark.requirement("SMART-341")
@pytest.mark.requirement(f"{ASYMMETRIC}#response")
@pytest.mark.parametrize("directive", ["no-store", "no-cache", "max-age=0"])
def test_a_set_that_may_not_be_kept_is_fetched_each_time(
    service: Service, host: Host, directive: str
) -> None:
    host.headers = {"Cache-Control": directive}
    assert [status(service), status(service)] == [200, 200]
    assert len(host.seen) == 2


def test_a_key_that_was_added_is_found_at_once_and_made_up_ones_are_looked_for_seldom(
    service: Service, host: Host, clock: Clock
) -> None:
    key_set_of(service.application, "first")
    clock.pass_by(REFETCH_AFTER)
    host.body = jwks_of(jwk_of(ec_key(), "first"), jwk_of(ec_key(1), "second")).encode()
    assert key_set_of(service.application, "second").knows("second")
    for name in ("x", "y", "z"):
        assert not key_set_of(service.application, name).knows(name)
    assert len(host.seen) == 2
    clock.pass_by(REFETCH_AFTER)
    key_set_of(service.application, "x")
    assert len(host.seen) == 3


@pytest.mark.requirement("SMART-341")
@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_an_app_that_changes_its_keys_proves_itself_by_the_new_one_before_the_old_set_has_run_out(
    service: Service, host: Host, clock: Clock, alg: str
) -> None:
    assert status(service) == 200
    clock.pass_by(REFETCH_AFTER)
    second = ec_key(1) if alg == "ES384" else rsa_key(1)
    host.body = jwks_of(jwk_of(ec_key(), "first"), jwk_of(second, "second")).encode()
    service.private, service.kid, service.alg = second, "second", alg
    assert [status(service), status(service)] == [200, 200]
    assert len(host.seen) == 2
    unknown = service.ask_token(**service.proof(headers={"kid": "third"}))
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")
    assert description_of(unknown) == "No registered key has this kid."


def test_a_key_that_was_taken_away_is_forgotten_when_the_time_is_over(
    service: Service, host: Host, clock: Clock
) -> None:
    assert key_set_of(service.application, "first").knows("first")
    host.body = jwks_of(jwk_of(ec_key(1), "second")).encode()
    clock.pass_by(UNSTATED_AGE)
    assert not key_set_of(service.application, "first").knows("first")


FAILURES: dict[str, dict[str, Any]] = {
    "an error": {"status": 500},
    "a redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
    "no JSON": {"body": b"<html>"},
    "no UTF-8": {"body": b"\xff\xfe"},
    "no key set": {"body": b'{"key":[]}'},
    "a private key": {"body": jwks_of(jwk_of(ec_key(), "first", d="AQAB")).encode()},
    "too much": {"body": b" " * 200_000},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_refused_in_words_that_tell_nothing_of_our_network(
    service: Service, host: Host, failure: str
) -> None:
    for name, value in FAILURES[failure].items():
        setattr(host, name, value)
    answer = service.ask_token()
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    words = "The key set at the registered jwks_uri could not be fetched, or is no JWK Set."
    assert description_of(answer) == words
    assert FetchedKeySet.objects.get().failure


def test_after_a_failure_nobody_tries_again_for_a_while(service: Service, host: Host, clock: Clock) -> None:
    host.status = 500
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            key_set_of(service.application, "first")
    assert len(host.seen) == 1
    host.status = 200
    clock.pass_by(RETRY_AFTER)
    assert key_set_of(service.application, "first").knows("first")
    assert FetchedKeySet.objects.get().failure == ""


def test_a_failure_leaves_what_is_known_until_its_time_is_over_and_no_longer(
    service: Service, host: Host, clock: Clock
) -> None:
    key_set_of(service.application, "first")
    host.status = 500
    clock.pass_by(REFETCH_AFTER)
    assert key_set_of(service.application, "unknown").knows("first")
    assert len(host.seen) == 2
    clock.pass_by(UNSTATED_AGE - REFETCH_AFTER)
    with pytest.raises(KeysUnavailable):
        key_set_of(service.application, "first")


def test_a_client_without_keys_has_none() -> None:
    service = make_service(client_jwks="")
    with pytest.raises(KeysUnavailable, match="no registered key"):
        key_set_of(service.application, "first")


def test_what_the_settings_forbid_is_not_fetched(service: Service, host: Host, settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    assert status(service) == 401
    assert host.seen == []


@pytest.mark.django_db(transaction=True)
def test_requests_that_come_together_are_served_by_one_fetch(
    service: Service, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_keys, "WAIT_SECONDS", 20.0)
    arrived = threading.Barrier(3)
    found: list[bool] = []

    def ask() -> None:
        try:
            arrived.wait(10)
            found.append(key_set_of(service.application, "first").knows("first"))
        finally:
            connection.close()

    # Long enough for the others to come and see that one is fetching.
    host.before = lambda: threading.Event().wait(0.5)
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 3
    assert len(host.seen) == 1


def test_a_request_does_not_wait_for_ever_for_another_ones_fetch(
    service: Service, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_keys, "WAIT_SECONDS", 0.01)
    lock = client_keys._fetching.setdefault(host.url, threading.Lock())
    with lock, pytest.raises(KeysUnavailable, match="try again"):
        key_set_of(service.application, "first")
    assert host.seen == []


def test_the_log_says_what_the_client_is_not_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(url: str) -> None:
        raise FetchError("The host's address 10.0.0.1 is not a public one.")

    monkeypatch.setattr(client_keys, "fetch", fail)
    assert "10.0.0.1" not in service.ask_token().content.decode()
    assert "10.0.0.1" in caplog.text

"""Issuers that are found by discovery, and issuers that are asked about their tokens."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth.clients import keys as client_keys
from oauth.foreign import access as foreign_access
from oauth.foreign import introspection as foreign_introspection
from oauth.foreign import issuer_metadata
from oauth.foreign.issuer_metadata import addresses
from oauth.models import FetchedKeySet, TrustedIssuer
from tests.oauth.foreign import Other, Server, other_server, p256, refusal_of, send
from tests.oauth.issuing import issue, make_key, make_user
from tests.oauth.services import jwk_of, jwks_of

pytestmark = pytest.mark.django_db

RFC_7662 = "https://www.rfc-editor.org/rfc/rfc7662#section-2"
DISCOVERY = "https://openid.net/specs/openid-connect-discovery-1_0.html"
UNKNOWN = (503, "", "The token's issuer cannot be asked about it now; please try again.")
NO_KEYS = (503, "", "The keys of the token's issuer cannot be had now; please try again.")


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with other_server() as running:
        yield running


@pytest.fixture
def patient() -> None:
    token = issue(make_key(), make_user("Practitioner/keeper"), scope="user/*.cruds").token
    for each in ("a", "b"):
        body = {"resourceType": "Patient", "id": each}
        assert send(token, "PUT", f"Patient/{each}", body).status_code == 201


@pytest.fixture
def asked(server: Server, patient: None) -> Other:
    return server.registered(checking=TrustedIssuer.Checking.INTROSPECTION)


class Clock:
    """The monotonic clock as the modules see it; the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.monotonic
        for module in (foreign_access, foreign_introspection, issuer_metadata):
            monkeypatch.setattr(module.time, "monotonic", lambda: real() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def status(token: str) -> int:
    return int(send(token, "GET", "Patient/a").status_code)


@pytest.mark.requirement(f"{DISCOVERY}#ProviderConfig")
def test_the_keys_are_where_the_issuers_metadata_say(server: Server, patient: None) -> None:
    other = server.registered()
    assert [status(other.token(patient=each)) for each in ("a", "a", "b")] == [200, 200, 404]
    assert server.seen == ["GET /.well-known/openid-configuration", "GET /jwks"]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8414#section-3.1")
def test_metadata_are_looked_for_where_either_specification_puts_them() -> None:
    assert addresses("https://login.example.org/realms/x/") == (
        "https://login.example.org/realms/x/.well-known/openid-configuration",
        "https://login.example.org/.well-known/oauth-authorization-server/realms/x",
    )


FALSE: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "http://127.0.0.1:1"},
    "the issuer with a slash": {"issuer": "SAME/"},
    "no issuer": {"issuer": None},
    "no keys": {"jwks_uri": None},
    "keys at no address": {"jwks_uri": ["x"]},
    "keys by another scheme": {"jwks_uri": "file:///etc/passwd"},
}


@pytest.mark.requirement(f"{DISCOVERY}#ProviderConfigurationValidation")
@pytest.mark.parametrize("changes", FALSE.values(), ids=FALSE)
def test_metadata_that_are_not_the_issuers_own_open_nothing(server: Server, changes: dict[str, Any]) -> None:
    other = server.registered()
    if changes.get("issuer") == "SAME/":
        changes = {"issuer": f"{server.url}/"}
    changed = {**server.metadata, **changes}
    server.metadata = {name: value for name, value in changed.items() if value is not None}
    assert refusal_of(other.token(patient="a")) == NO_KEYS
    assert "GET /jwks" not in server.seen


def test_metadata_are_kept_as_long_as_they_say_and_a_failure_for_seconds(
    server: Server, patient: None, clock: Clock
) -> None:
    path = "/.well-known/openid-configuration"
    other = server.registered()
    server.status = 500
    assert [status(other.token(patient="a")) for _ in range(3)] == [503] * 3
    assert server.times(path) == 1
    server.status, server.headers = 200, {"Cache-Control": "max-age=900"}
    clock.ahead += issuer_metadata.RETRY_AFTER
    FetchedKeySet.objects.all().delete()
    assert status(other.token(patient="a")) == 200
    clock.ahead += 899
    assert status(other.token(patient="a", jti="2")) == 200
    assert server.times(path) == 2
    clock.ahead += 2
    assert status(other.token(patient="a", jti="3")) == 200
    assert server.times(path) == 3


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7517#section-4.5")
def test_an_unknown_kid_is_looked_for_and_seldom(
    server: Server, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = server.registered(keys=TrustedIssuer.Keys.JWKS_URI, jwks_uri=f"{server.url}/jwks")
    assert status(other.token(patient="a")) == 200
    server.jwks = jwks_of(jwk_of(p256(), "k1"), jwk_of(p256(1), "k2"))
    later = timezone.now() + client_keys.REFETCH_AFTER
    monkeypatch.setattr(client_keys, "timezone", type("Later", (), {"now": staticmethod(lambda: later)}))
    assert status(other.token({"kid": "k2"}, key=p256(1), patient="a")) == 200
    for kid in ("x", "y", "z"):
        assert refusal_of(other.token({"kid": kid}))[2] == "The token's issuer has no key with this kid."
    assert server.seen == ["GET /jwks", "GET /jwks"]


def test_a_published_set_with_a_private_key_is_not_believed(server: Server) -> None:
    server.jwks = jwks_of(jwk_of(p256(), "k1", d="AQAB"))
    assert refusal_of(server.registered().token(patient="a")) == NO_KEYS


def test_addresses_inside_our_network_are_not_asked(server: Server, settings: Settings) -> None:
    other = server.registered(checking=TrustedIssuer.Checking.INTROSPECTION)
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    assert refusal_of(other.token(patient="a"))[0] == 503
    assert server.seen == []


@pytest.mark.requirement(RFC_7662)
def test_the_issuer_is_asked_with_our_credentials_and_each_second_at_most(
    server: Server, asked: Other, clock: Clock
) -> None:
    token = asked.token(patient="a")
    assert [status(token) for _ in range(5)] == [200] * 5
    assert server.asked == [{"token": token, "token_type_hint": "access_token"}]
    clock.ahead += 1
    assert status(token) == 200
    assert len(server.asked) == 2


@pytest.mark.requirement(RFC_7662)
def test_a_token_that_its_issuer_calls_inactive_stops_within_a_second(
    server: Server, asked: Other, clock: Clock
) -> None:
    token = asked.token(patient="a")
    assert status(token) == 200
    server.answer = {"active": False}
    clock.ahead += 1
    code, challenge, words = refusal_of(token)
    assert (code, words) == (401, "The token's issuer says that it is not active.")
    assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize("answer", [{}, {"active": "true"}, {"active": 1}, {"active": None}])
def test_only_true_is_active(server: Server, asked: Other, answer: Any) -> None:
    server.answer = answer
    assert refusal_of(asked.token(patient="a"))[0] == 401


def test_no_signature_is_forgiven_because_the_issuer_says_yes(server: Server, asked: Other) -> None:
    assert "signature" in refusal_of(asked.token(key=p256(1), patient="a"))[2]
    assert server.asked == []


OTHERS: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://elsewhere.example.org"},
    "subject": {"sub": "somebody-else"},
    "client": {"client_id": "another-app"},
    "patient": {"patient": "b"},
    "person": {"fhirUser": "Practitioner/p"},
}


@pytest.mark.parametrize("said", OTHERS.values(), ids=OTHERS)
def test_an_answer_about_another_token_is_not_taken(
    server: Server, asked: Other, said: dict[str, Any]
) -> None:
    server.answer = {"active": True, **said}
    code, _, words = refusal_of(asked.token(patient="a"))
    assert (code, words) == (401, "What the token's issuer says of it now differs from what the token says.")


def test_an_answer_may_say_less_than_the_token_and_never_more(server: Server, asked: Other) -> None:
    server.answer = {"active": True, "scope": "patient/Patient.r user/*.cruds", "exp": int(time.time()) + 30}
    token = asked.token(patient="a", scope="patient/*.rs")
    assert [send(token, "GET", path).status_code for path in ("Patient/a", "Observation")] == [200, 403]
    server.answer = {"active": True, "exp": 1_000_000_000}
    assert "as its issuer says" in refusal_of(asked.token(patient="a", jti="2"))[2]


@pytest.mark.requirement(RFC_7662)
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"exp": 1_000_000_000.5}, "as its issuer says"),
        ({"exp": "9999999999"}, "exp must be a number"),
        ({"aud": ["https://elsewhere.example.org/fhir"]}, "its aud does not name this server"),
        ({"cnf": {"jkt": "x"}}, "bound to a key (cnf)"),
    ],
)
def test_an_active_token_that_is_over_for_others_or_bound_by_the_answer_is_refused(
    server: Server, asked: Other, said: dict[str, Any], words: str
) -> None:
    server.answer = {"active": True, **said}
    code, _, refusal = refusal_of(asked.token(patient="a"))
    assert (code, words in refusal) == (401, True)


FAILURES: dict[str, dict[str, Any]] = {
    "an error": {"answer": {"active": True}, "status": 500},
    "a redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
    "no JSON": {"answer": "<html>"},
    "no object": {"answer": "[true]"},
    "twice": {"answer": '{"active":false,"active":true}'},
    "too much": {"answer": '{"active":true,"x":"' + "x" * 200_000 + '"}'},
}


@pytest.mark.requirement(RFC_7662)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_an_issuer_that_cannot_be_asked_opens_nothing(
    server: Server, asked: Other, clock: Clock, failure: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    good = asked.token(patient="a")
    assert status(good) == 200
    for name, value in failure.items():
        setattr(server, name, value)
    clock.ahead += 1
    assert [refusal_of(good) for _ in range(2)] == [UNKNOWN] * 2
    assert good not in caplog.text
    assert "a secret" not in caplog.text
    server.answer, server.status = {"active": True}, 200
    assert status(good) == 200


def test_an_issuer_that_keeps_us_waiting_is_left_alone_for_a_while(
    server: Server, asked: Other, clock: Clock
) -> None:
    def dawdle() -> None:
        clock.ahead += foreign_introspection.SLOW_SECONDS + 0.1

    server.before, server.answer = dawdle, "<html>"
    good, other = asked.token(patient="a"), asked.token(patient="a", jti="2")
    assert [refusal_of(each) for each in (good, good, other)] == [UNKNOWN] * 3
    assert len(server.asked) == 1
    server.answer = {"active": True}
    clock.ahead += foreign_introspection.RETRY_AFTER
    assert status(good) == 200


def test_an_issuer_that_does_not_know_us_opens_nothing(server: Server, asked: Other) -> None:
    asked.change(introspection_client_id="another")
    assert refusal_of(asked.token(patient="a")) == UNKNOWN


def test_a_secret_that_nobody_can_decrypt_any_more_opens_nothing(asked: Other) -> None:
    asked.change(introspection_secret_encrypted="nonsense")
    assert refusal_of(asked.token(patient="a")) == UNKNOWN


@pytest.mark.django_db(transaction=True)
def test_a_token_that_ends_while_its_issuer_is_asked_reads_nothing(server: Server, patient: None) -> None:
    """What changes between the answer and the reading is seen by the statement that reads."""
    other = server.registered(checking=TrustedIssuer.Checking.INTROSPECTION)
    token = other.token(patient="a")
    done = threading.Event()

    def switch_off() -> None:
        if not done.is_set():
            done.set()
            thread = threading.Thread(target=_switch_off, args=[other])
            thread.start()
            thread.join()

    server.before = switch_off
    assert refusal_of(token)[2] == "The token's issuer (iss) is not trusted here."
    assert done.is_set()


def _switch_off(other: Other) -> None:
    from django.db import connection

    try:
        other.change(active=False)
    finally:
        connection.close()


def test_the_secret_is_kept_encrypted(asked: Other) -> None:
    row = json.dumps(list(TrustedIssuer.objects.values("introspection_secret_encrypted", "name", "jwks")))
    assert "a secret" not in row
    assert asked.row.introspection_secret_encrypted

"""What the endpoints of apps' servers tell the audit trail: every token, every end of one, registrations."""

import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from audit import chain
from audit.events import Event as Told
from audit.models import Event
from audit.recording import record
from audit.verification import verify
from oauth.models import AccessToken, ClientAssertionJti, Grant, RefreshToken
from tests.oauth.developers import Developer, initial_token
from tests.oauth.flow import Flow, basic, make_client, make_user
from tests.oauth.misconfigured.codes import begun, tokens_of
from tests.oauth.references import reference_of
from tests.oauth.services import encode, make_service, post
from tests.oauth.timeline import steps

pytestmark = pytest.mark.django_db


def of_kind(kind: str) -> list[Event]:
    return list(Event.objects.filter(kind=kind).order_by("pk"))


def attempt(flow: Flow) -> str:
    return str(Grant.objects.get(application=flow.application).attempt)


@pytest.mark.requirement("every token: who, app, patient, when, from where, outcome")
def test_each_token_is_an_event_under_the_reference_code_of_its_authorization() -> None:
    flow = begun("openid patient/*.rs offline_access")
    shown = tokens_of(flow)["refresh_token"]
    flow.refresh(shown, scope="patient/Observation.rs")
    [exchange], [refresh] = of_kind("token"), of_kind("refresh")
    for event in (exchange, refresh):
        assert (event.outcome, event.status, event.client) == ("allowed", 200, flow.application.client_id)
        assert (event.person, event.patient) == (str(flow.user.uid), "p1")  # type: ignore[union-attr]
        assert (event.address, event.attempt) == ("127.0.0.1", attempt(flow))
    told = json.loads(exchange.detail)
    assert told["given"] == ["access_token", "refresh_token", "id_token"]
    assert told["scope"] == "openid patient/*.rs offline_access"
    assert json.loads(refresh.detail)["scope"] == "patient/Observation.rs"
    for event in (exchange, refresh):
        assert {"rule", "expected", "received"} < json.loads(event.detail).keys()


def test_calls_with_a_refreshed_token_stand_under_the_same_reference_code() -> None:
    flow = begun()
    second: Any = flow.refresh(tokens_of(flow)["refresh_token"])
    third: Any = flow.refresh(second.json()["refresh_token"])
    bearer = {"Authorization": f"Bearer {third.json()['access_token']}"}
    assert Browser().get("/fhir/Observation", headers=bearer).status_code == 200
    kinds = [one.kind for one in steps(attempt(flow))]
    assert kinds[-4:] == ["token", "refresh", "refresh", "search-type"]


def test_a_services_token_and_its_first_call_have_a_reference_code_of_their_own() -> None:
    service = make_service()
    assert Browser().get("/fhir/Observation", headers=service.bearer()).status_code == 200
    service.bearer()
    first, second = of_kind("service-token")
    assert first.attempt != second.attempt
    assert (first.client, first.person, first.address) == (service.application.client_id, "", "127.0.0.1")
    assert [one.kind for one in steps(first.attempt)] == ["service-token", "search-type"]


@pytest.mark.requirement("no token without its event")
def test_no_token_is_given_that_the_audit_trail_has_not_been_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    service, flow = make_service(), begun()
    shown = tokens_of(flow)["refresh_token"]
    other = begun()
    code = other.code()

    def fail(*args: object) -> None:
        raise DatabaseError("the disk is full")

    before = AccessToken.objects.count(), RefreshToken.objects.filter(revoked=None).count()
    with monkeypatch.context() as broken:
        broken.setattr(chain, "row", fail)
        for exchange in (lambda: flow.refresh(shown), lambda: other.exchange(code), service.ask_token):
            with pytest.raises(DatabaseError):
                exchange()
    assert (AccessToken.objects.count(), RefreshToken.objects.filter(revoked=None).count()) == before
    assert not ClientAssertionJti.objects.exists()
    assert [flow.refresh(shown).status_code, other.exchange(code).status_code] == [200, 200]


def test_a_token_and_its_event_are_written_once_where_the_chain_was_thought_to_be_elsewhere() -> None:
    service, flow = make_service(), begun()
    shown = tokens_of(flow)["refresh_token"]
    for exchange in (lambda: flow.refresh(shown), service.ask_token):
        before = AccessToken.objects.count(), Event.objects.count()
        with transaction.atomic():
            record(Told("nothing", "allowed"))
            transaction.set_rollback(True)
        assert exchange().status_code == 200
        assert (AccessToken.objects.count(), Event.objects.count()) == (before[0] + 1, before[1] + 1)
    assert verify().faults == []


def test_a_token_for_a_service_and_its_event_take_one_statement_on_postgresql() -> None:
    service = make_service()
    service.bearer()
    with CaptureQueriesContext(connection) as asked:
        service.bearer()
    # SQLite, which knows no such statement, does it in a transaction, which is a savepoint here.
    assert len(asked) == (1 if connection.vendor == "postgresql" else 9)


@pytest.mark.requirement("RFC 7009 section 2")
def test_what_an_app_revokes_is_an_event_and_so_is_that_it_revoked_nothing() -> None:
    app, secret = make_client(confidential=True)
    flow = Flow(app, make_user("Patient/p1"), scope="patient/*.rs offline_access", secret=secret)
    tokens: Any = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    headers = {"Authorization": basic(app.client_id, secret)}
    for text in (tokens["access_token"], tokens["refresh_token"], tokens["refresh_token"], "made-up"):
        assert post("/oauth/revoke", {"token": text}, headers).status_code == 200
    events = of_kind("revocation")
    assert [json.loads(event.detail)["cause"] for event in events] == [
        "The app revoked its access token.",
        "The app revoked its refresh token, and with it all 1 tokens of the authorization.",
        "Nothing was revoked: the token was not in force any more.",
        "Nothing was revoked: the token is unknown, or another client's.",
    ]
    assert [event.attempt == attempt(flow) for event in events] == [True, True, True, False]
    assert {event.person for event in events[:3]} == {str(flow.user.uid)}  # type: ignore[union-attr]
    assert {event.client for event in events} == {app.client_id}


def test_a_token_of_another_client_is_told_of_as_an_unknown_one() -> None:
    flow, (other, _) = begun(), make_client()
    token = tokens_of(flow)["access_token"]
    post("/oauth/revoke", {"token": token, "client_id": other.client_id})
    [event] = of_kind("revocation")
    assert (event.client, event.person) == (other.client_id, "")
    assert json.loads(event.detail)["ended"] == 0


def test_a_reference_does_not_tell_whether_a_code_or_token_is_known_here() -> None:
    """The same text gets the same reference at each try, be it known or not; another client's differs."""
    flow, (thief, _) = begun(), make_client()
    code = flow.code()
    stranger = Flow(thief, None, verifier=flow.verifier)
    for text in (code, "made-up"):
        assert len({reference_of(stranger.exchange(text)) for _ in range(2)}) == 1
    assert reference_of(stranger.exchange("made-up")) != reference_of(flow.exchange("made-up"))


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7592#section-2")
def test_apps_that_register_themselves_are_told_of_at_each_step(settings: Settings) -> None:
    settings.DYNAMIC_REGISTRATION = True
    developer = Developer(initial_token(description="For the hackathon"))
    developer.register()
    developer.ask("PUT", developer.known(client_name="Other"))
    developer.ask("PUT", developer.known(client_name="Other"))
    developer.ask("GET", token="made-up")
    developer.ask("DELETE")
    Developer("made-up").register()
    told = [(event.outcome, json.loads(event.detail)["cause"]) for event in of_kind("registration")]
    assert told == [
        ("allowed", "The app registered itself by the initial access token For the hackathon."),
        ("allowed", "The app replaced its registration (client_name) and is a draft again."),
        ("allowed", "The app sent the registration that it has: nothing was changed."),
        ("refused", "The registration access token is wrong, or another one took its place."),
        ("allowed", "The app ended its registration for good."),
        ("refused", "No initial access token is equal to the one that came."),
    ]
    assert len({event.client for event in of_kind("registration")[:5]}) == 1


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize(
    "header", ["Basic ä", "Basic", "ä", "Bearer ä", basic("\x00", "x"), basic("x" * 5000, "y")]
)
def test_nonsense_in_the_authorization_header_is_refused_and_told_of(path: str, header: str) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "token": "x"}
    answer: Any = post(path, form, {"Authorization": header})
    assert answer.status_code == 401
    assert [one.outcome for one in steps(reference_of(answer))] == ["refused"]


@pytest.mark.parametrize(
    "claims",
    [{"exp": 10**400}, {"iat": -(10**400)}, {"nbf": 10**400}, {"aud": [[]]}, {"iss": []}, {"jti": "\ud800"}],
    ids=["exp", "iat", "nbf", "aud", "iss", "jti"],
)
@pytest.mark.parametrize(
    "header", [{"alg": "ES384", "kid": "first"}, {"alg": ["x"], "kid": {}}], ids=["good", "bad"]
)
def test_nonsense_in_an_assertion_is_refused_and_told_of(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    service = make_service()
    payload = encode(json.dumps({**service.claims(), **claims}))
    answer = service.ask_token(**service.proof(f"{encode(json.dumps(header))}.{payload}.c2lnbmVk"))
    assert answer.status_code == 401
    [step] = steps(reference_of(answer))
    assert (step.kind, step.outcome) == ("service-token", "refused")
    assert step.detail["cause"]

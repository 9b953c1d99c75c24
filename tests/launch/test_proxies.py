"""People who act for others: for whom, until when, and how everything ends with that."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Proxy, User
from launch.context import make_launch
from oauth.models import AccessToken, Application, Grant, RefreshToken
from tests.oauth.flow import (
    Flow,
    Result,
    answer_of,
    basic,
    is_here,
    make_client,
    make_user,
    run_authorization_code,
)
from tests.oauth.services import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("records")]
SCOPE = "openid fhirUser launch/patient patient/*.rs offline_access"
SOON = timedelta(seconds=30)


@pytest.fixture
def mother() -> User:
    """She acts for Amy for good, and for Ben until half a minute from now."""
    user = make_user("RelatedPerson/rita")
    Proxy.objects.create(user=user, patient="amy")
    Proxy.objects.create(user=user, patient="ben", ends=timezone.now() + SOON)
    return user


@pytest.fixture
def app() -> tuple[Application, str]:
    return make_client(confidential=True, introspection="own")


def for_ben(app: tuple[Application, str], user: User) -> Result:
    """Tokens for Ben."""
    return run_authorization_code(app[0], user, SCOPE, secret=app[1], patient="ben")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it, and a minute has passed: no row changes."""
    then = timezone.now() + timedelta(minutes=1)
    return lambda: monkeypatch.setattr("django.utils.timezone.now", lambda: then)


def reads(result: Result) -> int:
    """The status of reading Ben with the access token."""
    return Browser().get("/fhir/Patient/ben", headers=result.bearer).status_code


def introspected(result: Result, token: str) -> dict[str, Any]:
    """What is told of a token."""
    login = basic(result.flow.application.client_id, result.flow.secret)
    told: dict[str, Any] = post(
        "/oauth/introspect", {"token": result.tokens[token]}, {"Authorization": login}
    ).json()  # type: ignore[attr-defined]
    return told


def test_they_choose_among_those_for_whom_they_act_now(mother: User, app: tuple[Application, str]) -> None:
    Proxy.objects.create(user=mother, patient="cleo", starts=timezone.now() + SOON)
    page: Any = Flow(app[0], mother, scope=SCOPE).authorize()
    assert page.request["PATH_INFO"].endswith("/patient")
    text = page.content.decode()
    assert ('value="amy"' in text, 'value="ben"' in text, 'value="cleo"' in text) == (True, True, False)


def test_they_are_told_until_when_they_act_for_whom(mother: User, app: tuple[Application, str]) -> None:
    ends = mother.proxies.get(patient="ben").ends
    assert ends is not None
    until = f"you act for them until {ends.day} {ends:%B %Y}"
    page = Flow(app[0], mother, scope=SCOPE).authorize().content.decode()
    assert page.count("you act for them") == page.count(until) == 1
    assert page.index("Amy") < page.index("Ben") < page.index(until)
    launched, _ = make_client(launch_url="https://app.example.org/launch")
    browser = Flow(launched, mother).browser
    assert browser.get(f"/launch/{launched.pk}/").content.decode().count(until) == 1


@pytest.mark.requirement("SMART-119")
def test_when_the_proxy_ends_by_time_alone_all_its_tokens_are_dead(
    mother: User, app: tuple[Application, str], later: Any
) -> None:
    tokens = for_ben(app, mother)
    for_amy = run_authorization_code(app[0], mother, SCOPE, secret=app[1], patient="amy")
    assert reads(tokens) == 200
    assert introspected(tokens, "access_token")["patient"] == "ben"
    later()
    assert reads(tokens) == 401
    for token in ("access_token", "refresh_token"):
        assert introspected(tokens, token) == {"active": False}
    refused: Any = tokens.flow.refresh(tokens.tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    userinfo = Browser().get("/oauth/userinfo", headers=tokens.bearer)
    assert userinfo.status_code == 401
    assert Browser().get("/fhir/Patient/amy", headers=for_amy.bearer).status_code == 200


def test_a_proxy_that_comes_back_revives_nothing(
    mother: User, app: tuple[Application, str], later: Any
) -> None:
    tokens = for_ben(app, mother)
    Proxy.objects.filter(patient="ben").update(active=False)
    Proxy.objects.filter(patient="ben").update(active=True)
    assert reads(tokens) == 401
    assert introspected(tokens, "refresh_token") == {"active": False}
    assert tokens.flow.refresh(tokens.tokens["refresh_token"]).status_code == 400


def test_a_proxy_that_is_made_anew_revives_nothing(mother: User, app: tuple[Application, str]) -> None:
    tokens = for_ben(app, mother)
    Proxy.objects.filter(patient="ben").delete()
    Proxy.objects.create(user=mother, patient="ben")
    assert reads(tokens) == 401
    assert tokens.flow.refresh(tokens.tokens["refresh_token"]).status_code == 400


def test_a_proxy_that_ran_out_and_is_prolonged_revives_nothing(
    mother: User, app: tuple[Application, str]
) -> None:
    tokens = for_ben(app, mother)
    # The end has passed without any trigger having seen it, as if the clock had done it.
    ended = Proxy.objects.get(patient="ben")
    Proxy.objects.filter(pk=ended.pk).update(ends=timezone.now() - SOON)
    for model in (AccessToken, RefreshToken):
        model._default_manager.update(revoked=None)
    assert reads(tokens) == 401
    ended.ends = timezone.now() + timedelta(days=30)
    ended.save()
    assert reads(tokens) == 401
    assert tokens.flow.refresh(tokens.tokens["refresh_token"]).status_code == 400
    assert reads(for_ben(app, mother)) == 200


def test_a_proxy_that_ends_while_the_consent_page_is_open_gives_no_code(
    mother: User, app: tuple[Application, str]
) -> None:
    flow = Flow(app[0], mother, scope=SCOPE)
    consent = flow.pick(flow.authorize(), "ben")
    assert "Ben Stone" in consent.content.decode()
    Proxy.objects.filter(patient="ben").update(ends=timezone.now())
    assert answer_of(flow.decide(consent))["error"] == "access_denied"
    assert not Grant.objects.exists()


def test_a_proxy_that_ends_while_the_chooser_is_open_is_not_taken(
    mother: User, app: tuple[Application, str]
) -> None:
    Proxy.objects.create(user=mother, patient="cleo")
    flow = Flow(app[0], mother, scope=SCOPE)
    page = flow.authorize()
    Proxy.objects.filter(patient="ben").update(active=False)
    assert flow.pick(page, "ben").status_code == 400


def test_a_proxy_that_ends_between_code_and_exchange_gives_no_token(
    mother: User, app: tuple[Application, str], later: Any
) -> None:
    flow = Flow(app[0], mother, scope=SCOPE, secret=app[1])
    code = flow.code(patient="ben")
    Proxy.objects.filter(patient="ben").update(ends=timezone.now())
    assert flow.exchange(code).status_code == 400
    assert not AccessToken.objects.exists()


def test_a_launch_for_a_ward_is_refused_once_the_proxy_is_over(
    mother: User, app: tuple[Application, str]
) -> None:
    launch = make_launch(app[0], mother, patient="ben")
    Proxy.objects.filter(patient="ben").update(ends=timezone.now())
    flow = Flow(app[0], mother, scope="launch patient/*.rs")
    assert answer_of(flow.authorize(launch=launch.pk))["error"] == "access_denied"


def test_a_relative_launches_from_the_portal_and_the_app_is_told_for_whom(mother: User) -> None:
    app, _ = make_client(launch_url="https://app.example.org/launch")
    flow = Flow(app, mother, scope="launch patient/*.rs")
    chooser = flow.browser.get(f"/launch/{app.pk}/").content.decode()
    assert (f"/launch/{app.pk}/amy/" in chooser, f"/launch/{app.pk}/cleo/" in chooser) == (True, False)
    gone = flow.browser.post(f"/launch/{app.pk}/ben/")["Location"]
    assert not is_here(gone)
    tokens: Any = flow.exchange(flow.code(launch=gone.rpartition("launch=")[2]))
    assert tokens.json()["patient"] == "ben"


def test_user_scopes_of_a_relative_lose_the_ward_at_the_next_request(
    mother: User, app: tuple[Application, str], later: Any
) -> None:
    tokens = run_authorization_code(app[0], mother, "openid user/*.rs", secret=app[1])
    browser = Browser()
    assert browser.get("/fhir/Patient/ben", headers=tokens.bearer).status_code == 200
    later()
    assert browser.get("/fhir/Patient/ben", headers=tokens.bearer).status_code == 404
    assert browser.get("/fhir/Patient/amy", headers=tokens.bearer).status_code == 200

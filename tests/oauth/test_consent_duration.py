"""For how long a person allows an app, and that tokens end with it."""

import html
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone

from oauth.models import AccessToken, AuthorizationRequest, Consent, Grant, RefreshToken
from oauth.stored_requests import finish
from tests.oauth.flow import Flow, Result, answer_of, make_client, make_user, run_authorization_code

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("a person says for how long: signed in, 1 day, 90 days, 1 year, until revoked"),
]
OFFLINE = "openid fhirUser offline_access patient/*.rs"
CHOICES = {
    "session": "Until I sign out",
    "day": "For 1 day",
    "90-days": "For 90 days",
    "year": "For 1 year",
    "revoked": "Until I take it back",
}


def allow(flow: Flow, duration: str, **changes: Any) -> Result:
    """The tokens of somebody who allows all of it for so long."""
    code = answer_of(flow.decide(flow.authorize(**changes), duration=duration))["code"]
    return Result(flow, flow.exchange(code).json())  # type: ignore[attr-defined]


def works(result: Result) -> bool:
    """Whether the access token opens the FHIR API."""
    status = Browser().get("/fhir/Observation", headers=result.bearer).status_code
    assert status in (200, 401)
    return status == 200


def refreshes(result: Result) -> bool:
    """Whether the refresh token gives new tokens."""
    status = result.flow.refresh(result.tokens["refresh_token"]).status_code
    assert status in (200, 400)
    return status == 200


def make_flow(scope: str = OFFLINE, **fields: Any) -> Flow:
    """A patient at an app."""
    client, _ = make_client(**fields)
    return Flow(client, make_user(), scope=scope)


def in_days(moment: datetime | None) -> float:
    """How many days from now."""
    assert moment is not None
    return (moment - timezone.now()).total_seconds() / 86_400


def test_the_page_offers_five_ends_and_a_year_is_set() -> None:
    text = html.unescape(make_flow().authorize().content.decode())
    offered = re.findall(r'<input type="radio"[^>]*name="duration" value="([^"]*)"( checked)?>', text)
    assert [value for value, _ in offered] == list(CHOICES)
    assert [value for value, is_set in offered if is_set] == ["year"]
    assert all(words in text for words in CHOICES.values())


@pytest.mark.parametrize(("duration", "days"), [("day", 1), ("90-days", 90), ("year", 365)])
def test_days_are_counted_from_the_click_and_neither_token_outlasts_them(duration: str, days: int) -> None:
    result = allow(make_flow(refresh_token_seconds=1000 * 86_400), duration)
    consent = Consent.objects.get()
    assert in_days(consent.expires) == pytest.approx(days, abs=0.01)
    assert RefreshToken.objects.get().expires == consent.expires
    assert AccessToken.objects.get().session_digest == ""
    assert refreshes(result)
    assert RefreshToken.objects.latest("pk").expires == consent.expires


def test_until_revoked_has_no_end() -> None:
    allow(make_flow(), "revoked")
    consent = Consent.objects.get()
    assert (consent.expires, consent.session_digest) == (None, "")
    assert in_days(RefreshToken.objects.get().expires) == pytest.approx(90, abs=0.01)


def test_when_the_time_is_over_both_tokens_are_dead_and_the_person_is_asked_again() -> None:
    flow = make_flow()
    result = allow(flow, "day")
    assert works(result)
    Consent.objects.update(expires=timezone.now())
    assert not works(result)
    assert not refreshes(result)
    again = Flow(flow.application, flow.user, scope=OFFLINE, browser=flow.browser)
    assert again.authorize().request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


def test_in_its_last_hour_a_token_is_told_to_live_no_longer_than_the_consent() -> None:
    flow = make_flow()
    result = allow(flow, "day")
    Consent.objects.update(expires=timezone.now() + timedelta(seconds=600))
    refreshed = flow.refresh(result.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert 590 <= refreshed["expires_in"] <= 600
    again = Flow(flow.application, flow.user, scope=OFFLINE, browser=flow.browser)
    tokens = again.exchange(answer_of(again.authorize())["code"]).json()  # type: ignore[attr-defined]
    assert 590 <= tokens["expires_in"] <= 600


@pytest.mark.parametrize("how", ["sign out", "flush", "clear"])
@pytest.mark.parametrize("scope", [OFFLINE, "openid patient/*.rs", "openid online_access patient/*.rs"])
def test_until_signed_out_ends_with_the_session_whatever_the_app_asked_for(how: str, scope: str) -> None:
    flow = make_flow(scope)
    result = allow(flow, "session")
    consent = Consent.objects.get()
    assert consent.session_digest
    assert consent.expires == Session.objects.get().expire_date
    assert works(result)
    if how == "sign out":
        flow.browser.post("/accounts/logout/")
    elif how == "flush":
        flow.browser.session.flush()
    else:
        Session.objects.all().delete()
    assert not works(result)
    assert not Consent.objects.in_force().exists()
    if "refresh_token" in result.tokens:
        assert not refreshes(result)


def test_a_code_that_waits_ends_with_the_session_too() -> None:
    flow = make_flow()
    code = answer_of(flow.decide(flow.authorize(), duration="session"))["code"]
    flow.browser.post("/accounts/logout/")
    assert flow.exchange(code).status_code == 400


@pytest.mark.parametrize("scope", [OFFLINE, "openid online_access patient/*.rs"])
def test_a_sign_out_just_before_the_code_is_written_is_not_missed(
    scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = make_flow(scope)
    page = flow.authorize()

    def finish_and_sign_out(stored: AuthorizationRequest) -> bool:
        Session.objects.all().delete()
        return finish(stored)

    monkeypatch.setattr("oauth.tokens.codes.finish", finish_and_sign_out)
    code = answer_of(flow.decide(page, duration="session"))["code"]
    assert flow.exchange(code).status_code == 400
    assert not AccessToken.objects.exists()


def test_a_refresh_does_not_lead_out_of_the_session() -> None:
    flow = make_flow()
    result = allow(flow, "session")
    again = Result(flow, flow.refresh(result.tokens["refresh_token"]).json())  # type: ignore[attr-defined]
    end = Session.objects.get().expire_date
    assert all(token.expires <= end for token in RefreshToken.objects.all() if token.expires)
    flow.browser.post("/accounts/logout/")
    assert not works(again)
    assert not refreshes(again)


def test_until_signed_out_is_remembered_in_that_session_and_in_no_other() -> None:
    flow = make_flow()
    allow(flow, "session")
    here = Flow(flow.application, None, scope=OFFLINE, browser=flow.browser)
    elsewhere = Flow(flow.application, flow.user, scope=OFFLINE)
    assert elsewhere.authorize().request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]
    assert answer_of(here.authorize())["code"]
    assert Grant.objects.latest("pk").session_digest == Consent.objects.get().session_digest
    flow.browser.post("/accounts/logout/")
    flow.browser.force_login(flow.user)  # type: ignore[arg-type]
    assert here.authorize().request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


def test_an_answer_in_another_session_leaves_the_first_one_its_own() -> None:
    flow = make_flow()
    first = allow(flow, "session")
    second = allow(Flow(flow.application, flow.user, scope=OFFLINE), "day")
    assert Consent.objects.in_force().count() == 2
    flow.browser.post("/accounts/logout/")
    assert not works(first)
    assert works(second)


def test_a_later_shorter_answer_shortens_what_was_allowed_before() -> None:
    flow = make_flow()
    first = allow(flow, "revoked")
    allow(flow, "session", prompt="consent")
    assert works(first)
    flow.browser.post("/accounts/logout/")
    assert not works(first)
    assert not refreshes(first)


def test_a_later_longer_answer_does_not_revive_what_has_run_out() -> None:
    flow = make_flow()
    first = allow(flow, "day")
    Consent.objects.update(expires=timezone.now())
    allow(flow, "revoked", prompt="consent")
    assert not works(first)
    assert not refreshes(first)


def test_what_was_allowed_before_and_gets_a_new_end_is_named_on_the_page() -> None:
    flow = make_flow("openid patient/Procedure.rs")
    allow(flow, "day")
    more = Flow(flow.application, flow.user, scope="openid patient/Goal.rs", browser=flow.browser)
    page = more.authorize()
    _, _, kept = html.unescape(page.content.decode()).partition(
        "This counts as well for what you allowed before"
    )
    assert "Read and search operations and other procedures in your own record" in kept
    more.decide(page, duration="revoked")
    consent = Consent.objects.get()
    assert consent.expires is None
    assert set(consent.scope.split()) == {"openid", "patient/Procedure.rs", "patient/Goal.rs"}


@pytest.mark.parametrize("posted", ["", "for ever", "REVOKED", "0", "revoked ", "\x00", "9" * 100_000, None])
def test_an_end_that_was_not_offered_is_the_nearest_one(posted: str | None) -> None:
    flow = make_flow()
    page: Any = flow.authorize()
    answer = {"decision": "allow", "scope": ["patient/*.rs", "offline_access"], "duration": posted}
    answer = {name: value for name, value in answer.items() if value is not None}
    assert answer_of(flow.browser.post(page.request["PATH_INFO"], answer))["code"]
    assert Consent.objects.get().session_digest
    assert Grant.objects.get().session_digest


def test_of_two_ends_in_one_form_the_last_is_taken() -> None:
    flow = make_flow()
    page: Any = flow.authorize()
    answer = {"decision": "allow", "scope": ["patient/*.rs"], "duration": ["revoked", "day"]}
    flow.browser.post(page.request["PATH_INFO"], answer)
    assert in_days(Consent.objects.get().expires) == pytest.approx(1, abs=0.01)


def test_to_prove_oneself_anew_is_not_to_sign_out() -> None:
    flow = make_flow()
    result = allow(flow, "session")
    page: Any = flow.authorize(prompt="login")
    assert page.request["PATH_INFO"] == "/accounts/reauthenticate/"
    form = {"password": "correct horse battery", "next": "/oauth/manage"}
    assert flow.browser.post("/accounts/reauthenticate/", form).status_code == 302
    assert works(result)


def test_a_new_password_ends_what_was_allowed_until_signed_out() -> None:
    flow = make_flow()
    result = allow(flow, "session")
    assert flow.user is not None
    flow.user.set_password("another long password")
    flow.user.save()
    assert not works(result)
    assert not refreshes(result)


def test_somebody_signed_out_in_another_tab_cannot_answer() -> None:
    flow = make_flow()
    page: Any = flow.authorize()
    flow.browser.post("/accounts/logout/")
    answer = {"decision": "allow", "scope": ["patient/*.rs"], "duration": "revoked"}
    assert flow.browser.post(page.request["PATH_INFO"], answer).status_code == 400
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        ("day", "until {day}"),
        ("session", "until signing out where it was allowed, {day}"),
        ("revoked", "until it is taken back"),
    ],
)
def test_the_page_of_allowed_apps_says_until_when(duration: str, words: str) -> None:
    flow = make_flow()
    allow(flow, duration)
    text = flow.browser.get("/oauth/manage").content.decode()
    end = Consent.objects.get().expires
    assert words.format(day=f"{end:%-d %B %Y, %H:%M} UTC" if end else "") in text


def test_the_console_says_until_when(staff: Browser) -> None:
    allow(make_flow(), "session")
    assert "until signing out where it was allowed" in staff.get("/admin/oauth/consent/").content.decode()
    shown = staff.get(f"/admin/oauth/consent/{Consent.objects.get().pk}/change/").content.decode()
    assert "until signing out where it was allowed" in shown


def test_scopes_that_staff_approved_hang_on_no_answer() -> None:
    client, _ = make_client(auto_approved_scope="openid patient/*.rs")
    run_authorization_code(client, make_user(), "openid patient/Observation.rs")
    assert Consent.objects.get().expires is None

"""Sign-in with a second factor: codes of an app, recovery codes, and how often one may guess."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from tests.accounts.codes import LOGIN, STEP, first_step, is_signed_in, recovery_codes, with_app
from tests.accounts.conftest import Clock
from tests.oauth.flow import Flow, answer_of, make_client

GUESSES = 5


def second_step(client: Client, code: str) -> Any:
    return client.post(STEP, {"code": code})


@pytest.mark.requirement("NIST SP 800-63B 4.2.1 (two factors are asked for)")
def test_the_password_alone_opens_nothing(client: Client, amy: User, clock: Clock) -> None:
    with_app(amy)
    assert first_step(client, amy)["Location"] == STEP
    assert not is_signed_in(client)
    assert client.get("/launch/")["Location"].startswith(LOGIN)
    assert client.get("/accounts/security/")["Location"].startswith(LOGIN)


def test_the_code_of_the_app_completes_the_sign_in(client: Client, amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    assert "no-store" in client.get(STEP)["Cache-Control"]
    assert second_step(client, clock.code(secret))["Location"] == "/launch/"
    assert is_signed_in(client)


@pytest.mark.parametrize("periods", [-2, -1, 1, 2])
def test_only_the_code_of_this_moment_counts(client: Client, amy: User, clock: Clock, periods: int) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    assert second_step(client, clock.code(secret, periods)).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6238#section-5.2 (a code counts once)")
def test_a_code_that_was_used_is_worth_nothing_to_whoever_saw_it(amy: User, clock: Clock) -> None:
    code = clock.code(with_app(amy))
    hers, theirs = Client(), Client()
    for browser in (hers, theirs):
        first_step(browser, amy)
        second_step(browser, code)
    assert is_signed_in(hers)
    assert not is_signed_in(theirs)


def test_a_recovery_code_counts_once(amy: User, clock: Clock) -> None:
    with_app(amy)
    code = recovery_codes(amy)[3]
    hers, theirs = Client(), Client()
    for browser in (hers, theirs):
        first_step(browser, amy)
        second_step(browser, code)
    assert is_signed_in(hers)
    assert not is_signed_in(theirs)
    assert code not in recovery_codes(amy)


@pytest.mark.parametrize("code", ["", " ", "000000000000", "x" * 4000, "１２３４５６", "'; --", "\u202e"])
def test_anything_else_is_refused_with_a_page(client: Client, amy: User, clock: Clock, code: str) -> None:
    with_app(amy)
    first_step(client, amy)
    assert second_step(client, code).status_code == 200
    assert not is_signed_in(client)


def test_another_persons_code_does_not_count(client: Client, amy: User, chief: User, clock: Clock) -> None:
    with_app(amy)
    theirs = with_app(chief)
    first_step(client, amy)
    second_step(client, clock.code(theirs))
    second_step(client, recovery_codes(chief)[0])
    assert not is_signed_in(client)


def test_nobody_comes_to_the_second_step_without_the_first(client: Client, amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    assert second_step(client, clock.code(secret))["Location"] == LOGIN
    assert client.get(STEP)["Location"] == LOGIN


def test_whoever_gives_up_half_way_begins_anew(client: Client, amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    client.post("/accounts/logout/")
    assert second_step(client, clock.code(secret))["Location"] == LOGIN
    assert not is_signed_in(client)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.3.6 (guessing codes)")
def test_after_five_wrong_codes_even_the_right_one_waits_in_any_browser(amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    for number in range(GUESSES):
        browser = Client(REMOTE_ADDR=f"203.0.113.{number}")
        first_step(browser, amy)
        second_step(browser, "000000")
    browser = Client(REMOTE_ADDR="203.0.113.99")
    first_step(browser, amy)
    assert "Please wait five minutes" in second_step(browser, clock.code(secret)).content.decode()
    assert not is_signed_in(browser)


def test_whoever_guesses_codes_of_one_person_stops_nobody_else(amy: User, chief: User, clock: Clock) -> None:
    with_app(amy)
    secret = with_app(chief)
    guesser = Client(REMOTE_ADDR="203.0.113.7")
    first_step(guesser, amy)
    for _ in range(GUESSES + 1):
        second_step(guesser, "000000")
    theirs = Client(REMOTE_ADDR="203.0.113.8")
    first_step(theirs, chief)
    second_step(theirs, clock.code(secret))
    assert is_signed_in(theirs)


def test_a_second_step_that_others_deactivated_ends_there(client: Client, amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    User.objects.update(is_active=False)
    second_step(client, clock.code(secret))
    assert client.get("/accounts/security/").status_code == 302


def test_secrets_lie_encrypted_in_the_database(amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    codes = recovery_codes(amy)
    kept = "".join(str(each.data) for each in Authenticator.objects.filter(user=amy))
    assert secret not in kept
    assert not any(code in kept for code in codes)
    assert kept.count("gAAAA") == 2


@pytest.mark.requirement(
    "OpenID Connect Core 3.1.2.3 (the person is authenticated before anything is authorized)"
)
@pytest.mark.parametrize("way", ["app", "recovery code"])
def test_an_authorization_request_survives_the_second_step(db: None, clock: Clock, way: str) -> None:
    application, _ = make_client(scope="openid fhirUser")
    person = User.objects.create_user("pat", password="correct horse battery", fhir_user="Patient/p1")
    secret = with_app(person)
    flow = Flow(application, None, scope="openid fhirUser")
    page: Any = flow.authorize()
    back = page.context["redirect_field_value"]
    page = flow.follow(first_step(flow.browser, person, next=back))
    assert page.request["PATH_INFO"] == STEP
    wrong = second_step(flow.browser, "000000")
    assert wrong.status_code == 200
    code = clock.code(secret) if way == "app" else recovery_codes(person)[0]
    page = flow.follow(second_step(flow.browser, code))
    assert page.request["PATH_INFO"].endswith("/consent")
    tokens: Any = flow.exchange(answer_of(flow.decide(page))["code"])
    assert tokens.status_code == 200


def test_a_new_proof_may_be_a_code_too_and_the_request_goes_on(db: None, clock: Clock) -> None:
    application, _ = make_client(scope="openid")
    person = User.objects.create_user("pat", password="correct horse battery", fhir_user="Patient/p1")
    secret = with_app(person)
    flow = Flow(application, person, scope="openid")
    page: Any = flow.authorize(prompt="login")
    assert page.request["PATH_INFO"] == "/accounts/reauthenticate/"
    [other] = [way["url"] for way in page.context["reauthentication_alternatives"]]
    page = flow.browser.get(other)
    assert "Lab Viewer" in page.content.decode()
    form = {"code": clock.code(secret), "next": page.context["redirect_field_value"]}
    page = flow.follow(flow.browser.post("/accounts/security/reauthenticate/", form))
    assert page.request["PATH_INFO"].endswith("/consent")

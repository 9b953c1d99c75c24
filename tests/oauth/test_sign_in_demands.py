"""What an app may demand of the sign-in (prompt, max_age, login_hint), and learns of it (nonce, auth_time).

https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
"""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from oauth.models import AuthorizationRequest
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("OpenID Connect Core 3.1.2.1"),
]
PASSWORD = "correct horse battery"
SIGN_IN, CONFIRM = settings.LOGIN_URL, "/accounts/reauthenticate/"


def where(page: Any) -> str:
    """The path of the page that came."""
    return str(page.request["PATH_INFO"])


def remembered(scope: str = "openid") -> Flow:
    """An app whose person is signed in and has allowed it before."""
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, scope)
    return Flow(client, user, scope=scope)


def prove(flow: Flow, page: Any) -> Any:
    """Fill in the page that asks who one is, whichever of the two it is."""
    assert flow.user is not None
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    form = {"login": flow.user.username, "password": PASSWORD, "next": back}
    return flow.follow(flow.browser.post(where(page), form))


def age(flow: Flow, seconds: int) -> None:
    """Let the sign-in have been so many seconds ago."""
    assert flow.user is not None
    type(flow.user).objects.filter(pk=flow.user.pk).update(
        last_login=timezone.now() - timedelta(seconds=seconds)
    )
    session = flow.browser.session
    for record in session.get("account_authentication_methods", ()):
        record["at"] -= seconds
    session.save()


def claims(flow: Flow, response: Any) -> dict[str, Any]:
    """What the id_token says that comes of the way back to the app."""
    tokens = flow.exchange(answer_of(response)["code"]).json()  # type: ignore[attr-defined]
    read: dict[str, Any] = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    return read


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_prompt_login_wants_a_new_proof_from_somebody_who_is_signed_in(prompt: str) -> None:
    flow = remembered()
    page = flow.authorize(prompt=prompt)
    assert where(page) == CONFIRM
    assert "I am somebody else" in page.content.decode()
    answer = prove(flow, page)
    if "consent" in prompt:
        assert where(answer).endswith("/consent")
        answer = flow.decide(answer)
    assert time.time() - claims(flow, answer)["auth_time"] < 60


def test_prompt_login_is_not_met_by_a_wrong_password() -> None:
    flow = remembered()
    page: Any = flow.authorize(prompt="login")
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    flow.browser.post(CONFIRM, {"password": "wrong", "next": back})
    assert where(flow.follow(flow.browser.get(back))) == CONFIRM


def test_prompt_login_is_not_met_by_a_proof_from_before_the_request() -> None:
    flow = remembered()
    prove(flow, flow.authorize(prompt="login"))
    assert where(flow.authorize(prompt="login")) == CONFIRM


def test_prompt_login_wants_one_proof_only_from_somebody_who_is_not_signed_in() -> None:
    client, _ = make_client()
    flow = Flow(client, None, scope="openid")
    page = flow.authorize(prompt="login")
    assert where(page) == SIGN_IN
    flow.user = make_user()
    assert where(prove(flow, page)).endswith("/consent")


def test_the_consent_page_cannot_be_reached_around_the_new_proof() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid")
    flow.authorize(prompt="login")
    address = f"/oauth/authorize/{AuthorizationRequest.objects.get().pk}/consent"
    assert flow.browser.get(address).status_code == 302
    answer = flow.follow(flow.browser.post(address, {"decision": "allow", "duration": "day"}))
    assert where(answer) == CONFIRM


@pytest.mark.parametrize("max_age", ["0", "60", "299"])
def test_max_age_wants_a_new_proof_where_the_last_one_is_older(max_age: str) -> None:
    flow = remembered()
    age(flow, 300)
    page = flow.authorize(max_age=max_age)
    assert where(page) == CONFIRM
    assert time.time() - claims(flow, prove(flow, page))["auth_time"] < 60


@pytest.mark.parametrize("max_age", ["3600", "301", "999999999"])
def test_max_age_wants_none_where_the_last_one_is_recent_enough(max_age: str) -> None:
    flow = remembered()
    age(flow, 290)
    said = claims(flow, flow.authorize(max_age=max_age))["auth_time"]
    assert 280 < time.time() - said < 320


def test_max_age_of_zero_is_met_by_the_proof_that_it_asked_for() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid")
    assert where(prove(flow, flow.authorize(max_age="0"))).endswith("/consent")


@pytest.mark.parametrize("max_age", ["-1", "1.5", "0x1", "1e3", "١", "9" * 10, "soon", "1 "])
def test_a_max_age_that_is_no_number_of_seconds_is_refused(max_age: str) -> None:
    assert answer_of(remembered().authorize(max_age=max_age))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "prompt", ["none login", "none consent", "none select_account", "create", "LOGIN", "login,consent"]
)
def test_a_prompt_that_contradicts_itself_or_is_not_known_is_refused(prompt: str) -> None:
    answer = answer_of(remembered().authorize(prompt=prompt))
    assert answer["error"] == "invalid_request"
    assert "prompt" in answer["error_description"]


@pytest.mark.parametrize(
    ("demand", "error"),
    [
        ({"max_age": "60"}, "login_required"),
        ({"max_age": "0"}, "login_required"),
        ({"scope": "openid patient/Goal.rs"}, "consent_required"),
        ({"scope": "openid launch/encounter launch/patient"}, "consent_required"),
    ],
)
def test_prompt_none_says_what_would_have_to_be_shown(demand: dict[str, str], error: str) -> None:
    flow = remembered()
    age(flow, 300)
    answer = flow.authorize(**{"prompt": "none", **demand})
    assert answer_of(answer)["error"] == error
    assert answer_of(answer)["state"] == flow.state


def test_prompt_none_shows_nobody_a_sign_in_page_or_a_picker() -> None:
    client, _ = make_client()
    assert answer_of(Flow(client, None).authorize(prompt="none"))["error"] == "login_required"
    doctor = Flow(client, make_user("Practitioner/d1"))
    assert answer_of(doctor.authorize(prompt="none"))["error"] == "interaction_required"


def test_prompt_none_gives_a_code_where_nothing_is_left_to_ask() -> None:
    flow = remembered()
    age(flow, 300)
    assert claims(flow, flow.authorize(prompt="none", max_age="3600"))["sub"]


def test_a_login_hint_fills_in_the_user_name_and_decides_nothing() -> None:
    client, _ = make_client()
    flow = Flow(client, None, scope="openid")
    page = flow.authorize(login_hint="ada@example.org")
    assert 'value="ada@example.org"' in page.content.decode()
    flow.user = make_user()
    assert where(prove(flow, page)).endswith("/consent")
    assert AuthorizationRequest.objects.get().user == flow.user


def test_the_hint_of_one_request_is_not_shown_at_the_next_one() -> None:
    client, _ = make_client()
    flow = Flow(client, None, scope="openid")
    flow.authorize(login_hint="ada@example.org")
    assert "ada@example.org" not in flow.authorize().content.decode()


@pytest.mark.parametrize("hint", ["x" * 10_000, '"><script>alert(1)</script>', "é" * 100])
def test_a_strange_hint_does_no_harm(hint: str) -> None:
    client, _ = make_client()
    page = Flow(client, None, scope="openid").authorize(login_hint=hint)
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


@pytest.mark.requirement("OpenID Connect Core 3.1.3.7, 12.2")
def test_the_nonce_is_in_the_id_token_of_the_code_and_nowhere_else() -> None:
    client, _ = make_client()
    nonce = "n-0S6_WzA2Mj"
    flow = Flow(client, make_user(), scope="openid offline_access", extra={"nonce": nonce})
    back = flow.decide(flow.authorize())
    assert nonce not in back["Location"]
    answer = flow.exchange(answer_of(back)["code"])
    tokens = answer.json()  # type: ignore[attr-defined]
    said = {
        name: jwt.decode(tokens[name], options={"verify_signature": False})
        for name in ("id_token", "access_token")
    }
    assert said["id_token"]["nonce"] == nonce
    assert "nonce" not in said["access_token"]
    assert nonce not in answer.content.decode()
    refreshed = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    renewed = jwt.decode(refreshed["id_token"], options={"verify_signature": False})
    assert "nonce" not in renewed
    assert renewed["auth_time"] == said["id_token"]["auth_time"]


def test_without_a_nonce_there_is_none_in_the_id_token() -> None:
    flow = remembered()
    assert "nonce" not in claims(flow, flow.authorize())


def test_auth_time_is_that_of_the_sign_in_and_not_of_the_request() -> None:
    flow = remembered()
    age(flow, 1800)
    assert 1790 < time.time() - claims(flow, flow.authorize())["auth_time"] < 1830


def test_auth_time_is_that_of_the_last_proof() -> None:
    flow = remembered()
    age(flow, 1800)
    prove(flow, flow.authorize(prompt="login"))
    age(flow, 20)
    assert 15 < time.time() - claims(flow, flow.authorize())["auth_time"] < 60

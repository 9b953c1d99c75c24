"""Userinfo: the claims that the scopes allow, for a living token."""

import json
from typing import Any

import jwt
import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from pytest_django import Settings

from audit.models import Event
from oauth.models import Scope
from tests.oauth import flow as signing_in
from tests.oauth.issuing import issue, make_client, make_key, make_user

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#UserInfo"),
]
URL = "/oauth/userinfo"


def fetch(header: str, method: str = "get") -> Any:
    return getattr(Client(), method)(URL, headers={"Authorization": header})


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_scopes_decide_what_is_told(method: str) -> None:
    user = make_user(
        "Patient/a", first_name="Ada", last_name="Lovelace", email="ada@example.org", username="ada"
    )
    key = make_key()
    openid = fetch(issue(key, user, scope="openid").header, method)
    assert openid.json() == {"sub": str(user.uid)}
    assert openid["Cache-Control"] == "no-store"
    told = fetch(issue(key, user, scope="openid fhirUser profile").header, method).json()
    assert told["sub"] == str(user.uid)
    assert told["fhirUser"] == "http://testserver/fhir/Patient/a"
    assert told["name"] == "Ada Lovelace"
    assert told["preferred_username"] == "ada"


def test_a_scope_switched_off_tells_no_more() -> None:
    user = make_user("Patient/a")
    issued = issue(make_key(), user, scope="openid fhirUser")
    Scope.objects.filter(pattern="fhirUser").update(enabled=False)
    assert fetch(issued.header).json() == {"sub": str(user.uid)}


def test_without_openid_nothing_is_told() -> None:
    answer = fetch(issue(make_key(), make_user(), scope="profile fhirUser").header)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3.1")
def test_a_dead_or_malformed_token_is_a_401() -> None:
    issued = issue(make_key(), make_user(), scope="openid")
    issued.row.revoke()
    for header in (issued.header, "Bearer abc", "Bearer a\x00b"):
        answer = fetch(header)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    answer = Client().get(URL)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.requirement("every refusal is on record: who, app, rule, exact cause, reference code")
def test_a_refusal_is_a_step_of_the_attempt_that_the_token_came_of() -> None:
    user, app = make_user(), make_client()
    issued = issue(make_key(), user, app, scope="openid")
    Scope.objects.filter(pattern="openid").update(enabled=False)
    fetch(issued.header)
    Scope.objects.filter(pattern="openid").update(enabled=True)
    issued.row.revoke()
    answer = fetch(issued.header)
    fetch(issue(make_key(), user, app, scope="profile fhirUser").header)
    taken, dead, narrow = Event.objects.filter(kind="userinfo").order_by("id")
    assert f"(reference {dead.attempt})" in answer.json()["error_description"]
    assert taken.attempt == dead.attempt != narrow.attempt
    for event in (taken, dead, narrow):
        assert (event.outcome, event.person, event.client) == ("refused", str(user.uid), app.client_id)
        assert json.loads(event.detail)["rule"] == "check_userinfo"
    causes = [json.loads(event.detail)["cause"] for event in (taken, dead, narrow)]
    assert causes[0].startswith("The scope openid was granted; the catalogue")
    assert causes[1].startswith("The access token was revoked on ")
    assert causes[2] == "The access token has no scope openid."


@pytest.mark.requirement("every refusal is on record: who, app, rule, exact cause, reference code")
def test_a_living_token_that_came_in_the_wrong_way_is_told_as_that() -> None:
    user, app = make_user(), make_client()
    assert fetch(f"Token {issue(make_key(), user, app, scope='openid').token}").status_code == 401
    event = Event.objects.get(kind="userinfo")
    assert (event.person, event.client) == (str(user.uid), app.client_id)
    assert json.loads(event.detail)["cause"].startswith("Send the access token as ")


@pytest.mark.requirement("every refusal is on record: who, app, rule, exact cause, reference code")
def test_a_token_for_another_address_of_this_server_is_told_as_that(settings: Settings) -> None:
    issued = issue(make_key(), make_user(), scope="openid")
    settings.FHIR_BASE = "https://elsewhere.example.org/fhir"
    assert fetch(issued.header).status_code == 401
    cause = json.loads(Event.objects.get(kind="userinfo").detail)["cause"]
    assert cause == "The access token was not issued by this server for its FHIR API."


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer abcdefghijkl", "Bearer a\x00b"])
def test_who_shows_no_token_of_ours_leaves_a_refusal_without_what_was_shown(header: str | None) -> None:
    answer = fetch(header) if header else Client().get(URL)
    assert answer.status_code == 401
    event = Event.objects.get(kind="userinfo")
    assert (event.outcome, event.status, event.person, event.client) == ("refused", 401, "", "")
    assert "abcdefghijkl" not in event.detail


def test_a_token_in_the_query_or_body_is_not_read() -> None:
    issued = issue(make_key(), make_user(), scope="openid")
    assert Client().get(URL, {"access_token": issued.token}).status_code == 401
    assert Client().post(URL, {"access_token": issued.token}).status_code == 401


def test_only_pages_of_the_tokens_own_client_may_read_it_in_a_browser() -> None:
    origin = "https://app.example.org"
    make_client(allowed_origins="https://other.example.org")
    issued = issue(make_key(), make_user(), make_client(allowed_origins=origin), scope="openid")
    for page, may_read in ((origin, True), ("https://other.example.org", False)):
        answer = Client().get(URL, headers={"Authorization": issued.header, "Origin": page})
        assert (answer.get("Access-Control-Allow-Origin") == page) == may_read


NAMES = {"name", "given_name", "family_name", "preferred_username", "email", "profile"}


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims")
@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", set()),
        ("openid fhirUser", {"fhirUser"}),
        ("openid profile", NAMES),
        ("openid email", {"email", "email_verified"}),
        ("openid fhirUser profile email", {*NAMES, "fhirUser", "email_verified"}),
    ],
)
def test_userinfo_and_id_token_tell_the_same_of_a_person(
    scope: str, told: set[str], is_verified: bool
) -> None:
    user = signing_in.make_user("Patient/a", email="ada@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=is_verified, primary=True)
    result = signing_in.run_authorization_code(signing_in.make_client()[0], user, scope)
    of_userinfo = fetch(result.bearer["Authorization"]).json()
    id_token = jwt.decode(result.tokens["id_token"], options={"verify_signature": False})
    assert of_userinfo == {name: id_token[name] for name in {"sub", *told}}
    assert set(id_token) == {"iss", "sub", "aud", "iat", "exp", "auth_time", "at_hash", *told}
    assert id_token.get("email_verified", is_verified) is is_verified
    assert (id_token["sub"], len(id_token["sub"]) <= 255) == (str(user.uid), True)


def test_a_person_is_one_subject_at_every_app_and_each_time() -> None:
    user, app = signing_in.make_user("Patient/a"), signing_in.make_client()[0]
    told = {
        fetch(signing_in.run_authorization_code(one, user, "openid").bearer["Authorization"]).json()["sub"]
        for one in (app, app, signing_in.make_client()[0])
    }
    assert told == {str(user.uid)}

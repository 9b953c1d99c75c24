"""https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html: a token that an app really got."""

import time
from typing import Any

import jwt
import pytest

from accounts.models import User
from launch.context import make_launch
from oauth.models import Application
from tests.oauth.flow import Result, basic, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service, post

pytestmark = pytest.mark.django_db
PATH = "/oauth/introspect"
SCOPE = "launch openid fhirUser offline_access patient/*.read patient/Observation.rs?category=laboratory"
CONTEXT: dict[str, Any] = {
    "patient": "amy",
    "encounter": "e1",
    "fhir_context": [{"reference": "ImagingStudy/i1"}],
    "need_patient_banner": False,
    "intent": "trend",
    "smart_style_url": "http://testserver/launch/style/x.json",
    "tenant": "north-clinic",
}
TOLD = {*CONTEXT, "fhirContext"} - {"fhir_context"}


@pytest.fixture
def clinician() -> User:
    return make_user("Practitioner/d1")


@pytest.fixture
def app() -> tuple[Application, str]:
    """An app and its secret."""
    scope = "launch openid fhirUser offline_access patient/*.cruds introspection"
    return make_client(scope, confidential=True, introspection="own")


@pytest.fixture
def issued(app: tuple[Application, str], clinician: User) -> Result:
    """What the app got, launched with all that a launch can bring."""
    client, secret = app
    launch = make_launch(client, clinician, **CONTEXT)
    return run_authorization_code(client, clinician, SCOPE, secret=secret, launch=launch)


def ask(token: str, authorization: str) -> Any:
    return post(PATH, {"token": token}, {"Authorization": authorization})


def told_of(app: tuple[Application, str], token: str) -> dict[str, Any]:
    """What introspection tells the app about a token."""
    client, secret = app
    answer = ask(token, basic(client.client_id, secret))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.requirement("SMART-99")
@pytest.mark.requirement("SMART-269")
@pytest.mark.requirement("SMART-271")
@pytest.mark.requirement("SMART-272")
def test_a_token_is_active_until_it_ends_and_then_nothing_else_is_said(
    app: tuple[Application, str], issued: Result
) -> None:
    client, secret = app
    told = told_of(app, issued.access_token)
    assert told["active"] is True
    assert told["token_type"] == "Bearer"
    assert told["aud"] == "http://testserver/fhir"
    assert told_of(app, "unknown") == {"active": False}
    form = {"token": issued.access_token}
    by_name = {"Authorization": basic(client.client_id, secret)}
    assert post(PATH, form).status_code == 401
    assert post(PATH, {}, by_name).status_code == 400
    assert post("/oauth/revoke", form, by_name).status_code == 200
    assert told_of(app, issued.access_token) == {"active": False}


@pytest.mark.requirement("SMART-273")
@pytest.mark.requirement("SMART-274")
def test_scope_and_client_are_those_of_the_token_response(
    app: tuple[Application, str], issued: Result
) -> None:
    assert issued.tokens["scope"].split() == SCOPE.split()
    told = told_of(app, issued.access_token)
    assert told["scope"] == issued.tokens["scope"]
    assert told["client_id"] == app[0].client_id
    refreshed: Any = issued.flow.refresh(issued.tokens["refresh_token"], scope="openid patient/*.read")
    assert told_of(app, refreshed.json()["access_token"])["scope"] == refreshed.json()["scope"]
    assert refreshed.json()["scope"] != issued.tokens["scope"]


@pytest.mark.requirement("SMART-275")
@pytest.mark.requirement("SMART-276")
@pytest.mark.parametrize("seconds", [300, 3000])
def test_exp_is_the_second_at_which_the_token_ends(clinician: User, seconds: int) -> None:
    app = make_client(confidential=True, introspection="own", access_token_seconds=seconds)
    before = int(time.time())
    issued = run_authorization_code(app[0], clinician, "openid", secret=app[1])
    after = int(time.time())
    told = told_of(app, issued.access_token)
    assert type(told["exp"]) is int
    assert issued.tokens["expires_in"] == seconds
    assert before + seconds <= told["exp"] <= after + seconds + 1
    claims = jwt.decode(issued.access_token, options={"verify_signature": False})
    assert abs(told["exp"] - claims["exp"]) <= 1


@pytest.mark.requirement("SMART-277")
def test_every_context_parameter_of_the_token_response_is_told(
    app: tuple[Application, str], issued: Result
) -> None:
    came = {name: issued.tokens[name] for name in TOLD if name in issued.tokens}
    assert set(came) == TOLD
    for token in (issued.access_token, issued.tokens["refresh_token"]):
        told = told_of(app, token)
        assert {name: told[name] for name in TOLD} == came


@pytest.mark.requirement("SMART-280")
@pytest.mark.requirement("SMART-278")
@pytest.mark.requirement("SMART-279")
def test_iss_and_sub_are_those_of_the_id_token(app: tuple[Application, str], issued: Result) -> None:
    claims = jwt.decode(issued.tokens["id_token"], options={"verify_signature": False})
    told = told_of(app, issued.access_token)
    assert (told["iss"], told["sub"]) == (claims["iss"], claims["sub"])
    assert told["fhirUser"] == claims["fhirUser"]


@pytest.mark.requirement("SMART-282")
@pytest.mark.requirement("SMART-283")
@pytest.mark.parametrize("kind", ["app", "service"])
def test_a_bearer_token_with_the_scope_for_it_asks_about_any_clients_token(
    app: tuple[Application, str], issued: Result, clinician: User, kind: str
) -> None:
    if kind == "service":
        asking = make_service("introspection", introspection="any").bearer("introspection")["Authorization"]
        without = make_service("system/*.rs", introspection="any").bearer()["Authorization"]
    else:
        client, secret = make_client(confidential=True, introspection="any")
        asking, without = (
            run_authorization_code(client, clinician, scope, secret=secret).bearer["Authorization"]
            for scope in ("introspection", "openid")
        )
    others = (
        issued.access_token,
        issued.tokens["refresh_token"],
        make_service().bearer()["Authorization"][7:],
    )
    for token in others:
        assert ask(token, asking).json()["active"] is True
        assert ask(token, without).status_code == 401

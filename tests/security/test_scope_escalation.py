"""Asking for more than one may have: by other spellings, wildcards, lists, and at every step of the way.

What is granted is asserted on the tokens, and what a token opens on the API.
"""

from typing import Any

import pytest
from django.test import Client as Browser

from oauth.models import AccessToken, Application
from oauth.models import Scope as CatalogueLine
from tests.fhir.callers import everyone
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service

pytestmark = pytest.mark.django_db
MAY = "openid patient/Observation.rs"
URI = "http://smarthealthit.org/fhir/scopes/"
OTHER_SPELLINGS = [
    "patient/*.rs",
    "patient/*.cruds",
    "patient/*.*",
    "patient/*.read",
    "patient/Observation.*",
    "patient/Observation.cruds",
    "patient/Observation.write",
    "patient/Observation.sr",
    "patient/Observation.rsrs",
    "patient/observation.rs",
    "PATIENT/Observation.rs",
    "patient/Observation.RS",
    "user/Observation.rs",
    "system/Observation.rs",
    "patient/Condition.rs",
    "patient/Observation.rs?",
    "patient/Observation.rs#x",
    "patient/Observation.rs?category=",
    "patient/Observation.rs?_has:Condition:x=y",
    "patient/Observation,Condition.rs",
    "patient/Observation.rs&patient/Condition.rs",
    f"{URI}patient/Condition.rs",
    f"{URI}patient/*.cruds",
    f"{URI}{URI}patient/*.rs",
    f"{URI.replace('http:', 'https:')}patient/*.rs",
    f"{URI.upper()}patient/*.rs",
    "http://testserver/scopes/launch-context",
    "introspection",
    "offline_access",
    "online_access",
    f"{URI}offline_access",
    "fhirUser",
    "profile",
    "admin",
    "*",
    "patient/\u041ebservation.rs",
    "patient/Observation\u200b.rs",
    "\uff50atient/*.rs",
]


def allowed(granted: str) -> bool:
    """Whether nothing is granted beyond MAY, in meaning."""
    return all(
        scope == "openid"
        or scope.split("?")[0]
        in (
            "patient/Observation.rs",
            "patient/Observation.r",
            "patient/Observation.s",
            "patient/Observation.read",
        )
        for scope in granted.split()
    )


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-5.1.5.1 (limited scopes)")
@pytest.mark.parametrize("asked", OTHER_SPELLINGS)
@pytest.mark.parametrize("form", ["{}", "openid {}", "{} openid", "openid {0} {0}"])
def test_no_spelling_of_a_scope_gives_an_app_more_than_it_is_registered_for(asked: str, form: str) -> None:
    app, _ = make_client(scope=MAY)
    flow = Flow(app, make_user("Patient/p1"), scope=form.format(asked))
    page: Any = flow.authorize()
    if page.status_code == 302:
        assert answer_of(page)["error"] == "invalid_scope"
        return
    token: Any = flow.exchange(answer_of(flow.decide(page))["code"]).json()  # type: ignore[attr-defined]
    assert allowed(token["scope"])
    assert "refresh_token" not in token
    assert allowed(AccessToken.objects.get().scope)


@pytest.mark.parametrize("between", ["  ", "\t", "\n", "\u00a0", "\u2003", "%20", "+", ",", ";", "\x0b"])
def test_no_other_separator_smuggles_a_scope_in(between: str) -> None:
    app, _ = make_client(scope=MAY)
    flow = Flow(app, make_user("Patient/p1"), scope=f"patient/Observation.rs{between}patient/*.cruds")
    page: Any = flow.authorize()
    assert answer_of(page)["error"] in ("invalid_scope", "invalid_request")


@pytest.mark.parametrize("asked", OTHER_SPELLINGS)
def test_no_spelling_of_a_scope_makes_a_refresh_give_more(asked: str) -> None:
    app, _ = make_client(
        scope="openid offline_access patient/*.cruds user/*.cruds profile fhirUser introspection"
    )
    result = run_authorization_code(app, make_user("Patient/p1"), "offline_access patient/Observation.rs")
    answer: Any = result.flow.refresh(result.tokens["refresh_token"], scope=asked)
    if answer.status_code == 200:
        assert asked in ("offline_access", f"{URI}offline_access")
        assert set(answer.json()["scope"].split()) <= {"offline_access", "patient/Observation.rs"}
    else:
        assert answer.json()["error"] in ("invalid_scope", "invalid_request")
        again: Any = result.flow.refresh(result.tokens["refresh_token"])
        assert set(again.json()["scope"].split()) == {"offline_access", "patient/Observation.rs"}


@pytest.mark.parametrize("asked", ["patient/*.cruds", "user/*.cruds", "openid offline_access profile", "x"])
def test_a_scope_sent_with_the_code_gives_nothing_more(asked: str) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user("Patient/p1"), scope="patient/Observation.rs")
    answer: Any = flow.exchange(flow.code(), scope=asked)
    assert answer.status_code == 400 or answer.json()["scope"] == "patient/Observation.rs"


@pytest.mark.parametrize("asked", [*OTHER_SPELLINGS, "system/*.rs", "system/*.*", f"{URI}system/*.cruds"])
def test_no_spelling_of_a_scope_gives_a_service_more_than_it_is_registered_for(asked: str) -> None:
    service = make_service(scope="system/Observation.r")
    answer = service.ask_token(asked)
    if answer.status_code == 200:
        assert answer.json()["scope"] == "system/Observation.r"
    else:
        assert answer.json()["error"] in ("invalid_scope", "invalid_request")


def test_asking_twice_adds_nothing_up() -> None:
    app, _ = make_client(scope=f"{MAY} offline_access")
    person = make_user("Patient/p1")
    run_authorization_code(app, person, "patient/Observation.rs")
    second = run_authorization_code(app, person, "openid", prompt="consent")
    assert second.tokens["scope"] == "openid"
    assert Browser().get("/fhir/Observation", headers=second.bearer).status_code == 403


def test_what_was_taken_from_an_app_between_asking_and_the_code_is_not_granted() -> None:
    app, _ = make_client(scope="openid patient/*.rs")
    flow = Flow(app, make_user("Patient/p1"), scope="openid patient/*.rs")
    page = flow.authorize()
    Application.objects.update(scope="openid")
    answer = answer_of(flow.decide(page))
    token: Any = flow.exchange(answer["code"]).json()  # type: ignore[attr-defined]
    assert token["scope"] == "openid"


def test_a_scope_switched_off_between_asking_and_the_code_is_not_granted() -> None:
    app, _ = make_client(scope="openid patient/*.rs")
    flow = Flow(app, make_user("Patient/p1"), scope="openid patient/*.rs")
    page = flow.authorize()
    CatalogueLine.objects.filter(pattern="patient/*.rs").update(enabled=False)
    token: Any = flow.exchange(answer_of(flow.decide(page))["code"]).json()  # type: ignore[attr-defined]
    assert token["scope"] == "openid"


def test_a_write_asked_as_a_read_with_an_odd_query_stays_a_read() -> None:
    everyone().send("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
    app, _ = make_client(scope="patient/*.rs")
    result = run_authorization_code(app, make_user("Patient/p1"), "patient/*.rs")
    body = '{"resourceType": "Patient", "id": "p1", "active": true}'
    for method, path in (
        ("PUT", "Patient/p1"),
        ("DELETE", "Patient/p1"),
        ("POST", "Patient"),
        ("PATCH", "Patient/p1"),
    ):
        answer = Browser().generic(
            method, f"/fhir/{path}", body, "application/fhir+json", headers=result.bearer
        )
        assert answer.status_code in (403, 415)
    assert everyone().get("Patient/p1").json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("scope", ["patient/*.cruds", "user/*.cruds", "system/*.cruds"])
def test_a_persons_own_rights_bound_every_scope(scope: str) -> None:
    app, _ = make_client(scope=f"openid {scope}", grant_types=["authorization_code", "client_credentials"])
    everyone().send("PUT", "Patient/p2", {"resourceType": "Patient", "id": "p2"})
    flow = Flow(app, make_user("Patient/p1"), scope=f"openid {scope}")
    token: Any = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answer = Browser().get("/fhir/Patient/p2", headers=headers)
    assert answer.status_code in (403, 404)
    body = '{"resourceType": "Patient", "id": "p2", "active": true}'
    put = Browser().generic("PUT", "/fhir/Patient/p2", body, "application/fhir+json", headers=headers)
    assert put.status_code in (403, 404)

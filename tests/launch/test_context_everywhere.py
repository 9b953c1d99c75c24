"""The whole context: with the tokens, after a refresh, and in introspection, each member in its JSON type."""

from typing import Any

import jwt
import pytest

from accounts.models import User
from launch.context import make_launch
from tests.oauth.flow import Result, basic, make_client, make_user, run_authorization_code
from tests.oauth.services import post

pytestmark = pytest.mark.django_db
CONTEXT: dict[str, Any] = {
    "patient": "amy",
    "encounter": "amy-1",
    "fhirContext": [
        {"reference": "ImagingStudy/7", "role": "https://ward.example/role/shown"},
        {"identifier": {"system": "https://ward.example/orders", "value": "4711"}, "type": "ServiceRequest"},
    ],
    "need_patient_banner": False,
    "intent": "reconcile-medications",
    "smart_style_url": "https://ward.example/style/1.json",
    "tenant": "ward-7",
}
SCOPE = "launch openid fhirUser profile patient/*.rs offline_access"


def launched(user: User, **context: Any) -> Result:
    """Tokens of an app that was launched with this context."""
    client, secret = make_client(confidential=True, introspection="own")
    kept = {{"fhirContext": "fhir_context"}.get(name, name): value for name, value in context.items()}
    return run_authorization_code(
        client, user, SCOPE, secret=secret, launch=make_launch(client, user, **kept)
    )


def context_of(members: dict[str, Any]) -> dict[str, Any]:
    """Those members that are context."""
    return {name: members[name] for name in CONTEXT if name in members}


def introspected(result: Result, token: str) -> dict[str, Any]:
    """What is told of a token."""
    login = {"Authorization": basic(result.flow.application.client_id, result.flow.secret)}
    told: dict[str, Any] = post("/oauth/introspect", {"token": token}, login).json()  # type: ignore[attr-defined]
    assert told["active"] is True
    return told


def claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, whoever signed it."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def clinician() -> User:
    return make_user("Practitioner/d1")


@pytest.mark.requirement("SMART-83")
@pytest.mark.requirement("SMART-84")
@pytest.mark.requirement("SMART-118")
@pytest.mark.requirement("SMART-168")
@pytest.mark.requirement("SMART-169")
@pytest.mark.requirement("SMART-277")
def test_every_member_arrives_with_the_token_after_a_refresh_and_in_introspection(clinician: User) -> None:
    first = launched(clinician, **CONTEXT)
    assert context_of(first.tokens) == CONTEXT
    answer: Any = first.flow.refresh(first.tokens["refresh_token"])
    refreshed = answer.json()
    assert context_of(refreshed) == CONTEXT
    for token in (first.access_token, refreshed["access_token"], refreshed["refresh_token"]):
        assert context_of(introspected(first, token)) == CONTEXT


@pytest.mark.requirement("SMART-170")
@pytest.mark.requirement("SMART-173")
@pytest.mark.parametrize("banner", [True, False])
def test_the_types_of_json_are_kept(clinician: User, banner: bool) -> None:
    first = launched(clinician, **{**CONTEXT, "need_patient_banner": banner})
    answer: Any = first.flow.refresh(first.tokens["refresh_token"])
    for members in (first.tokens, answer.json(), introspected(first, answer.json()["access_token"])):
        assert members["need_patient_banner"] is banner
        assert {name: type(members[name]) for name in CONTEXT} == {
            name: type(value) for name, value in CONTEXT.items()
        }


def test_the_id_token_says_who_and_never_with_which_patient(clinician: User) -> None:
    first = launched(clinician, **CONTEXT)
    answer: Any = first.flow.refresh(first.tokens["refresh_token"])
    for token in (first.tokens["id_token"], answer.json()["id_token"]):
        assert context_of(claims(token)) == {}
        assert not {"launch", "scope"} & set(claims(token))


def test_the_access_token_carries_what_a_resource_server_needs(clinician: User) -> None:
    told = context_of(claims(launched(clinician, **CONTEXT).access_token))
    assert told == {name: CONTEXT[name] for name in ("patient", "encounter", "fhirContext")}


@pytest.mark.requirement("SMART-173")
def test_without_a_patient_there_is_no_banner_to_speak_of(clinician: User) -> None:
    client, secret = make_client(confidential=True, introspection="own")
    launch = make_launch(client, clinician, intent="board", need_patient_banner=True)
    scope = "launch openid user/*.rs offline_access"
    first = run_authorization_code(client, clinician, scope, secret=secret, launch=launch)
    answer: Any = first.flow.refresh(first.tokens["refresh_token"])
    for members in (first.tokens, answer.json(), introspected(first, answer.json()["access_token"])):
        assert context_of(members) == {"intent": "board"}


def test_what_a_launch_does_not_say_is_left_out_and_never_null(clinician: User) -> None:
    first = launched(clinician, patient="amy")
    only = {"patient": "amy", "need_patient_banner": True}
    answer: Any = first.flow.refresh(first.tokens["refresh_token"])
    for members in (first.tokens, answer.json(), introspected(first, answer.json()["access_token"])):
        assert context_of(members) == only
        assert None not in members.values()


@pytest.mark.requirement("SMART-109")
def test_a_refresh_for_less_keeps_the_context(clinician: User) -> None:
    first = launched(clinician, **CONTEXT)
    answer: Any = first.flow.refresh(
        first.tokens["refresh_token"], scope="patient/Observation.rs offline_access"
    )
    assert context_of(answer.json()) == CONTEXT

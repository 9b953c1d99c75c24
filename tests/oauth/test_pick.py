"""Standalone launches: who picks, from which patients and encounters, and what the pick does."""

import html
import re
from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import Proxy
from launch.context import make_launch, picked, picked_encounter
from launch.models import LaunchContext
from oauth.models import AuthorizationRequest, Grant, Scope
from tests.launch.conftest import encounter, patient, put
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _records() -> None:
    put(patient("amy", "Shaw", "Amy", birthDate="1987-05-23"))
    put(patient("ben", "Stone", "Ben"))
    put(encounter("amy-1", "amy", "2024-01-05"))
    put(encounter("ben-1", "ben", "2024-02-01"))


def names(page: Any) -> list[str]:
    """The patients that a picker offers."""
    return re.findall(r'name="patient" value="([^"]+)"', page.content.decode())


def is_at(page: Any, end: str) -> bool:
    """Whether the walk has come to the page with this end of its path."""
    return bool(page.status_code == 200 and page.request["PATH_INFO"].endswith(end))


@pytest.mark.requirement("SMART-353")
@pytest.mark.requirement("SMART-363")
@pytest.mark.requirement("SMART-167")
def test_a_clinician_picks_a_patient_and_the_token_is_for_that_patient() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    flow = Flow(client, user, scope="launch/patient openid patient/*.rs")
    page = flow.authorize()
    assert is_at(page, "/patient")
    assert names(page) == ["amy", "ben"]
    consent = flow.pick(page, "ben")
    assert is_at(consent, "/consent")
    assert "Ben Stone" in html.unescape(consent.content.decode())
    tokens = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    assert tokens["patient"] == "ben"
    context = LaunchContext.objects.get()
    assert (context.user, context.claimed_by) == (user, AuthorizationRequest.objects.get().pk)


def test_a_clinician_finds_a_patient_by_name() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"))
    page = flow.authorize()
    path = page.request["PATH_INFO"]  # type: ignore[attr-defined]
    assert names(flow.browser.get(path, {"q": "shaw"})) == ["amy"]
    assert names(flow.browser.get(path, {"q": "nobody"})) == []
    assert flow.browser.get(path, {"q": "a\x00b" * 500}).status_code in (200, 400)
    assert flow.browser.get(path, {"page": "never ours"}).status_code == 302


@pytest.mark.requirement("SMART-164")
@pytest.mark.requirement("SMART-165")
@pytest.mark.parametrize(
    "scope", ["launch/patient", "launch/encounter", "patient/Observation.rs", "openid patient/*.read"]
)
def test_any_patient_scope_asks_for_a_patient(scope: str) -> None:
    client, _ = make_client()
    assert is_at(Flow(client, make_user("Practitioner/d1"), scope=scope).authorize(), "/patient")


@pytest.mark.parametrize("scope", ["openid fhirUser", "user/Observation.rs"])
def test_without_a_patient_scope_nobody_is_asked_for_a_patient(scope: str) -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    assert "patient" not in run_authorization_code(client, user, scope).tokens


def test_patients_get_themselves() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/amy"), "launch/patient patient/*.rs").tokens
    assert tokens["patient"] == "amy"


def test_a_proxy_for_one_gets_that_one() -> None:
    client, _ = make_client()
    user = make_user("RelatedPerson/r1")
    Proxy.objects.create(user=user, patient="ben")
    assert run_authorization_code(client, user, "patient/*.rs").tokens["patient"] == "ben"


def test_a_proxy_for_several_chooses_among_them_only() -> None:
    client, _ = make_client()
    put(patient("cleo", "Zander", "Cleo"))
    user = make_user("RelatedPerson/r1")
    for one in ("amy", "ben"):
        Proxy.objects.create(user=user, patient=one)
    flow = Flow(client, user)
    page = flow.authorize()
    assert names(page) == ["amy", "ben"]
    assert flow.pick(page, "cleo").status_code == 400
    tokens = flow.exchange(answer_of(flow.decide(flow.pick(page, "amy")))["code"]).json()  # type: ignore[attr-defined]
    assert tokens["patient"] == "amy"


def test_a_proxy_for_nobody_gets_access_denied() -> None:
    client, _ = make_client()
    user = make_user("RelatedPerson/r1")
    Proxy.objects.create(user=user, patient="ben", active=False)
    assert answer_of(Flow(client, user).authorize())["error"] == "access_denied"


@pytest.mark.parametrize("shown", ["", "nobody", "../ben", "x" * 5000, "ben\x00", "a b"])
def test_a_pick_that_is_no_patient_changes_nothing(shown: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"))
    assert flow.pick(flow.authorize(), shown).status_code in (200, 400)
    assert not LaunchContext.objects.exists()
    assert not Grant.objects.exists()


def test_nobody_outside_the_care_team_is_offered_or_taken(settings: Any) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"))
    page = flow.authorize()
    assert names(page) == []
    assert flow.pick(page, "ben").status_code == 400
    assert not LaunchContext.objects.exists()


def test_a_launch_without_a_patient_is_completed_by_the_pick() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, intent="review")
    tokens = run_authorization_code(client, user, "launch patient/*.rs", launch=launch, patient="amy").tokens
    assert (tokens["patient"], tokens["intent"]) == ("amy", "review")
    launch.refresh_from_db()
    assert launch.patient == "amy"


def test_a_finished_pick_cannot_be_changed() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"))
    page = flow.authorize()
    flow.pick(page, "amy")
    flow.pick(page, "ben")
    assert LaunchContext.objects.get().patient == "amy"


@pytest.mark.requirement("SMART-364")
@pytest.mark.requirement("SMART-167")
def test_launch_encounter_lets_the_person_pick_one_of_the_patients_encounters() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/amy"), scope="launch/patient launch/encounter patient/*.rs")
    page = flow.authorize()
    assert is_at(page, "/encounter")
    path = page.request["PATH_INFO"]  # type: ignore[attr-defined]
    assert flow.browser.post(path, {"encounter": "ben-1"}).status_code == 400
    consent = flow.follow(flow.browser.post(path, {"encounter": "amy-1"}))
    tokens = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    assert tokens["encounter"] == "amy-1"
    assert "launch/encounter" in tokens["scope"]


def test_no_particular_encounter_grants_no_encounter_scope() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/amy"), scope="launch/encounter patient/*.rs")
    path = flow.authorize().request["PATH_INFO"]  # type: ignore[attr-defined]
    consent = flow.follow(flow.browser.post(path, {"encounter": ""}))
    tokens = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    assert tokens["scope"] == "patient/*.rs"
    assert "encounter" not in tokens


def test_where_the_patient_has_no_encounter_nobody_is_asked() -> None:
    put(patient("cleo", "Zander", "Cleo"))
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/cleo"), "launch/encounter patient/*.rs").tokens
    assert tokens["scope"] == "patient/*.rs"


def test_a_picker_may_not_be_reached_from_another_browser_or_without_csrf_token() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    flow = Flow(client, user, browser=Browser(enforce_csrf_checks=True))
    page = flow.authorize()
    assert flow.pick(page, "amy").status_code == 403
    other = Browser()
    other.force_login(user)
    path = page.request["PATH_INFO"]  # type: ignore[attr-defined]
    assert other.post(path, {"patient": "amy"}).status_code == 400
    assert not LaunchContext.objects.exists()


def pick_encounter(flow: Flow, page: Any, encounter: str) -> dict[str, Any]:
    """Choose an encounter, allow, and exchange the code; the tokens."""
    consent = flow.follow(flow.browser.post(page.request["PATH_INFO"], {"encounter": encounter}))
    tokens: dict[str, Any] = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    return tokens


@pytest.mark.requirement("SMART-364")
def test_launch_encounter_alone_asks_a_clinician_for_the_patient_first() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"), scope="launch/encounter openid")
    page: Any = flow.authorize()
    assert is_at(page, "/patient")
    page = flow.pick(page, "ben")
    assert is_at(page, "/encounter")
    assert "2024-02-01" in page.content.decode()
    assert "2024-01-05" not in page.content.decode()
    tokens = pick_encounter(flow, page, "ben-1")
    assert (tokens["patient"], tokens["encounter"]) == ("ben", "ben-1")
    assert tokens["scope"] == "launch/encounter openid"


@pytest.mark.requirement("SMART-159")
@pytest.mark.requirement("SMART-160")
def test_a_role_that_is_not_known_here_is_given_the_context_that_there_is() -> None:
    client, _ = make_client()
    scope = "launch/patient?role=https%3A%2F%2Fx.example%2Fr openid"
    tokens = run_authorization_code(client, make_user("Patient/amy"), scope).tokens
    assert (tokens["patient"], tokens["scope"]) == ("amy", scope)


def test_somebody_with_no_patient_to_choose_is_told_no_encounter() -> None:
    client, _ = make_client()
    user = make_user("RelatedPerson/r1")
    tokens = run_authorization_code(client, user, "launch/encounter openid").tokens
    assert tokens["scope"] == "openid"
    assert not {"patient", "encounter"} & set(tokens)
    for scope in ("launch/encounter", "launch/patient openid", "patient/*.rs openid"):
        assert answer_of(Flow(client, user, scope=scope).authorize())["error"] == "access_denied"


@pytest.mark.requirement("SMART-163")
def test_a_clinician_may_go_on_without_a_patient_where_the_app_has_use_of_it() -> None:
    client, _ = make_client()
    flow = Flow(
        client, make_user("Practitioner/d1"), scope="launch/patient launch/encounter openid user/*.rs"
    )
    page: Any = flow.authorize()
    assert 'name="without"' in page.content.decode()
    consent = flow.follow(flow.browser.post(page.request["PATH_INFO"], {"without": "1"}))
    tokens = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    assert tokens["scope"] == "openid user/*.rs"
    assert not {"patient", "encounter", "need_patient_banner"} & set(tokens)


@pytest.mark.requirement("SMART-164")
@pytest.mark.parametrize(
    "scope", ["launch/patient", "patient/*.rs openid", "launch/patient patient/*.r user/*.rs"]
)
def test_nobody_goes_on_without_a_patient_where_a_scope_is_about_one(scope: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"), scope=scope)
    page: Any = flow.authorize()
    assert 'name="without"' not in page.content.decode()
    assert flow.browser.post(page.request["PATH_INFO"], {"without": "1"}).status_code == 400
    assert AuthorizationRequest.objects.get().scope == scope


@pytest.mark.parametrize(
    "scope", ["launch/imagingstudy", "launch/questionnaire?role=x", "launch/practitioner"]
)
def test_context_of_types_that_nobody_picks_here_is_not_granted(scope: str) -> None:
    Scope.objects.create(pattern=scope.partition("?")[0])
    client, _ = make_client(scope=f"openid {scope}")
    tokens = run_authorization_code(client, make_user("Patient/amy"), f"openid {scope}").tokens
    assert tokens["scope"] == "openid"
    assert (
        answer_of(Flow(client, make_user("Patient/amy"), scope=scope).authorize())["error"] == "invalid_scope"
    )
    advertised = Browser().get("/fhir/.well-known/smart-configuration").json()["scopes_supported"]
    assert scope.partition("?")[0] not in advertised


def test_launch_without_a_launch_value_is_dropped() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/amy"), "launch openid patient/*.rs").tokens
    assert (tokens["scope"], tokens["patient"]) == ("openid patient/*.rs", "amy")
    answer = answer_of(Flow(client, make_user("Patient/amy"), scope="launch").authorize())
    assert answer["error"] == "invalid_scope"


@pytest.mark.requirement("SMART-168")
def test_a_launch_value_brings_its_context_also_without_the_scope_launch() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="amy", encounter="amy-1", intent="review")
    tokens = run_authorization_code(client, user, "openid patient/*.rs", launch=launch).tokens
    assert (tokens["patient"], tokens["encounter"], tokens["intent"]) == ("amy", "amy-1", "review")
    assert tokens["scope"] == "openid patient/*.rs"


def test_of_two_patients_picked_at_the_same_moment_the_first_one_stands() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user)
    other_tab = LaunchContext.objects.get(pk=launch.pk)
    assert picked(launch, client, user, "request", "amy").patient == "amy"
    assert picked(other_tab, client, user, "request", "ben").patient == "amy"
    assert LaunchContext.objects.get().patient == "amy"


def test_an_encounter_never_joins_another_patient() -> None:
    client, _ = make_client()
    launch = make_launch(client, make_user("Practitioner/d1"), patient="amy")
    other_tab = LaunchContext.objects.get(pk=launch.pk)
    other_tab.patient = "ben"
    assert not picked_encounter(other_tab, "ben-1")
    assert picked_encounter(launch, "amy-1")
    assert not picked_encounter(launch, "amy-2")
    assert LaunchContext.objects.get().encounter == "amy-1"


def test_an_encounter_of_a_patient_who_was_lost_meanwhile_is_not_taken(settings: Any) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Practitioner/d1"), scope="launch/patient launch/encounter patient/*.rs")
    page: Any = flow.pick(flow.authorize(), "amy")
    assert is_at(page, "/encounter")
    settings.CLINICIAN_ACCESS = "careteam"
    answer = flow.follow(flow.browser.post(page.request["PATH_INFO"], {"encounter": "amy-1"}))
    assert answer_of(answer)["error"] == "access_denied"
    assert LaunchContext.objects.get().encounter == ""

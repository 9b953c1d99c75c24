"""Launches in the wrong hands: another client's, another person's, another EHR's, used twice, too late."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from launch.context import claim, make_launch
from launch.models import LaunchContext
from oauth.models import AccessToken, Application, Grant
from tests.launch.claiming import winners
from tests.launch.conftest import patient, put
from tests.oauth.ehr import SCOPE as EHR_SCOPE
from tests.oauth.ehr import Ehr, make_ehr, post, refusal
from tests.oauth.flow import (
    EVERYTHING,
    Flow,
    answer_of,
    make_client,
    make_user,
    run_authorization_code,
)

pytestmark = pytest.mark.django_db
SCOPE = "launch openid patient/*.rs"


def refused(flow: Flow, launch: LaunchContext) -> dict[str, str]:
    """Present a launch that must not work; the error."""
    answer = answer_of(flow.authorize(launch=launch.pk))
    assert "code" not in answer
    assert not Grant.objects.exists()
    return answer


def test_a_launch_of_another_client_is_refused_and_stays_unclaimed() -> None:
    mine, _ = make_client()
    other, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(other, user, patient="p1")
    assert refused(Flow(mine, user, scope=SCOPE), launch)["error"] == "invalid_request"
    launch.refresh_from_db()
    assert launch.claimed_by == ""


def test_a_launch_of_another_person_is_refused() -> None:
    client, _ = make_client()
    launch = make_launch(client, make_user("Practitioner/d1"), patient="p1")
    answer = refused(Flow(client, make_user("Practitioner/d2"), scope=SCOPE), launch)
    assert answer["error"] == "invalid_request"


def test_a_launch_is_used_once() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    run_authorization_code(client, user, SCOPE, launch=launch)
    Grant.objects.all().delete()
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "invalid_request"


def test_a_launch_is_taken_by_whoever_presents_it_first_even_before_sign_in() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    Flow(client, None, scope=SCOPE).authorize(launch=launch.pk)
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "invalid_request"


def test_a_launch_is_good_for_five_minutes() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    assert timedelta(minutes=4) < launch.expires - timezone.now() <= timedelta(minutes=5)
    LaunchContext.objects.update(expires=timezone.now())
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "invalid_request"


def test_of_two_claims_one_wins() -> None:
    client, _ = make_client()
    launch = make_launch(client, make_user("Practitioner/d1"), patient="p1")
    assert [claim(launch, client.pk, "one"), claim(launch, client.pk, "two")] == [True, False]
    launch.refresh_from_db()
    assert launch.claimed_by == "one"


def test_a_claim_in_the_same_moment_is_told_as_a_used_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    monkeypatch.setattr("oauth.stored_requests.claim", lambda *args: False)
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "invalid_request"


@pytest.mark.parametrize("fhir_user", ["Patient/p2", "RelatedPerson/r1"])
def test_a_launch_gives_nobody_a_patient_whom_they_may_not_see(fhir_user: str) -> None:
    client, _ = make_client()
    user = make_user(fhir_user)
    launch = make_launch(client, user, patient="p1")
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "access_denied"


def test_a_clinician_is_not_launched_beyond_the_care_team(settings: Any) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "access_denied"


def test_staff_without_a_fhir_identity_launch_nothing() -> None:
    client, _ = make_client()
    user = make_user("", is_staff=True, is_superuser=True)
    launch = make_launch(client, user, patient="p1")
    assert refused(Flow(client, user, scope=SCOPE), launch)["error"] == "access_denied"


def test_the_launch_scope_without_a_launch_value_is_dropped() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/p1"), SCOPE).tokens
    assert tokens["scope"] == "openid patient/*.rs"


def test_no_refusal_tells_the_launch_value(caplog: pytest.LogCaptureFixture) -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, make_user("Practitioner/d2"), patient="p1")
    answer = refused(Flow(client, user, scope=SCOPE), launch)
    told = " ".join(record.getMessage() for record in caplog.records if record.name == "oauth.refusals")
    assert launch.pk not in told + answer["error_description"]
    assert launch.pk not in str(launch)


@pytest.mark.django_db(transaction=True)
def test_of_claims_in_several_processes_at_once_one_wins(tmp_path: Path) -> None:
    client, _ = make_client()
    launch = make_launch(client, make_user("Practitioner/d1"), patient="p1")
    assert winners(launch, 4, tmp_path) == 1


@pytest.fixture
def ehr() -> Ehr:
    """An EHR that may launch one app for a clinician."""
    make_user("Practitioner/d1", username="doc")
    put(patient("amy", "Shaw", "Amy"))
    return make_ehr(make_client(launch_url="https://app.example.org/launch")[0])


def presented(ehr: Ehr, launch: LaunchContext) -> dict[str, str]:
    """What the app gets for the launch when the clinician comes with it."""
    return answer_of(Flow(ehr.app, launch.user, scope=SCOPE).authorize(launch=launch.pk))


def test_a_persons_token_makes_no_launch_whatever_its_scopes(ehr: Ehr) -> None:
    clinician = make_user("Practitioner/d2")
    greedy, secret = make_client(
        scope=f"{EVERYTHING} {EHR_SCOPE}", confidential=True, introspection="any", grant_types=[]
    )
    greedy.may_launch.add(ehr.app)
    asked = f"openid user/*.cruds introspection {EHR_SCOPE}"
    tokens = run_authorization_code(greedy, clinician, asked, secret=secret)
    assert EHR_SCOPE not in tokens.tokens["scope"]
    # Not even if the scope had found its way into the token.
    AccessToken.objects.filter(application=greedy).update(scope=asked)
    answer: Any = post(json.dumps(ehr.body()), tokens.bearer)
    assert refusal(answer)[:2] == (403, "insufficient_scope")
    assert not LaunchContext.objects.filter(made_by=greedy).exists()


def test_the_id_token_and_the_refresh_token_of_a_person_make_no_launch(ehr: Ehr) -> None:
    tokens = run_authorization_code(ehr.app, make_user("Patient/amy"), "openid patient/*.rs offline_access")
    for name in ("id_token", "refresh_token"):
        answer: Any = post(json.dumps(ehr.body()), {"Authorization": f"Bearer {tokens.tokens[name]}"})
        assert refusal(answer)[:2] == (401, "invalid_token")


def test_no_token_is_taken_from_query_body_or_cookie(ehr: Ehr) -> None:
    token = ehr.headers["Authorization"].partition(" ")[2]
    browser = Browser()
    browser.cookies["access_token"] = token
    told = json.dumps(ehr.body())
    for path in ("/launch/contexts", f"/launch/contexts?access_token={token}"):
        assert browser.post(path, told, content_type="application/json").status_code == 401
    answer: Any = post(json.dumps({**ehr.body(), "access_token": token}), {})
    assert answer.status_code == 401


def test_one_ehr_can_neither_launch_anothers_app_nor_speak_in_its_name(ehr: Ehr) -> None:
    other = make_ehr(make_client(launch_url="https://other.example/launch")[0])
    assert refusal(ehr.ask(client_id=other.app.client_id))[2] == "client_id"
    assert refusal(ehr.ask(made_by=other.service.application.pk))[1] == "invalid_request"
    assert ehr.launch().made_by == ehr.service.application


def test_an_ehrs_launch_is_of_no_use_to_another_app_or_person(ehr: Ehr) -> None:
    other, _ = make_client(launch_url="https://other.example/launch")
    launch = ehr.launch(patient="amy")
    assert refused(Flow(other, launch.user, scope=SCOPE), launch)["error"] == "invalid_request"
    launch = ehr.launch(patient="amy")
    answer = refused(Flow(ehr.app, make_user("Practitioner/d2"), scope=SCOPE), launch)
    assert answer["error"] == "invalid_request"


def test_an_ehrs_launch_is_used_once_and_in_time(ehr: Ehr) -> None:
    launch = ehr.launch(patient="amy")
    run_authorization_code(ehr.app, launch.user, SCOPE, launch=launch)
    assert presented(ehr, launch)["error"] == "invalid_request"
    late = ehr.launch(patient="amy")
    LaunchContext.objects.filter(pk=late.pk).update(expires=timezone.now())
    assert presented(ehr, late)["error"] == "invalid_request"


@pytest.mark.parametrize("status", ["suspended", "retired", "draft"])
def test_a_launch_that_waits_dies_with_the_ehr_that_made_it(ehr: Ehr, status: str) -> None:
    launch = ehr.launch(patient="amy")
    clients = Application.objects.filter(pk=ehr.service.application.pk)
    clients.update(status=status)
    assert presented(ehr, launch)["error"] == "invalid_request"
    clients.update(status="live")
    assert presented(ehr, launch)["error"] == "invalid_request"


def test_a_launch_that_waits_dies_with_its_app_and_does_not_come_back(ehr: Ehr) -> None:
    launch = ehr.launch(patient="amy")
    from_portal = make_launch(ehr.app, launch.user, patient="amy")
    for status in ("suspended", "live"):
        Application.objects.filter(pk=ehr.app.pk).update(status=status)
    for one in (launch, from_portal):
        assert presented(ehr, one)["error"] == "invalid_request"


def test_a_launch_that_waits_dies_when_staff_take_the_app_from_the_ehrs_list(ehr: Ehr) -> None:
    launch = ehr.launch(patient="amy")
    ehr.service.application.may_launch.clear()
    assert presented(ehr, launch)["error"] == "invalid_request"


def test_a_launch_that_waits_dies_when_its_ehr_is_deleted(ehr: Ehr) -> None:
    launch = ehr.launch(patient="amy")
    ehr.service.application.delete()
    launch.refresh_from_db()
    assert launch.made_by is None
    assert presented(ehr, launch)["error"] == "invalid_request"


def test_what_a_person_has_allowed_does_not_end_with_the_ehr(ehr: Ehr) -> None:
    launch = ehr.launch(patient="amy")
    tokens = run_authorization_code(ehr.app, launch.user, SCOPE, launch=launch)
    Application.objects.filter(pk=ehr.service.application.pk).update(status="suspended")
    assert Browser().get("/fhir/Patient/amy", headers=tokens.bearer).status_code == 200


def test_a_suspended_ehr_makes_no_launch(ehr: Ehr) -> None:
    Application.objects.filter(pk=ehr.service.application.pk).update(status="suspended")
    assert ehr.ask().status_code == 401


def test_an_ehrs_launch_gives_nobody_more_than_they_may_see_when_the_app_comes(
    ehr: Ehr, settings: Any
) -> None:
    launch = ehr.launch(patient="amy")
    settings.CLINICIAN_ACCESS = "careteam"
    assert presented(ehr, launch)["error"] == "access_denied"

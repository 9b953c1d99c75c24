"""Launches in the wrong hands: another client's, another person's, used twice, too late."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from launch.context import claim, make_launch
from launch.models import LaunchContext
from oauth.models import Grant
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code

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

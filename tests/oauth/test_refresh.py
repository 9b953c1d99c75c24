"""POST /oauth/token with a refresh token: rotation, families, and what a refresh can and cannot do."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.utils import timezone

from launch.context import make_launch
from oauth.models import AccessToken, Application, RefreshToken, Scope
from tests.oauth import parallel
from tests.oauth.flow import Flow, Result, basic, make_client, make_user, post_token, run_authorization_code

OFFLINE = "openid fhirUser patient/*.rs offline_access"
pytestmark = pytest.mark.django_db


def offline(**registered: Any) -> Result:
    """A patient's tokens with a refresh token."""
    client, secret = make_client(**registered)
    return run_authorization_code(client, make_user("Patient/p1"), OFFLINE, secret)


def living() -> tuple[int, int]:
    """How many access and refresh tokens are not revoked."""
    return (
        AccessToken.objects.filter(revoked__isnull=True).count(),
        RefreshToken.objects.filter(revoked__isnull=True).count(),
    )


@pytest.mark.requirement("SMART-104")
@pytest.mark.requirement("SMART-114")
@pytest.mark.requirement("SMART 2.2 app-launch#response-7")
@pytest.mark.parametrize("confidential", [True, False])
def test_a_refresh_gives_new_tokens_with_the_same_scope_and_context(confidential: bool) -> None:
    first = offline(confidential=confidential)
    second = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert second["access_token"] != first.tokens["access_token"]
    assert second["refresh_token"] != first.tokens["refresh_token"]
    for name in ("scope", "patient", "need_patient_banner", "token_type", "expires_in"):
        assert second[name] == first.tokens[name]
    assert (
        AccessToken.objects.latest("pk").launch_context == AccessToken.objects.earliest("pk").launch_context
    )
    assert len({row.token_family for row in AccessToken.objects.all()}) == 1


@pytest.mark.requirement("OpenID Connect Core 12.2")
def test_the_id_token_of_a_refresh_keeps_person_and_sign_in_time() -> None:
    first = offline()
    second = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    old, new = (
        jwt.decode(tokens["id_token"], options={"verify_signature": False})
        for tokens in (first.tokens, second)
    )
    for name in ("iss", "sub", "aud", "auth_time", "fhirUser"):
        assert new[name] == old[name]
    assert new["at_hash"] != old["at_hash"]


def test_a_spent_refresh_token_shown_at_once_again_gets_nothing_and_harms_nobody() -> None:
    first = offline()
    old = first.tokens["refresh_token"]
    new = first.flow.refresh(old).json()["refresh_token"]  # type: ignore[attr-defined]
    before = living()
    again = first.flow.refresh(old)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    assert "access_token" not in again.json()  # type: ignore[attr-defined]
    assert living() == before
    assert first.flow.refresh(new).status_code == 200


@pytest.mark.requirement("RFC 9700 section 4.14.2")
def test_a_spent_refresh_token_shown_later_kills_its_family() -> None:
    first = offline()
    old = first.tokens["refresh_token"]
    new = first.flow.refresh(old).json()["refresh_token"]  # type: ignore[attr-defined]
    spent = RefreshToken.objects.filter(revoked__isnull=False)
    spent.update(revoked=timezone.now() - timedelta(seconds=9))
    assert first.flow.refresh(old).status_code == 400
    assert living() == (2, 1)
    spent.update(revoked=timezone.now() - timedelta(seconds=11))
    again = first.flow.refresh(old)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    assert living() == (0, 0)
    assert first.flow.refresh(new).status_code == 400


@pytest.mark.requirement("SMART-103")
def test_a_spent_refresh_token_shown_by_another_client_kills_its_family_at_once() -> None:
    first = offline()
    first.flow.refresh(first.tokens["refresh_token"])
    other, secret = make_client(confidential=True)
    thief = Flow(other, None, secret=secret)
    assert thief.refresh(first.tokens["refresh_token"]).json()["error"] == "invalid_grant"  # type: ignore[attr-defined]
    assert living() == (0, 0)


def test_a_family_dies_alone() -> None:
    first = offline()
    run_authorization_code(first.flow.application, first.flow.user, OFFLINE)  # type: ignore[arg-type]
    first.flow.refresh(first.tokens["refresh_token"])
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=timezone.now() - timedelta(seconds=11))
    first.flow.refresh(first.tokens["refresh_token"])
    assert living() == (1, 1)


@pytest.mark.requirement("RFC 6749 section 6")
def test_a_refresh_token_of_another_client_is_refused() -> None:
    first = offline()
    other, secret = make_client(confidential=True)
    assert Flow(other, None, secret=secret).refresh(first.tokens["refresh_token"]).status_code == 400
    assert first.flow.refresh(first.tokens["refresh_token"]).status_code == 200


@pytest.mark.requirement("trap: fhirclient.js refreshes without client_id")
def test_a_public_client_may_refresh_without_naming_itself() -> None:
    first = offline()
    form = {"grant_type": "refresh_token", "refresh_token": first.tokens["refresh_token"]}
    assert post_token(form).status_code == 200


def test_a_confidential_client_may_not_refresh_without_authenticating() -> None:
    first = offline(confidential=True)
    form = {"grant_type": "refresh_token", "refresh_token": first.tokens["refresh_token"]}
    assert post_token(form).status_code == 401
    assert post_token({**form, "client_id": first.flow.application.client_id}).status_code == 401
    assert living() == (1, 1)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("patient/Observation.rs", "patient/Observation.rs"),
        ("openid patient/Condition.r", "openid patient/Condition.r"),
        ("patient/*.read", "patient/*.read"),
        (OFFLINE, OFFLINE),
    ],
)
def test_the_scope_may_shrink_for_one_access_token_and_comes_back_after(asked: str, granted: str) -> None:
    first = offline()
    second = first.flow.refresh(first.tokens["refresh_token"], scope=asked).json()  # type: ignore[attr-defined]
    assert second["scope"] == granted
    assert jwt.decode(second["access_token"], options={"verify_signature": False})["scope"] == granted
    third = first.flow.refresh(second["refresh_token"]).json()  # type: ignore[attr-defined]
    assert third["scope"] == OFFLINE


@pytest.mark.requirement("SMART-104")
@pytest.mark.parametrize(
    "asked",
    [
        "patient/*.cruds",
        "user/*.rs",
        f"{OFFLINE} profile",
        "patient/Observation.rs nonsense",
        "openid  fhirUser",
        "launch",
    ],
)
def test_the_scope_never_grows(asked: str) -> None:
    first = offline()
    response = first.flow.refresh(first.tokens["refresh_token"], scope=asked)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")  # type: ignore[attr-defined]
    assert living() == (1, 1)


def test_a_scope_switched_off_or_taken_from_the_client_is_not_given_anew() -> None:
    first = offline()
    Scope.objects.filter(pattern="fhirUser").update(enabled=False)
    second = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert second["scope"] == "openid patient/*.rs offline_access"
    refused = first.flow.refresh(second["refresh_token"], scope="fhirUser")
    assert refused.json()["error"] == "invalid_scope"  # type: ignore[attr-defined]
    Application.objects.update(scope="openid patient/Observation.rs offline_access")
    third = first.flow.refresh(second["refresh_token"]).json()  # type: ignore[attr-defined]
    assert third["scope"] == "openid patient/Observation.rs offline_access"


@pytest.mark.parametrize(
    "changes",
    [{"refresh_token": None}, {"refresh_token": ["a", "b"]}, {"refresh_token": "a\x00"}, {"scope": "a\x00"}],
)
def test_a_faulty_refresh_is_invalid_request(changes: dict[str, Any]) -> None:
    first = offline()
    response = first.flow.refresh(first.tokens["refresh_token"], **changes)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")  # type: ignore[attr-defined]


def test_an_unknown_or_access_token_is_no_refresh_token() -> None:
    first = offline()
    for token in ("x", first.access_token):
        assert first.flow.refresh(token).json()["error"] == "invalid_grant"  # type: ignore[attr-defined]


def test_an_expired_refresh_token_is_refused() -> None:
    first = offline()
    RefreshToken.objects.update(expires=timezone.now())
    refused = first.flow.refresh(first.tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]


def test_a_clinician_who_lost_the_patient_cannot_refresh(settings: Any) -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    launch = make_launch(client, user, patient="p1")
    first = run_authorization_code(client, user, f"launch {OFFLINE}", launch=launch)
    settings.CLINICIAN_ACCESS = "careteam"
    assert first.flow.refresh(first.tokens["refresh_token"]).status_code == 400
    settings.CLINICIAN_ACCESS = "all"
    assert first.flow.refresh(first.tokens["refresh_token"]).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("CONTRACT: of N parallel refreshes exactly one succeeds")
def test_of_parallel_refreshes_exactly_one_succeeds(tmp_path: Path) -> None:
    first = offline(confidential=True)
    form = {"grant_type": "refresh_token", "refresh_token": first.tokens["refresh_token"]}
    headers = {"Authorization": basic(first.flow.application.client_id, first.flow.secret)}
    assert parallel.at_once(form, headers, 4, tmp_path) == [200, 400, 400, 400]
    assert parallel.living(tmp_path) == (2, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("RFC 6749 section 4.1.2")
def test_of_parallel_exchanges_of_one_code_one_succeeds_and_its_tokens_die(tmp_path: Path) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope=OFFLINE)
    form = {
        "grant_type": "authorization_code",
        "client_id": client.client_id,
        "code": flow.code(),
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    assert parallel.at_once(form, {}, 3, tmp_path) == [200, 400, 400]
    assert parallel.living(tmp_path) == (0, 0)


def test_a_refresh_token_is_worth_nothing_once_offline_access_is_switched_off() -> None:
    first = offline()
    Scope.objects.filter(pattern="offline_access").update(enabled=False)
    response = first.flow.refresh(first.tokens["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    Scope.objects.filter(pattern="offline_access").update(enabled=True)
    assert first.flow.refresh(first.tokens["refresh_token"]).status_code == 200


def test_offline_access_that_is_switched_off_does_not_turn_into_online_access_without_a_session() -> None:
    client, _ = make_client()
    first = run_authorization_code(client, make_user("Patient/p1"), f"{OFFLINE} online_access")
    Scope.objects.filter(pattern="offline_access").update(enabled=False)
    response = first.flow.refresh(first.tokens["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]

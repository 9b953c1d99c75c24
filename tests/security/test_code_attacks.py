"""Authorization codes in the wrong hands."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from oauth.models import AccessToken, Application, Consent, RefreshToken
from tests.oauth.flow import Flow, make_client, make_user
from tests.oauth.services import post

pytestmark = pytest.mark.django_db
SCOPE = "openid patient/*.rs offline_access"


def living() -> int:
    """How many tokens are not revoked."""
    return sum(model.objects.filter(revoked__isnull=True).count() for model in (AccessToken, RefreshToken))


@pytest.mark.requirement("RFC 6749 section 4.1.2")
def test_a_reused_code_is_refused_and_kills_its_tokens() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    code = flow.code()
    tokens = flow.exchange(code).json()  # type: ignore[attr-defined]
    refreshed = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    again = flow.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    assert living() == 0
    assert flow.refresh(refreshed["refresh_token"]).status_code == 400
    headers = {"Authorization": f"Bearer {refreshed['access_token']}"}
    assert Browser().get("/oauth/userinfo", headers=headers).status_code == 401


def test_a_used_code_shown_with_a_wrong_verifier_kills_its_tokens_too() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    code = flow.code()
    flow.exchange(code)
    assert flow.exchange(code, code_verifier="x" * 43).status_code == 400
    assert living() == 0


def test_other_authorizations_survive_a_reused_code() -> None:
    client, _ = make_client()
    user = make_user("Patient/p1")
    other = Flow(client, user, scope=SCOPE)
    other.exchange(other.code())
    flow = Flow(client, user, scope=SCOPE)
    code = flow.code()
    flow.exchange(code)
    flow.exchange(code)
    assert living() == 2


def test_a_code_is_worth_nothing_to_another_client() -> None:
    client, _ = make_client()
    thief, secret = make_client(confidential=True)
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    code = flow.code()
    stolen = Flow(thief, None, secret=secret, verifier=flow.verifier)
    assert stolen.exchange(code).json()["error"] == "invalid_grant"  # type: ignore[attr-defined]
    assert living() == 0
    assert flow.exchange(code).status_code == 200


@pytest.mark.requirement("SMART-31")
@pytest.mark.requirement("RFC 6749 section 4.1.2")
def test_a_used_code_shown_by_another_client_kills_its_tokens_too() -> None:
    client, _ = make_client()
    thief, secret = make_client(confidential=True)
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    code = flow.code()
    assert flow.exchange(code).status_code == 200
    stolen = Flow(thief, None, secret=secret, verifier=flow.verifier)
    assert stolen.exchange(code).json()["error"] == "invalid_grant"  # type: ignore[attr-defined]
    assert living() == 0


def sign_out(flow: Flow) -> None:
    assert flow.browser.post("/accounts/logout/").status_code == 302


def suspend_for_a_moment(flow: Flow) -> None:
    for status in ("suspended", "live"):
        Application.objects.filter(pk=flow.application.pk).update(status=status)


def become_another_for_a_moment(flow: Flow) -> None:
    for fhir_user in ("Patient/p2", "Patient/p1"):
        User.objects.update(fhir_user=fhir_user)


def withdraw_for_a_moment(flow: Flow) -> None:
    for withdrawn in (timezone.now(), None):
        Consent.objects.update(withdrawn=withdrawn)


@pytest.mark.parametrize(
    "end", [sign_out, suspend_for_a_moment, become_another_for_a_moment, withdraw_for_a_moment]
)
def test_a_code_that_outlived_what_it_rests_on_gives_nothing(end: Callable[[Flow], None]) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"), scope="openid patient/*.rs online_access")
    code = flow.code()
    end(flow)
    refused = flow.exchange(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]
    assert living() == 0


@pytest.mark.requirement("RFC 9700 section 4.14.2")
def test_a_thief_who_refreshes_first_is_found_out_when_the_owner_refreshes() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    stolen = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    loot = flow.refresh(stolen["refresh_token"]).json()  # type: ignore[attr-defined]
    loot = flow.refresh(loot["refresh_token"]).json()  # type: ignore[attr-defined]
    spent = RefreshToken.objects.filter(revoked__isnull=False)
    spent.update(revoked=timezone.now() - timedelta(hours=1))
    assert flow.refresh(stolen["refresh_token"]).status_code == 400
    assert living() == 0
    assert flow.refresh(loot["refresh_token"]).status_code == 400


@pytest.mark.parametrize("text", ["x" * 1_000_000, "\x00", "ä", "' OR 1=1 --", "null", "[]"])
def test_nonsense_in_place_of_a_refresh_token_is_refused_and_ends_nothing(text: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE)
    flow.exchange(flow.code())
    refused = flow.refresh(text)
    assert refused.status_code in (400, 413)
    assert living() == 2
    form = {"token": text, "client_id": client.client_id}
    assert post("/oauth/revoke", form).status_code in (200, 400, 413)
    assert living() == 2


@pytest.mark.requirement("RFC 7636 section 4.6; PKCE for confidential clients too")
@pytest.mark.parametrize("confidential", [True, False])
def test_a_stolen_code_is_worth_nothing_without_the_verifier(confidential: bool) -> None:
    client, secret = make_client(confidential=confidential)
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE, secret=secret)
    code = flow.code()
    for verifier in (None, "", "x" * 64, flow.verifier + "x", flow.verifier[:-1]):
        assert flow.exchange(code, code_verifier=verifier).status_code == 400
    assert living() == 0


def test_neither_codes_nor_tokens_nor_secrets_nor_verifiers_reach_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    client, secret = make_client(confidential=True)
    flow = Flow(client, make_user("Patient/p1"), scope=SCOPE, secret=secret)
    code = flow.code()
    tokens = flow.exchange(code).json()  # type: ignore[attr-defined]
    flow.exchange(code)
    flow.refresh(tokens["refresh_token"])
    flow.refresh(tokens["refresh_token"], scope="user/*.cruds")
    logged = caplog.text
    for private in (
        code,
        secret,
        flow.verifier,
        tokens["access_token"],
        tokens["refresh_token"],
        tokens["id_token"],
    ):
        assert private not in logged

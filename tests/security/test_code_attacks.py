"""Authorization codes in the wrong hands."""

import pytest
from django.test import Client as Browser

from oauth.models import AccessToken, RefreshToken
from tests.oauth.flow import Flow, make_client, make_user

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

"""A signing key that got out is withdrawn while it signs: its tokens count at no door, all others at each."""

from typing import Any

import jwt
import pytest
from django.test import Client as Browser

from oauth.key_rotation import replace_compromised
from oauth.models import AccessToken, SigningKey
from oauth.signing_keys import Signer
from tests.fhir.search.shelf import put
from tests.oauth.flow import Flow, make_client, make_user
from tests.oauth.services import Service, make_service, post

pytestmark = pytest.mark.django_db
SCOPE = "openid patient/*.rs offline_access"
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture
def asker() -> Service:
    put({"resourceType": "Patient", "id": "p1"})
    return make_service(introspection="any")


def replace_while_signing(monkeypatch: pytest.MonkeyPatch) -> SigningKey:
    """The key that signs access tokens; it is withdrawn, and replaced, just after it has signed once more."""
    key = SigningKey.objects.get(algorithm="ES256", status="active")
    plain = Signer.sign

    def sign(self: Signer, claims: dict[str, Any], typ: str) -> str:
        text = plain(self, claims, typ)
        if self.kid == key.kid:
            replace_compromised(key)
        return text

    monkeypatch.setattr(Signer, "sign", sign)
    return key


def given(
    grant: str, flow: Flow, service: Service, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, SigningKey]:
    """The access token that comes of a grant during which the key is withdrawn, and that key."""
    code = flow.code()
    if grant == "refresh_token":
        refresh_token = flow.exchange(code).json()["refresh_token"]  # type: ignore[attr-defined]
    key = replace_while_signing(monkeypatch)
    if grant == "authorization_code":
        answer: Any = flow.exchange(code)
    elif grant == "refresh_token":
        answer = flow.refresh(refresh_token)
    else:
        answer = service.ask_token()
    assert answer.status_code == 200, answer.content
    return answer.json()["access_token"], key


def is_active(asker: Service, token: str) -> bool:
    """What another client is told."""
    answer: Any = post("/oauth/introspect", {"token": token, **asker.proof()})
    return bool(answer.json()["active"])


def reads(token: str) -> bool:
    """Whether the FHIR API takes the token."""
    answer = Browser().get("/fhir/Patient/p1", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def listed(staff: Browser, state: str) -> int:
    """How many access tokens the console's list has in this state."""
    page: Any = staff.get("/admin/oauth/accesstoken/", {"alive": state})
    return int(page.context["cl"].result_count)


def test_the_console_calls_such_a_token_dead(
    asker: Service, staff: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, service = Flow(make_client()[0], make_user("Patient/p1"), SCOPE), make_service("system/*.rs")
    given("authorization_code", flow, service, monkeypatch)
    assert AccessToken.objects.get().revoked is None
    assert (listed(staff, "yes"), listed(staff, "no")) == (0, 1)
    service.bearer()
    assert (listed(staff, "yes"), listed(staff, "no")) == (1, 1)


@pytest.mark.requirement("SMART-271")
@pytest.mark.parametrize("grant", GRANTS)
def test_a_token_that_is_signed_while_its_key_is_withdrawn_is_called_active_by_nobody(
    grant: str, asker: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, service = Flow(make_client()[0], make_user("Patient/p1"), SCOPE), make_service("system/*.rs")
    token, key = given(grant, flow, service, monkeypatch)
    is_good = jwt.get_unverified_header(token)["kid"] != key.kid
    assert [is_active(asker, token), reads(token)] == [is_good] * 2
    SigningKey.objects.filter(pk=key.pk).update(status="retired")
    assert [is_active(asker, token), reads(token)] == [is_good] * 2
    monkeypatch.undo()
    again = service.bearer()["Authorization"].removeprefix("Bearer ")
    assert [is_active(asker, again), reads(again)] == [True] * 2

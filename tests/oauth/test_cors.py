"""Which web pages may read our answers."""

from typing import Any

import pytest
from django.test import Client as Browser

from oauth.models import Application
from tests.oauth.flow import Flow, make_client, make_user

pytestmark = pytest.mark.django_db
HOME = "https://app.example.org"


def allowed(response: Any) -> str:
    """The origin that may read the answer."""
    return str(response.get("Access-Control-Allow-Origin", ""))


@pytest.mark.requirement("SMART-16")
@pytest.mark.requirement("SMART 2.2 app-launch#considerations-for-cross-origin-resource-sharing-cors-support")
@pytest.mark.parametrize(
    "path",
    [
        "/fhir/.well-known/smart-configuration",
        "/fhir/metadata",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/oauth/jwks",
    ],
)
def test_any_page_may_read_what_is_public(path: str) -> None:
    response = Browser().get(path, headers={"Origin": "https://anything.example.net"})
    assert response.status_code == 200
    assert allowed(response) in ("*", "https://anything.example.net")
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.requirement("SMART-17")
@pytest.mark.parametrize(
    "path",
    ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/userinfo", "/fhir/Patient/p1", "/fhir"],
)
def test_a_preflight_is_answered_for_every_live_clients_origin_and_for_no_other(path: str) -> None:
    make_client(allowed_origins=f"https://other.example.org {HOME}")
    make_client(allowed_origins="https://gone.example.org", status=Application.Status.SUSPENDED)

    def preflight(origin: str) -> Any:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        headers["Access-Control-Request-Headers"] = "authorization,content-type"
        return Browser().options(path, headers=headers)

    assert allowed(preflight(HOME)) == HOME
    assert "authorization" in preflight(HOME)["Access-Control-Allow-Headers"]
    for other in (
        "https://evil.example.org",
        "https://app.example.or",
        "https://gone.example.org",
        "null",
        "x" * 3000,
    ):
        assert allowed(preflight(other)) == ""


@pytest.mark.requirement("SMART-17")
def test_the_token_answer_may_be_read_by_the_clients_own_page_also_when_it_is_an_error() -> None:
    client, _ = make_client(allowed_origins=HOME)
    flow = Flow(client, make_user())
    form = {"grant_type": "authorization_code", "code": flow.code(), "client_id": client.client_id}
    form |= {"redirect_uri": flow.redirect_uri, "code_verifier": flow.verifier}
    for body, status in (({**form, "code": "wrong"}, 400), ({"grant_type": "x"}, 400), (form, 200)):
        response = Browser().post(
            "/oauth/token",
            "&".join(f"{name}={value}" for name, value in body.items()),
            content_type="application/x-www-form-urlencoded",
            headers={"Origin": HOME},
        )
        assert response.status_code == status
        assert allowed(response) == HOME


def test_the_page_of_another_client_may_not_read_this_clients_answer() -> None:
    make_client(allowed_origins="https://other.example.org")
    client, _ = make_client(allowed_origins=HOME)
    response = Browser().post(
        "/oauth/token",
        f"grant_type=refresh_token&refresh_token=x&client_id={client.client_id}",
        content_type="application/x-www-form-urlencoded",
        headers={"Origin": "https://other.example.org"},
    )
    assert response.status_code == 400
    assert allowed(response) == ""


@pytest.mark.parametrize(
    "path", ["/oauth/authorize", "/oauth/manage", "/accounts/login/", "/launch/", "/admin/"]
)
def test_pages_for_people_are_readable_by_no_other_page(path: str) -> None:
    make_client(allowed_origins=HOME)
    assert allowed(Browser().get(path, headers={"Origin": HOME})) == ""

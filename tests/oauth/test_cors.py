"""Which web pages may read our answers."""

import base64
from typing import Any

import pytest
from django.test import Client as Browser

from oauth.models import AccessToken, Application
from tests.oauth.flow import Flow, basic, make_client, make_user, run_authorization_code

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


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html"
    "#considerations-for-cross-origin-resource-sharing-cors-support"
)
@pytest.mark.parametrize(
    "path", ["/fhir/Patient/p1", "/fhir/Patient?_id=p1", "/fhir/Nonsense", "/oauth/userinfo"]
)
def test_with_a_token_only_its_own_clients_pages_may_read_the_answer(path: str) -> None:
    make_client(allowed_origins="https://other.example.org")
    client, _ = make_client(allowed_origins=HOME)
    bearer = run_authorization_code(client, make_user()).bearer
    for origin, expected in ((HOME, HOME), ("https://other.example.org", ""), ("https://x.example.org", "")):
        assert allowed(Browser().get(path, headers={**bearer, "Origin": origin})) == expected


def test_an_invented_token_opens_no_origin_and_breaks_nothing() -> None:
    make_client(allowed_origins=HOME)
    for claims in (
        '{"client_id": "nobody"}',
        '{"client_id": 5}',
        "[]",
        '{"client_id": "\\u0000"}',
        "[" * 9000,
    ):
        token = ".".join([_part('{"alg": "ES256"}'), _part(claims), "AAAA"])
        for text in (token, "nonsense", "", "a.b.c", "ü"):
            headers = {"Authorization": f"Bearer {text}", "Origin": "https://evil.example.org"}
            response = Browser().get("/fhir/Patient/p1", headers=headers)
            assert response.status_code == 401
            assert allowed(response) == ""


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_an_origin_counts_no_more_once_it_is_taken_out() -> None:
    client, _ = make_client(allowed_origins=HOME)
    headers = {"Origin": HOME, "Access-Control-Request-Method": "POST"}
    assert allowed(Browser().options("/oauth/token", headers=headers)) == HOME
    Application.objects.filter(pk=client.pk).update(allowed_origins="")
    assert allowed(Browser().options("/oauth/token", headers=headers)) == ""


def test_the_answer_to_a_wrong_secret_may_be_read_by_registered_pages_and_by_no_other() -> None:
    client, _ = make_client(confidential=True, allowed_origins=HOME)
    for origin in (HOME, "https://evil.example.org"):
        response = Browser().post(
            "/oauth/token",
            "grant_type=authorization_code&code=x",
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": basic(client.client_id, "wrong"), "Origin": origin},
        )
        assert response.status_code == 401
        assert allowed(response) == (HOME if origin == HOME else "")


@pytest.mark.parametrize("path", ["/fhir/Patient/p1", "/fhir/Patient", "/oauth/userinfo"])
def test_a_page_learns_that_its_token_has_ended(path: str) -> None:
    make_client(allowed_origins="https://other.example.org")
    client, _ = make_client(allowed_origins=HOME)
    bearer = run_authorization_code(client, make_user()).bearer
    AccessToken.objects.get().revoke()
    for origin, expected in ((HOME, HOME), ("https://other.example.org", ""), ("https://x.example.org", "")):
        response = Browser().get(path, headers={**bearer, "Origin": origin})
        assert response.status_code == 401
        assert 'error="invalid_token"' in response["WWW-Authenticate"]
        assert allowed(response) == expected
        exposed = response.get("Access-Control-Expose-Headers", "")
        assert ("WWW-Authenticate" in exposed) == bool(expected)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/oauth/revoke", "token=x", 200), ("/oauth/revoke", "", 400), ("/oauth/introspect", "token=x", 401)],
)
def test_a_clients_page_reads_the_answers_about_tokens_and_their_errors(
    path: str, body: str, status: int
) -> None:
    make_client(allowed_origins="https://other.example.org")
    client, _ = make_client(allowed_origins=HOME)
    for origin, expected in ((HOME, HOME), ("https://x.example.org", "")):
        response = Browser().post(
            path,
            f"{body}&client_id={client.client_id}",
            content_type="application/x-www-form-urlencoded",
            headers={"Origin": origin},
        )
        assert (response.status_code, allowed(response)) == (status, expected)

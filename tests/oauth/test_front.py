"""The straight way from the WSGI server to an endpoint: it answers as the way through Django does."""

import pytest
from django.test import Client as Browser

from oauth.cors import FOR_CLIENTS
from oauth.front import straight_to_endpoints
from tests.oauth.flow import basic, make_client, make_user, run_authorization_code
from tests.oauth.references import plain
from tests.wsgi import THE_COMMON_WAY, Told, asked, common_way

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


def straight(method: str, path: str, body: str = "", **headers: str) -> Told:
    """Status, headers and body by the straight way."""
    return asked(straight_to_endpoints(common_way), method, path, body.encode(), CONTENT_TYPE=FORM, **headers)


@pytest.mark.parametrize("path", FOR_CLIENTS)
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", ""),
        ("POST", ""),
        ("POST", "token=a%00b"),
        ("POST", "token=unknown"),
        ("POST", "grant_type=refresh_token&refresh_token=unknown"),
        ("POST", "grant_type=password"),
        ("POST", "token={token}"),
    ],
)
def test_it_answers_as_the_way_through_django(path: str, method: str, body: str) -> None:
    client, secret = make_client(confidential=True, introspection="own")
    tokens = run_authorization_code(client, make_user("Patient/p1"), "openid patient/*.rs", secret).tokens
    token = tokens["access_token"]
    header = f"Bearer {token}" if path == "/oauth/userinfo" else basic(client.client_id, secret)
    body = body.format(token=token)
    common = Browser(headers={"Authorization": header}).generic(method, path, body, FORM, CONTENT_TYPE=FORM)
    status, headers, text = straight(method, path, body, HTTP_AUTHORIZATION=header)
    assert status == f"{common.status_code} {common.reason_phrase}"
    assert plain(text) == plain(common.content)
    assert headers == dict(common.items())


@pytest.mark.parametrize("path", FOR_CLIENTS)
def test_pages_of_other_origins_and_other_methods_go_the_common_way(path: str) -> None:
    assert straight("POST", path, "token=x", HTTP_ORIGIN="https://app.example.org")[0] == THE_COMMON_WAY
    for method in ("OPTIONS", "HEAD", "PUT", "DELETE"):
        assert straight(method, path)[0] == THE_COMMON_WAY


@pytest.mark.parametrize("path", ["/oauth/token/", "/oauth/authorize", "/fhir/Patient", "/", ""])
def test_every_other_address_goes_the_common_way(path: str) -> None:
    assert straight("GET", path)[0] == THE_COMMON_WAY


def test_a_failure_that_nobody_foresaw_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(request: object) -> None:
        raise RuntimeError("The view fails.")

    monkeypatch.setattr("oauth.front.resolve", lambda path: type("Match", (), {"func": failing}))
    status, headers, text = straight("POST", "/oauth/token", "grant_type=refresh_token")
    assert status == "500 Internal Server Error"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"server_error" in text
    assert b"The view fails" not in text

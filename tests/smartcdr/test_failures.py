"""A failure that nobody has foreseen, here a database that may not be used, in the form of the address."""

import logging
from typing import Any

import pytest
from django.test import Client

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def visitor(settings: Any) -> Client:
    """A client with a session cookie, so that pages ask the database, which fails."""
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    return client


def _check_log(caplog: pytest.LogCaptureFixture, path: str) -> None:
    assert any(path in record.getMessage() and record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    "path", ["/launch/", "/accounts/login/", "/oauth/manage", "/oauth/authorize", "/admin/"]
)
def test_people_see_a_page(visitor: Client, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = visitor.get(path)
    assert response.status_code == 500
    assert response["Content-Type"].startswith("text/html")
    assert "Something went wrong on our side" in response.content.decode()
    assert b"Database access" not in response.content
    _check_log(caplog, path)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/oauth/token", {}),
        ("POST", "/oauth/introspect", {"Authorization": "Basic YTpi"}),
        ("POST", "/oauth/token/introspect", {"Authorization": "Basic YTpi"}),
        ("POST", "/oauth/revoke", {"Authorization": "Basic YTpi"}),
        ("GET", "/oauth/jwks", {}),
    ],
)
def test_clients_get_the_json_of_oauth(
    visitor: Client, method: str, path: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    form = "grant_type=refresh_token&refresh_token=a&client_id=a&token=a"
    with caplog.at_level(logging.ERROR):
        response = visitor.generic(method, path, form, FORM, headers=headers)
    assert response.status_code == 500
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response.json()["error"] == "server_error"
    assert b"Database access" not in response.content
    _check_log(caplog, path)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/fhir/Patient/1", {"Origin": "https://app.example.org"}),
        ("POST", "/fhir", {"Origin": "https://app.example.org"}),
        ("GET", "/fhir/Patient/1", {"Authorization": "Bearer a.b.c"}),
    ],
)
def test_the_api_answers_with_an_outcome(
    visitor: Client, method: str, path: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = visitor.generic(method, path, headers=headers)
    assert response.status_code == 500
    assert response["Content-Type"] == "application/fhir+json"
    assert response.json()["resourceType"] == "OperationOutcome"
    assert response.json()["issue"][0]["code"] == "exception"
    assert b"Database access" not in response.content
    _check_log(caplog, path)

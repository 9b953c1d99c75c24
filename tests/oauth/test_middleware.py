"""The endpoints that apps call are answered without sessions and page policies, and lose nothing by it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from oauth.cors import FOR_CLIENTS
from oauth.models import AccessToken, Application
from tests.oauth.flow import basic, make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
FOR_FORMS = [path for path in FOR_CLIENTS if path != "/oauth/userinfo"]
HOME = "https://app.example.org"


def introspect(token: str, client: Application, secret: str) -> Any:
    headers = {"Authorization": basic(client.client_id, secret)}
    return Browser().post("/oauth/introspect", f"token={token}", content_type=FORM, headers=headers)


@pytest.mark.parametrize("path", FOR_CLIENTS)
def test_an_endpoint_sets_no_cookie_and_keeps_the_headers_that_protect(path: str) -> None:
    browser = Browser()
    browser.force_login(make_user())
    for answer in (browser.post(path, "", content_type=FORM), browser.get(path), browser.put(path)):
        assert answer.status_code in (400, 401, 405)
        assert not answer.cookies
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", FOR_CLIENTS)
@pytest.mark.parametrize("cookie", ["nonsense", '"a\\000b"', "x" * 5000])
def test_cookies_mean_nothing_to_an_endpoint(path: str, cookie: str, settings: Any) -> None:
    browser = Browser(headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
    answer = browser.post(path, "token=x&grant_type=refresh_token", content_type=FORM)
    assert answer.status_code == 401
    assert answer.json()["error"] in ("invalid_client", "invalid_request")


@pytest.mark.parametrize("path", FOR_CLIENTS)
def test_an_endpoint_asks_for_no_csrf_token(path: str) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(make_user())
    assert browser.post(path, "token=x", content_type=FORM).status_code != 403


@pytest.mark.parametrize("path", FOR_FORMS)
@pytest.mark.parametrize("body", ["token=a%00b", "token=a&token=b", "to%00ken=a"])
def test_a_faulty_parameter_is_invalid_request_in_oauths_words(path: str, body: str) -> None:
    answer = Browser().post(path, body, content_type=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Pragma"] == "no-cache"


@pytest.mark.parametrize("path", FOR_FORMS)
def test_an_endpoint_is_called_by_post_only(path: str) -> None:
    for answer in (Browser().get(path), Browser().put(path), Browser().delete(path)):
        assert answer.status_code == 405
        assert "POST" in answer["Allow"]


@pytest.mark.parametrize("path", FOR_CLIENTS)
def test_a_refusal_may_be_read_by_a_clients_page(path: str) -> None:
    make_client(allowed_origins=HOME)
    answer = Browser().post(path, "token=x", content_type=FORM, headers={"Origin": HOME})
    assert answer["Access-Control-Allow-Origin"] == HOME
    assert "origin" in answer["Vary"]


@pytest.mark.parametrize("path", ["/oauth/token/", "/oauth/tokens", "/oauth/authorize", "/oauth//token"])
def test_every_other_address_goes_the_way_of_pages(path: str) -> None:
    answer = Browser().get(path)
    assert answer.status_code in (400, 404)
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_an_introspection_takes_one_statement(django_assert_num_queries: Any) -> None:
    client, secret = make_client(confidential=True, introspection="own")
    tokens = run_authorization_code(client, make_user("Patient/p1"), "openid patient/*.rs", secret).tokens
    introspect(tokens["access_token"], client, secret)
    with django_assert_num_queries(1):
        assert introspect(tokens["access_token"], client, secret).json()["active"]
    AccessToken.objects.get().revoke()
    with django_assert_num_queries(3):
        assert introspect(tokens["access_token"], client, secret).json() == {"active": False}


def test_a_refresh_takes_two_statements(django_assert_num_queries: Any) -> None:
    client, secret = make_client(confidential=True)
    first = run_authorization_code(
        client, make_user("Patient/p1"), "openid patient/*.rs offline_access", secret
    )
    second = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    # On SQLite the second one is five, in a transaction and one of the event, which are savepoints here.
    with django_assert_num_queries(2 if connection.vendor == "postgresql" else 10):
        assert first.flow.refresh(second["refresh_token"]).status_code == 200

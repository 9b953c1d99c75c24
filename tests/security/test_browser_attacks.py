"""Attacks through the browser of somebody signed in: frames, caches, referrers, cookies, hosts, redirects."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.test import Client as Browser

from tests.oauth.flow import Flow, make_client, make_user
from tests.security.test_forged_requests import addresses

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
PUBLIC = (
    "/fhir/.well-known",
    "/.well-known",
    "/fhir/metadata",
    "/oauth/jwks",
    "/launch/style",
    "/favicon.ico",
)


def staff() -> Browser:
    """Somebody who may open every page there is."""
    browser = Browser()
    browser.force_login(make_user("Practitioner/d1", is_staff=True, is_superuser=True))
    return browser


def shown(browser: Browser) -> dict[str, Any]:
    """Every address that shows this person something, and the answer."""
    answers = {path: browser.get(path) for path, _ in addresses() if not path.startswith(PUBLIC)}
    return {path: answer for path, answer in answers.items() if answer.status_code == 200}


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.3 (what a browser keeps)")
def test_no_page_for_somebody_signed_in_may_be_stored() -> None:
    browser = staff()
    kept = {
        path: answer.get("Cache-Control")
        for path, answer in shown(browser).items()
        if not path.startswith(("/healthz", "/readyz", "/admin/jsi18n"))
        and "no-store" not in answer.get("Cache-Control", "")
    }
    assert kept == {}


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.16 (clickjacking)")
def test_no_page_can_be_framed_and_none_tells_other_sites_where_one_came_from() -> None:
    browser = staff()
    answers = shown(browser)
    assert len(answers) > 30
    for path, answer in answers.items():
        if answer["Content-Type"].startswith("text/html"):
            assert answer["X-Frame-Options"] == "DENY", path
            assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], path
        assert answer["Referrer-Policy"] == "same-origin", path
        assert answer["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.16 (clickjacking)")
@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (400, "get", "/accounts/login/?next=%00"),
        (400, "get", "/oauth/authorize?client_id=nobody"),
        (403, "get", "/accounts/password/change/"),
        (403, "post", "/accounts/logout/"),
        (404, "get", "/nothing/here"),
        (404, "get", "/oauth/manage/activity?record=somebody"),
        (405, "get", "/oauth/manage/revoke"),
        (429, "post", "/accounts/login/"),
        (500, "get", "/launch/"),
    ],
)
def test_no_page_that_says_what_is_the_matter_can_be_framed_or_runs_what_is_not_ours(
    status: int, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(raise_request_exception=False, enforce_csrf_checks=status == 403)
    if status != 429:
        person = make_user("Patient/p1")
        person.set_unusable_password()
        person.save()
        browser.force_login(person)
    if status == 500:
        monkeypatch.setattr("launch.views.portal.reachable_patients", lambda user: 1 / 0)
    for _ in range(40 if status == 429 else 1):
        answer = getattr(browser, method)(path, {"login": "x", "password": "x"} if status == 429 else {})
        if answer.status_code == status:
            break
    assert answer.status_code == status
    assert answer["X-Frame-Options"] == "DENY"
    policy = answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.2 (leakage by referrer)")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.12 (redirects that repeat a form)")
def test_the_way_to_the_code_repeats_no_form_elsewhere_and_names_no_code_on_a_page_of_ours() -> None:
    cache.clear()
    app, _ = make_client(consent_policy="always")
    flow = Flow(app, None, scope="openid patient/Observation.rs")
    person = make_user("Patient/p1")
    answers: list[Any] = [flow.browser.get("/oauth/authorize", flow.parameters())]
    answers.append(flow.browser.get(answers[-1]["Location"]))
    signs_in = answers[-1]["Location"]
    form = {
        "login": person.username,
        "password": PASSWORD,
        "next": signs_in.partition("next=")[2].replace("%2F", "/"),
    }
    answers.append(flow.browser.post("/accounts/login/", form))
    assert answers[-1]["Location"].startswith("/oauth/authorize/")
    answers.append(flow.browser.get(answers[-1]["Location"]))
    consent = answers[-1]["Location"]
    answers.append(flow.browser.get(consent))
    answers.append(flow.browser.post(consent, {"decision": "allow", "scope": "patient/Observation.rs"}))
    assert "code=" in answers[-1]["Location"]
    assert {answer.status_code for answer in answers} <= {200, 302, 303}
    for answer in answers:
        assert answer["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Server": "evil.example"},
        {"X-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-Url": "https://evil.example/"},
        {"X-Forwarded-Prefix": "/evil.example"},
        {"X-Script-Name": "/evil.example"},
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/openid-configuration",
        "/fhir/.well-known/smart-configuration",
        "/fhir/metadata",
        "/oauth/authorize?client_id=x",
        "/accounts/login/",
        "/launch/",
        "/admin/",
    ],
)
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.13 (headers of a reverse proxy)")
def test_no_header_moves_our_addresses_to_another_host(path: str, headers: dict[str, str]) -> None:
    answer = Browser().get(path, headers=headers)
    assert "evil" not in answer.content.decode() + str(answer.headers)


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver@evil.example", "", "a b"]
)
@pytest.mark.parametrize("path", ["/accounts/login/", "/launch/", "/oauth/manage", "/admin/login/"])
def test_another_host_header_gets_no_page(path: str, host: str) -> None:
    answer = Browser().get(path, headers={"Host": host or " "})
    assert answer.status_code == 400 or answer["Location"].startswith("/accounts/login/")
    assert "evil" not in answer.content.decode() + answer.get("Location", "")


def test_another_host_header_changes_no_address_that_we_tell(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    browser = Browser(headers={"Host": "evil.example"})
    app, _ = make_client(allowed_origins="https://app.example.org")
    flow = Flow(app, make_user("Patient/p1"), scope="openid patient/*.rs")
    tokens: Any = flow.exchange(flow.code())
    told = [
        browser.get("/.well-known/openid-configuration"),
        browser.get("/fhir/.well-known/smart-configuration"),
        browser.get("/fhir/metadata"),
        browser.get("/oauth/userinfo", headers={"Authorization": f"Bearer {tokens.json()['access_token']}"}),
        browser.get("/launch/"),
    ]
    assert all("evil" not in answer.content.decode() + str(answer.headers) for answer in told)


def test_a_made_up_header_makes_no_request_a_secure_one() -> None:
    assert configured.SECURE_PROXY_SSL_HEADER is None
    assert configured.USE_X_FORWARDED_HOST is False
    answer = Browser().get("/accounts/login/", headers={"X-Forwarded-Proto": "https"})
    assert not answer.wsgi_request.is_secure()


def test_cookies_of_a_site_with_https_cannot_be_planted_by_its_neighbours_and_not_be_read_by_scripts() -> (
    None
):
    told = (
        "import django; from django.conf import settings as s; django.setup();"
        "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
        " s.SESSION_COOKIE_SAMESITE, s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH, s.CSRF_COOKIE_NAME,"
        " s.CSRF_COOKIE_SECURE, s.CSRF_COOKIE_HTTPONLY, s.CSRF_COOKIE_SAMESITE, s.CSRF_COOKIE_DOMAIN,"
        " s.CSRF_COOKIE_PATH, s.CORS_ALLOW_CREDENTIALS if hasattr(s, 'CORS_ALLOW_CREDENTIALS') else False)"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "smartcdr.settings",
        "SITE_URL": "https://cdr.example.org",
        "DATABASE_URL": "sqlite://:memory:",
    }
    done = subprocess.run(
        [sys.executable, "-c", told], env=environment, check=True, capture_output=True, text=True
    )
    session, csrf, credentials = done.stdout.split()[:6], done.stdout.split()[6:12], done.stdout.split()[12]
    for cookie in (session, csrf):
        assert cookie[0].startswith("__Host-smartcdr_")
        assert cookie[1:] == ["True", "True", "Lax", "None", "/"]
    assert credentials == "False"


@pytest.mark.parametrize("origin", ["https://app.example.org", "null", "https://evil.example.org"])
@pytest.mark.parametrize(
    "path", ["/oauth/token", "/fhir/Patient", "/fhir/metadata", "/oauth/userinfo", "/oauth/manage"]
)
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.17 (in-browser communication)")
def test_no_page_of_another_site_may_send_cookies_along_and_read_the_answer(path: str, origin: str) -> None:
    make_client(allowed_origins="https://app.example.org")
    browser = staff()
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,cookie",
    }
    for answer in (
        browser.get(path, headers={"Origin": origin}),
        browser.options(path, headers={"Origin": origin, **asked}),
    ):
        assert "Access-Control-Allow-Credentials" not in answer.headers
        if path == "/oauth/manage":
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.17 (in-browser communication)")
@pytest.mark.parametrize("mode", ["web_message", "fragment", "form_post", "query.jwt", "okpostmessage"])
def test_an_answer_comes_by_redirect_and_in_no_other_way(mode: str) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user("Patient/p1"), scope="patient/Observation.rs")
    answer = flow.browser.get("/oauth/authorize", flow.parameters(response_mode=mode))
    assert answer["Location"].startswith(f"{flow.redirect_uri}?error=invalid_request")
    assert "#" not in answer["Location"]

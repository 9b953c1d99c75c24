"""Requests that another site makes a browser send: no form takes an answer that our page did not give.

Every address that the server knows is tried, so that a page that is added later is tried as well.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from oauth.models import Application, Grant
from tests.oauth.flow import Flow, make_client, make_user

pytestmark = pytest.mark.django_db
CSRF = "https://www.rfc-editor.org/rfc/rfc9700#section-4.7"
ORIGINS = [
    {},
    {"Origin": "https://evil.example.org"},
    {"Origin": "null"},
    {"Referer": "https://evil.example/"},
]
# Who calls there is proven by the request itself; authorize only turns a POST into a GET.
WITHOUT_COOKIES = re.compile(
    r"/oauth/(token|token/introspect|introspect|revoke|userinfo|register(/.*)?|authorize)\Z"
    r"|/fhir(/.*)?\Z|/launch/contexts\Z"
)


def addresses(
    patterns: list[URLPattern | URLResolver] | None = None, before: str = "/"
) -> Iterator[tuple[str, bool]]:
    """Every address with "1" for what varies in it, and whether its view asks for no CSRF token."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if not isinstance(one.pattern, RoutePattern):
            continue
        route = before + re.sub(r"<[^>]+>", "1", str(one.pattern))
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, route)
        else:
            yield route, getattr(one.callback, "csrf_exempt", False)


def test_the_addresses_are_found() -> None:
    found = dict(addresses())
    assert {"/accounts/login/", "/oauth/manage/revoke", "/launch/1/1/", "/oauth/authorize/1/consent"} <= set(
        found
    )
    assert len([path for path in found if path.startswith("/admin/")]) > 50


@pytest.mark.requirement(CSRF)
@pytest.mark.parametrize("headers", ORIGINS)
def test_no_page_takes_a_form_that_another_site_sends(headers: dict[str, str]) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(make_user("Practitioner/d1", is_staff=True, is_superuser=True))
    taken = {
        path: status
        for path, asks_for_none in addresses()
        if not asks_for_none and (status := browser.post(path, {}, headers=headers).status_code) != 403
    }
    assert taken == {}


@pytest.mark.requirement(CSRF)
def test_only_what_looks_at_no_cookie_asks_for_no_token() -> None:
    assert [
        path for path, asks_for_none in addresses() if asks_for_none and not WITHOUT_COOKIES.match(path)
    ] == []


@pytest.mark.parametrize("path", sorted({path for path, free in addresses() if free} - {"/oauth/authorize"}))
def test_a_session_is_worth_nothing_where_no_token_is_asked(path: str, settings: Any) -> None:
    settings.DYNAMIC_REGISTRATION = True
    answers = []
    for is_signed_in in (True, False):
        browser = Browser()
        if is_signed_in:
            browser.force_login(make_user("Practitioner/d1", is_staff=True, is_superuser=True))
        answers.append(browser.post(path, "{}", content_type="application/json"))
    assert answers[0].status_code == answers[1].status_code >= 400
    said = {re.sub(rb"\(reference [2-9A-Z]{8}\)", b"", answer.content) for answer in answers}
    assert len(said) == 1


@pytest.mark.parametrize("headers", ORIGINS)
def test_staff_do_not_suspend_or_register_apps_for_another_site(headers: dict[str, str]) -> None:
    app, _ = make_client()
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(make_user("", is_staff=True, is_superuser=True))
    form = {"action": "suspend", "_selected_action": app.pk}
    assert browser.post("/admin/oauth/application/", form, headers=headers).status_code == 403
    assert browser.post("/admin/oauth/application/add/", {"name": "x"}, headers=headers).status_code == 403
    assert [one.status for one in Application.objects.all()] == ["live"]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.1.9 (clickjacking)")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_answer_is_given_by_a_link_or_an_image(method: str) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user("Patient/p1"), scope="patient/Observation.rs")
    page: Any = flow.authorize()
    query = {"decision": "allow", "scope": "patient/Observation.rs", "client_id": app.client_id}
    for path in (page.request["PATH_INFO"], "/oauth/manage", "/oauth/manage/revoke", "/accounts/logout/"):
        flow.browser.generic(method, f"{path}?{'&'.join(f'{k}={v}' for k, v in query.items())}")
    assert not Grant.objects.exists()
    assert "_auth_user_id" in flow.browser.session


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_or_field_makes_one_method_into_another(override: str) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user("Patient/p1"), scope="patient/Observation.rs")
    page: Any = flow.authorize()
    path = page.request["PATH_INFO"]
    query = "decision=allow&scope=patient/Observation.rs&_method=POST"
    assert flow.browser.get(f"{path}?{query}", headers={override: "POST"}).status_code == 200
    assert not Grant.objects.exists()
    for method in ("DELETE", "PUT"):
        body = f"decision=allow&scope=patient/Observation.rs&_method={method}"
        answer = Browser().generic("POST", "/fhir/Patient/p1", body, headers={override: method})
        assert answer.status_code in (401, 405)


def test_a_doubled_answer_on_the_consent_page_is_no_more_than_one() -> None:
    app, _ = make_client()
    flow = Flow(app, make_user("Patient/p1"), scope="patient/Observation.rs")
    page: Any = flow.authorize()
    form = {"decision": ["allow", "deny"], "scope": ["patient/Observation.rs"] * 2}
    flow.browser.post(page.request["PATH_INFO"], form)
    assert not Grant.objects.exists()

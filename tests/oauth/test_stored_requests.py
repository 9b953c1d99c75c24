"""Authorization requests that wait for a person: whose browser they belong to."""

from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser

from oauth.stored_requests import store
from tests.oauth.flow import make_client, make_user

pytestmark = pytest.mark.django_db


def sessions_at_the_same_moment(browser: Browser, number: int) -> list[Any]:
    """The browser's session as several requests read it before any of them has saved it."""
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    store_of = import_module(settings.SESSION_ENGINE).SessionStore
    sessions = [store_of(key) for _ in range(number)]
    for session in sessions:
        assert session.get("_auth_user_id")
    return sessions


def test_requests_at_the_same_moment_all_belong_to_the_browser_of_who_signed_in() -> None:
    client, _ = make_client()
    browser, other = Browser(), Browser()
    browser.force_login(make_user("Patient/p1"))
    other.force_login(make_user("Patient/p2"))
    stored = []
    for session in sessions_at_the_same_moment(browser, 6):
        stored.append(store(session, {"scope": "openid"}, client, "openid", None))
        session.save()
    for request in stored:
        assert browser.get(f"/oauth/authorize/{request.pk}").status_code == 302
        assert other.get(f"/oauth/authorize/{request.pk}").status_code == 400


def test_who_signs_in_after_another_has_a_binding_of_their_own() -> None:
    client, _ = make_client()
    browser = Browser()
    browser.force_login(make_user("Patient/p1"))
    [session] = sessions_at_the_same_moment(browser, 1)
    stored = store(session, {"scope": "openid"}, client, "openid", None)
    browser.force_login(make_user("Patient/p2"))
    assert browser.get(f"/oauth/authorize/{stored.pk}").status_code == 400

"""Pages that need a server of the test's own, measured by axe-core: lock-outs would hold others up, and the
demonstration has no apps that registered themselves.
"""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from oauth.models import Application, ClientRegistration
from tests import machine
from tests.browser.axe_core import Checker
from tests.browser.test_accessibility import WCAG
from tests.oauth.flow import make_client, make_user

pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm, pytest.mark.requirement(WCAG)]
DATE_AND_TIME = [("label", "#id_expires_0"), ("label", "#id_expires_1")]
"""Django sets a paragraph, no label, before each of the two fields of a moment."""
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def nobody_is_locked_out() -> Iterator[None]:
    """Counts of tries begin and end with the test."""
    cache.clear()
    yield
    cache.clear()


def sign_in(page: Page, password: str) -> None:
    """Fill in the sign-in page."""
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def test_lock_outs(live_server: LiveServer, axe: Checker) -> None:
    make_user("", "ada")
    # No query of the test's own may run while Playwright's event loop does.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{live_server.url}/accounts/login/")
        sign_in(page, PASSWORD)
        expect(page.get_by_role("heading", name="Apps", level=1)).to_be_visible()
        page.goto(f"{live_server.url}/accounts/password/change/")
        for _ in range(6):
            page.locator("input[name=oldpassword]").fill("not this one")
            page.locator("input[name=password1]").fill("neither")
            page.locator("input[name=password2]").fill("neither")
            with page.expect_navigation():
                page.get_by_role("button", name="Change password").click()
            if page.get_by_role("heading", name="Too many tries").count():
                break
        expect(page.get_by_role("heading", name="Too many tries")).to_be_visible()
        axe.check(page, "429")
        guesser = browser.new_page()
        guesser.goto(f"{live_server.url}/accounts/login/")
        for _ in range(6):
            sign_in(guesser, "not this one")
        expect(guesser.get_by_role("alert")).to_contain_text("Please wait")
        axe.check(guesser, "lock-out")
        browser.close()


def test_the_look_at_drafts_before_they_are_put_live(live_server: LiveServer, axe: Checker) -> None:
    make_user("", "ada", is_staff=True, is_superuser=True)
    for number in (1, 2):
        draft, _ = make_client(status=Application.Status.DRAFT)
        ClientRegistration.objects.create(application=draft, digest=str(number))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{live_server.url}/admin/oauth/clientregistration/")
        sign_in(page, PASSWORD)
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option("put_live")
        page.get_by_role("button", name="Go").click()
        expect(page.get_by_role("button", name="Put live")).to_be_visible()
        axe.check(page, "put live")
        page.goto(f"{live_server.url}/admin/oauth/initialaccesstoken/add/")
        axe.check(page, "form of an initial access token", known=DATE_AND_TIME)
        browser.close()

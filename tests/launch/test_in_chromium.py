"""Our pages and the console in a real browser: the policy refuses nothing, and a phone shows all of it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests import machine
from tests.launch.conftest import make_app

pytestmark = pytest.mark.any_database
PASSWORD = "correct horse battery"
PHONE = {"width": 390, "height": 800}


class Visitor:
    """Somebody at a browser with a phone's width, who notes every complaint of its console."""

    def __init__(self, browser: Browser, site: str) -> None:
        self.page: Page = browser.new_context(viewport=PHONE).new_page()  # type: ignore[arg-type]
        self.site = site
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )
        self.page.on("pageerror", lambda fault: self.complaints.append(str(fault)))

    def sign_in(self, username: str) -> None:
        """Through the page, as people do."""
        self.page.goto(f"{self.site}/launch/")
        self.look("Sign in")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.arrives_at("Apps")

    def arrives_at(self, heading: str) -> None:
        """Wait for the page of that heading: after a click there is the old page, then none, then the new."""
        self.page.get_by_role("heading", name=heading, level=1, exact=True).wait_for()

    def look(self, heading: str) -> None:
        """On the page of that heading nothing sticks out at the side."""
        self.arrives_at(heading)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], self.page.url


@pytest.fixture
def site(live_server: LiveServer, settings: Any) -> str:
    """A server with a clinician, a superuser and an app on another origin."""
    cache.clear()
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    for person in (
        User(username="doc", fhir_user="Practitioner/doc"),
        User(username="chief", is_superuser=True, is_staff=True),
    ):
        person.set_password(PASSWORD)
        person.save()
    elsewhere = str(live_server.url).replace("localhost", "127.0.0.1")
    make_app("Lab Viewer", launch_url=f"{elsewhere}/healthz", redirect_uris="")
    return str(live_server.url)


@pytest.mark.browser
def test_a_clinician_gets_from_the_sign_in_page_to_an_app_on_another_origin(site: str, records: None) -> None:
    # No query of the test's own may run while Playwright's event loop does.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        visitor = Visitor(browser, site)
        visitor.sign_in("doc")
        visitor.look("Apps")
        page = visitor.page
        page.get_by_role("link", name="Choose a patient for Lab Viewer").click()
        visitor.look("Choose a patient for Lab Viewer")
        page.get_by_label("Find a patient").fill("shaw")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Choose Amy Shaw").click()
        visitor.look("Lab Viewer")
        page.get_by_label("Encounter (optional)").select_option("amy-2")
        page.get_by_role("button", name="Launch").click()
        page.wait_for_url("**/healthz?*")
        arrived = page.url
        complaints = visitor.complaints
        browser.close()
    assert urlsplit(arrived).hostname == "127.0.0.1"
    assert set(parse_qs(urlsplit(arrived).query)) == {"iss", "launch"}
    assert complaints == []


@pytest.mark.browser
def test_the_console_works_under_the_strict_policy(site: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        visitor = Visitor(browser, site)
        visitor.sign_in("chief")
        page = visitor.page
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{site}/admin/auth/group/")
        page.get_by_role("link", name="App manager").click()
        page.locator(".selector-available .filtered").wait_for()
        page.goto(f"{site}/admin/accounts/user/")
        page.get_by_role("link", name="doc").click()
        page.get_by_role("button", name="Add another Proxy").click()
        page.locator("#id_proxies-0-patient").fill("amy")
        for shortcut in ("Today", "Now"):
            page.locator("#proxies-0 .field-ends").get_by_role("link", name=shortcut, exact=True).click()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("was changed successfully").wait_for()
        for path in ("", "launch/launchcontext/", "accounts/user/add/"):
            page.goto(f"{site}/admin/{path}")
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Sign in").wait_for()
        complaints = visitor.complaints
        browser.close()
    assert complaints == []

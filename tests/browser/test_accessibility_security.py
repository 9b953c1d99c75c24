"""The pages about one's own sessions and second factors, measured by axe-core."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe_core import Checker
from tests.browser.test_accessibility import WCAG, signed_in
from tests.chromium import Visitors
from tests.demo_site import DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm, pytest.mark.requirement(WCAG)]


def test_sessions_and_second_factors(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = signed_in(visitors, "luc.moreau").page
    for path in (
        "sessions/",
        "security/",
        "security/passkeys/",
        "security/passkeys/add/",
        "security/app/add/",
    ):
        answer = page.goto(f"{demo_site.url}/accounts/{path}")
        assert answer is not None
        assert answer.status == 200
        assert page.url.endswith(path)
        axe.check(page, path)
    page.locator("input[name=code]").fill("000000")
    page.locator("main form button").first.click()
    expect(page.locator(".errorlist").first).to_be_visible()
    axe.check(page, "authenticator app with an error")

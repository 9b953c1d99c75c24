"""The pages about one's own sessions and second factors, measured by axe-core."""

import pytest
from playwright.sync_api import expect

from tests.accounts.test_in_chromium import enter_code, new_staff, sign_out, with_device
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


def test_an_account_with_an_app_a_passkey_and_recovery_codes(
    demo_site: DemoSite, visitors: Visitors, axe: Checker
) -> None:
    person, visitor = new_staff(demo_site, "axel.factors"), visitors.new()
    page, security = visitor.page, f"{demo_site.url}/accounts/security/"
    with_device(page)
    page.goto(f"{security}app/add/")
    visitor.sign_in(person)
    visitor.arrives_at("Set up an authenticator app")
    enter_code(page, page.locator("#totp_secret").inner_text(), "Set up")
    visitor.arrives_at("Recovery codes")
    axe.check(page, "recovery codes")
    page.goto(f"{security}passkeys/add/")
    page.get_by_label("Name").fill("My phone")
    page.get_by_role("button", name="Add", exact=True).click()
    visitor.sees("You have 1 passkey")
    for path in (
        "",
        "passkeys/",
        "app/remove/",
        "codes/",
        "codes/new/",
        "reauthenticate/",
        "passkeys/reauthenticate/",
    ):
        page.goto(f"{security}{path}")
        axe.check(page, path or "security with factors")
    for link in ("Rename My phone", "Remove My phone"):
        page.goto(f"{security}passkeys/")
        page.get_by_role("link", name=link, exact=True).click()
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Passkeys")
        axe.check(page, link)
    sign_out(visitor)
    page.goto(security)
    visitor.sign_in(person)
    visitor.sees("One more step")
    axe.check(page, "second step")
    page.locator("input[name=code]").fill("000000")
    page.get_by_role("button", name="Continue", exact=True).click()
    visitor.sees("This did not match")
    axe.check(page, "second step with an error")

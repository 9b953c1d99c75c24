"""The administration, measured by axe-core. What Django's own markup does wrong is named here, one by one."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.axe_core import Checker
from tests.browser.test_accessibility import WCAG, request_of, signed_in
from tests.chromium import Visitors
from tests.demo_site import DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm, pytest.mark.requirement(WCAG)]
SEARCH = ("label-title-only", "#searchbar")
"""Django's search field is named by a picture's title beside its own; not a rule of WCAG's."""
CHOOSER = [
    ("aria-prohibited-attr", f'label[for="id_may_launch_{box}"] > .help-tooltip.search-label-icon')
    for box in ("input", "selected_input")
]
"""Django's chooser of several gives a name to its pictures, which have no role that could bear one."""
CLIENTS = [
    {
        "client_id": "to-be-imported",
        "client_name": "To be imported",
        "application_type": "browser",
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://app.example.org/cb"],
        "scope": "openid patient/Observation.rs",
    },
    {"client_id": "with-a-fault", "client_name": "With a fault", "application_type": "toaster"},
]


def test_lists_and_forms_of_the_console(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = signed_in(visitors, "sam.keller", "/admin/").page
    axe.check(page, "console")
    for path in (
        "oauth/application",
        "oauth/accesstoken",
        "oauth/consent",
        "oauth/signingkey",
        "accounts/user",
    ):
        page.goto(f"{demo_site.url}/admin/{path}/")
        expect(page.locator("#changelist")).to_be_visible()
        axe.check(page, f"list {path}", known=[SEARCH])
    page.goto(f"{demo_site.url}/admin/oauth/application/")
    page.get_by_role("link", name="Lab Viewer", exact=True).click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
    axe.check(page, "form of a client", known=CHOOSER)
    page.goto(f"{demo_site.url}/admin/oauth/application/add/")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote")).to_be_visible()
    axe.check(page, "form of a client with errors", known=CHOOSER)


def test_the_import_of_clients(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = signed_in(visitors, "sam.keller", "/admin/").page
    for clients in (CLIENTS, CLIENTS[:1]):
        page.goto(f"{demo_site.url}/admin/oauth/application/import/")
        axe.check(page, "import")
        content = json.dumps({"clients": clients}).encode()
        page.locator("input[type=file]").set_input_files(
            {"name": "clients.json", "mimeType": "application/json", "buffer": content}
        )
        page.get_by_role("button", name="Show what would change").click()
        expect(page.locator(".import-entry").first).to_be_visible()
        axe.check(page, f"preview of {len(clients)}")


def test_the_confirmations_about_keys(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = signed_in(visitors, "sam.keller", "/admin/").page
    for action in ("rotate", "replace_compromised"):
        page.goto(f"{demo_site.url}/admin/oauth/signingkey/")
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option(action)
        page.get_by_role("button", name="Go").click()
        expect(page.get_by_role("button", name="Yes, do it")).to_be_visible()
        axe.check(page, f"confirmation: {action}")


def test_the_audit_trail_and_the_timeline_of_a_refused_app(
    demo_site: DemoSite, visitors: Visitors, axe: Checker
) -> None:
    page = signed_in(visitors, "sam.keller", "/admin/").page
    page.goto(request_of(demo_site, "nobody-knows-me"))
    code = page.locator(".code").inner_text()
    page.goto(f"{demo_site.url}/admin/")
    page.get_by_label("Reference code from an error page").fill(f" {code.lower()} ")
    page.keyboard.press("Enter")
    expect(page.locator(".audit-headline")).to_contain_text("Ended at the authorization request")
    axe.check(page, "timeline of an attempt")
    page.get_by_role("link", name="Authorization attempts").first.click()
    expect(page.locator("#result_list")).to_contain_text(code)
    axe.check(page, "list of attempts")
    page.goto(f"{demo_site.url}/admin/audit/event/?kind=sign-in&person=sam.keller")
    expect(page.get_by_label("Kind")).to_have_value("sign-in")
    axe.check(page, "list of audit events")
    page.locator("#result_list th[scope=row] a").first.click()
    expect(page.locator(".audit-headline")).to_contain_text("sam.keller: sign-in, allowed.")
    axe.check(page, "audit event")

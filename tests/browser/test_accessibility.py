"""Every page that people meet, measured by axe-core against WCAG 2.2 AA, on desktop and phone."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.browser.axe_core import Checker
from tests.chromium import Visitor, Visitors
from tests.demo_site import DemoSite

WCAG = "https://www.w3.org/TR/WCAG22/"
pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm, pytest.mark.requirement(WCAG)]

SCOPE = "openid fhirUser offline_access launch/patient launch/encounter patient/Observation.rs patient/*.rs"
BAD_PAGE = """<!doctype html><html lang="en"><title>Bad</title><main><h3>Too deep</h3>
<p style="color: #eee; background: #fff">Painted by a style that our policy refuses</p>
<input><img src="data:,"><button aria-label="a"></button><button aria-label="b"></button></main></html>"""
MOST_LOOKS = 50
"""What apps read is on the page half a second later."""
HARD_TO_READ = "p = document.querySelector('p'); p.style.color = '#aaa'; p.style.background = '#fff'"


def signed_in(visitors: Visitors, username: str, path: str = "/launch/") -> Visitor:
    """Somebody of the demonstration, at the page that follows the sign-in."""
    person = visitors.new()
    person.page.goto(f"{person.site.url}{path}")
    person.sign_in(next(user for user in person.site.users if user["username"] == username))
    expect(
        person.page.get_by_role("link", name="Sign out").or_(person.page.locator("#site-name"))
    ).to_be_visible()
    return person


def callback(site: DemoSite) -> str:
    """Where the app takes its answers; any page will do."""
    return f"{site.url}/healthz"


def request_of(site: DemoSite, client_id: str, **more: str) -> str:
    """An authorization request's address."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback(site),
        "scope": SCOPE,
        "state": secrets.token_urlsafe(16),
        "aud": site.fhir,
        "code_challenge": urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
        **more,
    }
    return f"{site.url}/oauth/authorize?{urlencode(asked)}"


@pytest.fixture
def diary(demo_site: DemoSite) -> str:
    """The client_id of an app that nobody has allowed yet, with everything that pages tell of one."""
    return demo_site.register(
        client_name=f"Health Diary {secrets.token_hex(4)}",
        description="Keeps what you want to remember.",
        publisher="Example Ltd",
        policy_uri="https://app.example.org/privacy",
        tos_uri="https://app.example.org/terms",
        application_type="browser",
        token_endpoint_auth_method="none",
        redirect_uris=[callback(demo_site)],
        scope=SCOPE,
        status="live",
    )["client_id"]


def test_the_checker_finds_what_is_wrong_while_our_policy_is_in_force(
    demo_site: DemoSite, visitors: Visitors, axe: Checker
) -> None:
    page = visitors.new().page
    page.goto(f"{demo_site.url}/accounts/login/")
    page.set_content(BAD_PAGE)
    rules = {rule for rule, _ in axe.violations(page)}
    assert rules >= {"label", "image-alt", "target-size", "page-has-heading-one"}
    assert "color-contrast" not in rules
    page.evaluate(HARD_TO_READ)
    assert "color-contrast" in {rule for rule, _ in axe.violations(page)}
    with pytest.raises(AssertionError, match="color-contrast"):
        axe.check(page, "the bad page")


def test_sign_in_sign_out_and_the_password(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    person = visitors.new()
    page = person.page
    page.goto(f"{demo_site.url}/accounts/login/")
    axe.check(page, "sign-in")
    person.sign_in({"username": "anna.bauer", "password": "not hers"})
    expect(page.get_by_role("alert")).to_be_visible()
    axe.check(page, "sign-in with an error")
    person.sign_in(demo_site.user("patient"))
    expect(page.get_by_role("heading", name="Apps", level=1)).to_be_visible()
    page.goto(f"{demo_site.url}/accounts/password/change/")
    axe.check(page, "password")
    page.locator("input[name=oldpassword]").fill("not hers")
    page.locator("input[name=password1]").fill("short")
    page.locator("input[name=password2]").fill("other")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".errorlist").first).to_be_visible()
    axe.check(page, "password with errors")
    page.goto(f"{demo_site.url}/accounts/reauthenticate/")
    axe.check(page, "confirm the password")
    page.goto(f"{demo_site.url}/accounts/inactive/")
    axe.check(page, "switched off")
    page.goto(f"{demo_site.url}/accounts/logout/")
    axe.check(page, "sign-out")


def test_portal_chooser_and_start_page(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    doctor = signed_in(visitors, "mei.chen")
    page = doctor.page
    axe.check(page, "portal")
    page.get_by_role("link", name="for Lab Viewer").click()
    expect(page.get_by_label("Find a patient")).to_be_visible()
    axe.check(page, "patient chooser")
    page.get_by_label("Find a patient").fill("nobody at all")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_be_visible()
    axe.check(page, "patient chooser without a find")
    page.get_by_label("Find a patient").fill("Bauer")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Choose Anna Bauer").click()
    expect(page.get_by_role("button", name="Launch")).to_be_visible()
    axe.check(page, "start page")
    page.get_by_text("More for the app").click()
    expect(page.get_by_label("Intent")).to_be_visible()
    axe.check(page, "start page with its more")
    page.get_by_label("Further records").fill("nothing of ours")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert")).to_be_visible()
    axe.check(page, "start page with a fault")


def test_the_portal_of_those_who_have_nothing_to_launch_or_choose(
    demo_site: DemoSite, visitors: Visitors, axe: Checker
) -> None:
    staff = signed_in(visitors, "ines.duarte")
    axe.check(staff.page, "portal without a role")
    relative = signed_in(visitors, next(u["username"] for u in demo_site.users if u["role"] == "related"))
    axe.check(relative.page, "portal of a relative")
    relative.page.get_by_role("link", name="for Lab Viewer").click()
    expect(relative.page.get_by_role("heading", name="For whom shall")).to_be_visible()
    axe.check(relative.page, "choose for whom")


def test_pickers_consent_and_what_was_allowed(
    demo_site: DemoSite, visitors: Visitors, axe: Checker, diary: str
) -> None:
    doctor = visitors.new()
    page = doctor.page
    page.goto(request_of(demo_site, diary))
    expect(page.get_by_text("to continue to")).to_be_visible()
    axe.check(page, "sign-in for an app")
    doctor.sign_in(demo_site.user("clinician"))
    expect(page.get_by_role("heading", name="Choose a patient for Health Diary")).to_be_visible()
    axe.check(page, "patient picker")
    page.get_by_label("Find a patient").fill("Bauer")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Choose Anna Bauer").click()
    expect(page.get_by_label("Encounter")).to_be_visible()
    axe.check(page, "encounter picker")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Allow", exact=True)).to_be_visible()
    axe.check(page, "consent")
    page.locator("input[name=scope][value='patient/Observation.rs']").uncheck()
    expect(page.get_by_role("group", name="Single kinds").first).to_be_visible()
    axe.check(page, "consent with categories unfolded")
    doctor.allow()
    expect(page.get_by_role("alert")).to_be_visible()
    axe.check(page, "consent with a contradiction")
    page.locator("input[name=scope][value='patient/Observation.rs']").check()
    doctor.allow()
    page.wait_for_url(f"{callback(demo_site)}?*")
    page.goto(f"{demo_site.url}/oauth/manage")
    expect(page.get_by_role("button", name="Take back all access from Health Diary")).to_be_visible()
    axe.check(page, "what you allowed")
    page.get_by_role("button", name="Take back all access from Health Diary").click()
    expect(page.get_by_role("status")).to_contain_text("has no access any more")
    axe.check(page, "what you allowed, taken back")


def test_the_page_that_leads_back_to_the_app(
    demo_site: DemoSite, visitors: Visitors, axe: Checker, diary: str
) -> None:
    asked = request_of(demo_site, diary, scope="openid patient/Observation.rs")
    patient = signed_in(visitors, "miguel.santoro")
    patient.page.goto(asked)
    patient.allow()
    patient.page.wait_for_url(f"{callback(demo_site)}?*")
    again = visitors.new()
    again.page.goto(asked)
    # The app has nothing to show, so that the browser stays.
    again.page.route(f"{callback(demo_site)}*", lambda route: route.fulfill(status=204))
    again.sign_in(next(user for user in demo_site.users if user["username"] == "miguel.santoro"))
    expect(again.page.get_by_role("heading", name="Back to Health Diary")).to_be_visible()
    axe.check(again.page, "back to the app")


def test_pages_that_say_what_is_the_matter(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = visitors.new().page
    for path, status, heading in (
        ("/nothing/here", 404, "There is nothing here"),
        ("/accounts/login/?next=%00", 400, "We could not read that request"),
        ("/oauth/authorize?client_id=nobody", 400, "This did not work"),
    ):
        answer = page.goto(f"{demo_site.url}{path}")
        assert answer is not None
        assert answer.status == status
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        axe.check(page, heading)
    page.goto(f"{demo_site.url}/accounts/login/")
    page.context.clear_cookies()
    page.get_by_label("User name").fill("anna.bauer")
    page.get_by_label("Password").fill("never compared")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This form has expired", level=1)).to_be_visible()
    axe.check(page, "expired form")
    # The demonstration does not fail at the test's bidding: its page is shown at an address of its own.
    failed = render_to_string("500.html")
    page.route("**/failed", lambda route: route.fulfill(status=500, content_type="text/html", body=failed))
    page.goto(f"{demo_site.url}/failed")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    axe.check(page, "500")
    manager = signed_in(visitors, "ines.duarte", "/admin/")
    manager.page.goto(f"{demo_site.url}/admin/oauth/signingkey/")
    expect(manager.page.get_by_role("heading", name="This page is not open to you", level=1)).to_be_visible()
    axe.check(manager.page, "403")


def test_the_lab_viewer(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    patient = signed_in(visitors, "miguel.santoro")
    page = patient.page
    page.get_by_role("link", name="Open Lab Viewer").click()
    page.get_by_role("button", name="Open").click()
    patient.allow()
    expect(page.locator(".test").first).to_be_visible()
    axe.check(page, "Lab Viewer")
    page.locator(".test").last.click()
    page.locator(".values summary").click()
    expect(page.locator(".values tbody tr").first).to_be_visible()
    axe.check(page, "Lab Viewer with the values")
    app = page.url
    for _ in range(MOST_LOOKS):
        page.goto(f"{demo_site.url}/oauth/manage")
        if page.get_by_text("Has used your record").count():
            break
    axe.check(page, "what apps did")
    page.get_by_role("link", name="See each time that Lab Viewer, used by you").click()
    expect(page.get_by_role("heading", name="What was done with your record", level=1)).to_be_visible()
    expect(page.get_by_role("list", name="Uses").get_by_text("Searched for").first).to_be_visible()
    axe.check(page, "each single use")
    page.get_by_label("Outcome").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing is on record")
    axe.check(page, "no use")
    page.goto(f"{demo_site.url}/oauth/manage/activity?since=yesterday")
    expect(page.locator(".errorlist").first).to_be_visible()
    axe.check(page, "uses with a fault in the filter")
    page.goto(f"{demo_site.url}/oauth/manage")
    page.get_by_role("button", name="Take back all access from Lab Viewer").click()
    patient.sees("Lab Viewer has no access any more")
    axe.check(page, "what an app did that has no access any more")
    page.goto(app)
    patient.sees("Your access has ended")
    axe.check(page, "Lab Viewer without access")
    stranger = visitors.new().page
    stranger.goto(demo_site.client("Lab Viewer")["redirect_uris"][0])
    expect(stranger.get_by_label("FHIR server")).to_be_visible()
    axe.check(stranger, "Lab Viewer's start page")

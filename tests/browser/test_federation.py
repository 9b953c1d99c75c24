"""Sign-in at a second Smart CDR in a browser, under the policies of both, and the pages of it."""

from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import expect, sync_playwright
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import IdentityProvider
from tests import machine
from tests.browser.axe_core import Checker
from tests.browser.test_accessibility import WCAG, signed_in
from tests.browser.test_accessibility_console import SEARCH
from tests.chromium import Visitor, Visitors
from tests.demo_site import DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm, pytest.mark.requirement(WCAG)]


@pytest.fixture
def here(live_server: LiveServer, demo_site: DemoSite, settings: Settings) -> str:
    """The address of our own server, at which people of the demonstration may sign in."""
    cache.clear()
    settings.SITE_URL = live_server.url
    settings.FHIR_BASE = f"{live_server.url}/fhir"
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    provider = IdentityProvider(
        name="Meadowbrook Clinic",
        slug="meadowbrook",
        issuer=demo_site.url,
        fhir_base=demo_site.fhir,
        new_people="created",
    )
    registered = demo_site.register(
        client_name="Smart CDR of the Valley",
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        grant_types=["authorization_code"],
        redirect_uris=[provider.redirect_uri],
        scope="openid fhirUser profile",
    )
    provider.client_id, provider.secret = registered["client_id"], registered["client_secret"]
    provider.save()
    second = {"name": "Hospital directory", "slug": "directory", "issuer": "https://id.example.org"}
    IdentityProvider.objects.create(**second, client_id="x")
    return str(live_server.url)


def test_a_clinician_signs_in_elsewhere_in_a_browser_and_is_back(
    here: str, demo_site: DemoSite, axe: Checker, tmp_path: Path
) -> None:
    # No query of the test's own may run while Playwright's event loop does.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        person = Visitor(demo_site, page, tmp_path)
        page.goto(f"{here}/accounts/login/?next=/accounts/sessions/")
        expect(page.get_by_role("button", name="Sign in with Hospital directory")).to_be_visible()
        axe.check(page, "sign-in with providers")
        person.picture("sign-in")
        page.route("**/oauth/authorize?**", lambda route: route.fulfill(status=204))
        page.get_by_role("button", name="Sign in with Meadowbrook Clinic").click()
        expect(page.get_by_role("heading", name="To Meadowbrook Clinic")).to_be_visible()
        axe.check(page, "on the way to a provider")
        person.picture("on-the-way")
        page.unroute("**/oauth/authorize?**")
        page.get_by_role("link", name="Continue to Meadowbrook Clinic").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert page.url.startswith(demo_site.url)
        person.sign_in(demo_site.user("clinician"))
        person.allow()
        expect(page.get_by_role("heading", name="Where you are signed in", level=1)).to_be_visible()
        assert page.url == f"{here}/accounts/sessions/"
        page.goto(f"{here}/accounts/reauthenticate/elsewhere/")
        expect(page.get_by_role("button", name="Sign in with Meadowbrook Clinic")).to_be_visible()
        axe.check(page, "a proof that is given elsewhere")
        person.picture("proof")
        page.get_by_role("button", name="Sign in with Meadowbrook Clinic").click()
        page.wait_for_url(f"{demo_site.url}/accounts/reauthenticate/**")
        page.get_by_label("Password").fill(demo_site.user("clinician")["password"])
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url(f"{here}/launch/")
        page.goto(f"{here}/accounts/elsewhere/meadowbrook/callback/?state=guessed&code=guessed")
        expect(page.get_by_role("link", name="Try another way")).to_be_visible()
        axe.check(page, "a refused sign-in")
        person.picture("refused")
        page.goto(f"{here}/accounts/security/")
        axe.check(page, "security of somebody without a password")
        person.picture("security")
        browser.close()


def test_the_form_of_an_identity_provider(demo_site: DemoSite, visitors: Visitors, axe: Checker) -> None:
    page = signed_in(visitors, "sam.keller", "/admin/").page
    page.goto(f"{demo_site.url}/admin/accounts/identityprovider/")
    expect(page.locator("#changelist")).to_be_visible()
    axe.check(page, "list of identity providers", known=[SEARCH])
    page.goto(f"{demo_site.url}/admin/accounts/identityprovider/add/")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote")).to_be_visible()
    axe.check(page, "form of an identity provider with errors")

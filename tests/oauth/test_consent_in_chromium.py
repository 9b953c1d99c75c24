"""The consent page in a real browser, on a phone: choosing kinds, an end, and seeing it kept."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from oauth.models import Application, Consent, Grant
from tests import machine
from tests.fhir.records import observation, patient
from tests.fhir.search.shelf import put
from tests.oauth.flow import make_client, make_user

pytestmark = pytest.mark.any_database
PASSWORD = "correct horse battery"
SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"patient/Observation.rs?category={SYSTEM}|laboratory"
SCOPE = "openid patient/Observation.rs patient/Condition.rs offline_access"
SIZES = ({"width": 390, "height": 844}, {"width": 1280, "height": 900})


@pytest.fixture
def app(live_server: LiveServer) -> Application:
    """An app that cannot work without Patient; p1 has two laboratory results and a vital sign."""
    cache.clear()
    put(patient("p1"))
    for number, kind in enumerate(("laboratory", "laboratory", "vital-signs")):
        category = [{"coding": [{"system": SYSTEM, "code": kind}]}]
        put(observation(f"o{number}", "p1", category=category))
    make_user("Patient/p1", "ada")
    elsewhere = str(live_server.url).replace("localhost", "127.0.0.1")
    client, _ = make_client(redirect_uri=f"{elsewhere}/healthz", required_scope="patient/Patient.rs")
    return client


def request_of(site: str, app: Application, **more: str) -> str:
    """An authorization request's address."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uris,
        "scope": f"{SCOPE} patient/Patient.rs",
        "state": "state-of-the-app",
        "aud": settings.FHIR_BASE,
        "code_challenge": urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
        **more,
    }
    return f"{site}/oauth/authorize?{urlencode(asked)}"


def look(page: Page) -> None:
    """Nothing sticks out at the side, on a phone's and on a desktop's width."""
    for size in reversed(SIZES):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.browser
@pytest.mark.requirement("the consent page: kinds of records, an end, numbers, and the page of allowed apps")
def test_a_person_allows_laboratory_results_only_for_a_day_and_sees_it_kept(
    live_server: LiveServer, app: Application, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    site, complaints = str(live_server.url), list[str]()
    # No query of the test's own may run while Playwright's event loop does.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        page = browser.new_context(viewport=SIZES[0]).new_page()  # type: ignore[arg-type]
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(request_of(site, app))
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("It cannot work without")).to_be_visible()
        expect(page.get_by_text("(3 records)")).to_be_visible()
        look(page)
        whole = page.get_by_role("checkbox", name="Read and search lab results")
        laboratory = page.get_by_role("checkbox", name="Laboratory results (2 records)")
        expect(laboratory).to_be_hidden()
        whole.uncheck()
        expect(page.get_by_text("Laboratory results (2 records)")).to_be_visible()
        laboratory.check()
        expect(page.locator("#scope-1-2")).not_to_be_checked()
        page.get_by_label("Keep this access").uncheck()
        page.get_by_label("For 1 day").check()
        look(page)
        page.get_by_role("button", name="Allow", exact=True).click()
        page.wait_for_url("**/healthz?*")
        arrived = parse_qs(urlsplit(page.url).query)
        page.goto(f"{site}/oauth/manage")
        expect(page.get_by_text("Read and search only laboratory results in your own record")).to_be_visible()
        expect(page.get_by_text("until ")).not_to_have_count(0)
        look(page)
        page.goto(request_of(site, app))
        page.wait_for_url("**/healthz?*")
        browser.close()
    assert arrived["state"] == ["state-of-the-app"]
    expected = f"openid {LAB} patient/Condition.rs patient/Patient.rs"
    assert Consent.objects.get().scope == expected
    assert [grant.scope for grant in Grant.objects.all()] == [expected, expected]
    assert [complaint for complaint in complaints if "Content Security Policy" in complaint] == []

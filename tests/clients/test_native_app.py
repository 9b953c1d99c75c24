"""Native apps from outside: a desktop app that listens on the loopback interface, and a scheme of its own."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Request, Route, expect

from tests.chromium import Visitors
from tests.demo_site import DemoSite
from tests.oauth.flow import challenge_of
from tests.person import Person

RFC8252 = "https://www.rfc-editor.org/rfc/rfc8252"
pytestmark = pytest.mark.any_database
APP = Path(__file__).parent / "native_app" / "desktop_app.py"
SCOPE = "launch/patient openid fhirUser offline_access patient/Patient.rs"
LOOPBACK = {"127.0.0.1": "http://127.0.0.1", "::1": "http://[::1]"}
PRIVATE = "com.example.pocketchart:/cb"


def registered(site: DemoSite, *uris: str) -> str:
    """The client_id of a new native app."""
    told = site.register(
        client_name=f"Pocket Chart {secrets.token_hex(4)}",
        application_type="native",
        token_endpoint_auth_method="none",
        redirect_uris=list(uris),
        scope=SCOPE,
    )
    assert "client_secret" not in told
    return told["client_id"]


def run(site: DemoSite, client_id: str, host: str, open_page: Callable[[str], object]) -> dict[str, Any]:
    """What the desktop app says at the end; `open_page` is the browser that it opens."""
    command = [sys.executable, str(APP), site.fhir, client_id, SCOPE, host]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        open_page(app.stdout.readline().strip())
        told: dict[str, Any] = json.loads(app.stdout.readline())
    return told


@pytest.mark.requirement(f"{RFC8252}#section-7.3")
@pytest.mark.parametrize("host", sorted(LOOPBACK))
def test_a_desktop_app_signs_a_person_in_on_whatever_port_it_got(demo_site: DemoSite, host: str) -> None:
    client_id = registered(demo_site, f"{LOOPBACK[host]}/cb")
    user = demo_site.user("patient")
    person = Person(user)

    def open_page(url: str) -> None:
        person.session.get(person.authorize(url, f"{LOOPBACK[host]}:"), timeout=30)

    for _ in range(2):
        told = run(demo_site, client_id, host, open_page)
        assert told["patient"] == user["fhir_user"]
        assert told["is_new"] is True
        assert told["redirect_uri"].startswith(f"{LOOPBACK[host]}:")
    consents = [page for page in person.shown if 'name="decision"' in page]
    assert len(consents) == 2


@pytest.mark.browser
@pytest.mark.requirement(f"{RFC8252}#section-6")
@pytest.mark.parametrize("host", sorted(LOOPBACK))
def test_a_desktop_app_opens_chromium_and_gets_its_answer(
    demo_site: DemoSite, visitors: Visitors, host: str
) -> None:
    client_id = registered(demo_site, f"{LOOPBACK[host]}/cb")
    visitor, user = visitors.new(), demo_site.user("patient")

    def open_page(url: str) -> None:
        visitor.page.goto(url)
        visitor.sign_in(user)
        visitor.allow()
        visitor.sees("You can close this page.")

    assert run(demo_site, client_id, host, open_page)["patient"] == user["fhir_user"]


class Pocket:
    """What Chromium tried to hand to the app that owns the private scheme, and what it refused to follow."""

    def __init__(self, site: DemoSite, visitors: Visitors) -> None:
        self.visitor = visitors.new()
        self.handed_over: list[str] = []
        self.complaints: list[str] = []
        page = self.visitor.page
        page.on("requestfailed", self._note)
        page.on("console", lambda message: self.complaints.append(message.text))
        question = {
            "response_type": "code",
            "client_id": registered(site, PRIVATE),
            "redirect_uri": PRIVATE,
            "scope": SCOPE,
            "state": "s" * 20,
            "aud": site.fhir,
            "code_challenge": challenge_of(secrets.token_urlsafe(48)),
            "code_challenge_method": "S256",
        }
        self.question = f"{site.url}/oauth/authorize?{urlencode(question)}"

    def _note(self, request: Request) -> None:
        """Chromium gives such a navigation up as a page and to the system as an address."""
        if request.url.startswith(PRIVATE) and request.failure == "net::ERR_ABORTED":
            self.handed_over.append(request.url)

    def answer(self, at_least: int = 1) -> dict[str, str]:
        """What the app is told, once Chromium has handed it over."""
        page = self.visitor.page
        while len(self.handed_over) < at_least:
            page.wait_for_event("requestfailed", timeout=30_000)
        told = parse_qs(urlsplit(self.handed_over[-1]).query)
        return {name: values[0] for name, values in told.items()}


@pytest.mark.browser
@pytest.mark.requirement(f"{RFC8252}#section-7.1")
@pytest.mark.parametrize(("button", "member"), [("Allow", "code"), ("Do not allow", "error")])
def test_chromium_hands_the_answer_to_a_scheme_of_the_apps_own(
    demo_site: DemoSite, visitors: Visitors, button: str, member: str
) -> None:
    pocket = Pocket(demo_site, visitors)
    page = pocket.visitor.page
    page.goto(pocket.question)
    pocket.visitor.sign_in(demo_site.user("patient"))
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name=button, exact=True).click()
    assert pocket.answer()[member]
    assert pocket.answer()["state"] == "s" * 20
    assert pocket.complaints == []


@pytest.mark.browser
def test_chromium_would_not_do_so_if_the_page_did_not_name_the_scheme(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    pocket = Pocket(demo_site, visitors)
    page = pocket.visitor.page

    def unnamed(route: Route) -> None:
        answer = route.fetch()
        policy = answer.headers["content-security-policy"].replace("com.example.pocketchart:", "")
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    page.goto(pocket.question)
    pocket.visitor.sign_in(demo_site.user("patient"))
    pocket.visitor.sees("asks for your permission")
    # What is redirected to is not routed.
    page.route(page.url, lambda route: unnamed(route) if route.request.method == "GET" else route.continue_())
    page.reload()
    with page.expect_console_message(lambda message: "form-action" in message.text):
        pocket.visitor.allow()
    assert pocket.handed_over == []


@pytest.mark.browser
def test_after_the_sign_in_page_a_page_of_ours_leads_to_the_app(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    pocket = Pocket(demo_site, visitors)
    page = pocket.visitor.page
    page.goto(pocket.question)
    nobody_in_the_record = next(user for user in demo_site.users if not user["fhir_user"])
    with page.expect_event("requestfailed"):
        pocket.visitor.sign_in(nobody_in_the_record)
    assert pocket.answer()["error"] == "access_denied"
    expect(page.get_by_role("heading", name="Back to Pocket Chart")).to_be_visible()
    with page.expect_event("requestfailed"):
        page.get_by_role("link", name="Continue to").click()
    assert pocket.answer(at_least=2)["error"] == "access_denied"
    pocket.visitor.picture("back-to-app")
    assert pocket.complaints == []

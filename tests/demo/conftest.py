"""The Lab Viewer on an origin of its own, in front of a stand-in for a SMART server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from smartcdr.demo.bundles import ANCHOR, patient_resources
from smartcdr.demo.roster import ROSTER
from smartcdr.demo.viewer_server import ViewerServer
from tests import machine
from tests.demo.smart_stand_in import SmartStandIn

EHR_SCOPE = "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
STANDALONE_SCOPE = EHR_SCOPE.replace("launch ", "launch/patient ")


def chart_of(slug: str) -> list[dict[str, Any]]:
    """Everything that the demonstration holds about one of its patients."""
    number, story = next((n, one) for n, one in enumerate(ROSTER, start=1) if one.slug == slug)
    return patient_resources(story, number, ANCHOR)


@dataclass
class Viewer:
    """A running Lab Viewer, the browser page to see it in, and the server it talks to."""

    page: Page
    origin: str
    server: SmartStandIn

    def launch(self, slug: str = "") -> None:
        """Open the app for a patient as a portal would, and wait until it has something to say."""
        if slug:
            self.server.resources, self.server.patient = chart_of(slug), f"patient-{slug}"
        self.page.goto(f"{self.origin}/launch.html?launch=abc&iss={self.server.iss}")
        self.settle()

    def settle(self) -> None:
        """Wait for a card that is not about waiting."""
        self.page.wait_for_selector(".detail, .message:not(:has(progress))")

    def wait_for(self, text: str) -> None:
        """Wait until the main part shows that text."""
        expect(self.page.locator("main")).to_contain_text(text)

    def title(self) -> str:
        """The headline of what is shown."""
        return self.page.locator("main h1").inner_text()

    def text(self) -> str:
        """All that is shown in the main part."""
        return self.page.locator("main").inner_text()

    def click(self, name: str) -> None:
        """Press the button of that name."""
        self.page.get_by_role("button", name=name).click()

    def open_test(self, name: str) -> None:
        """Choose a test from the list."""
        self.page.locator(".test").filter(has=self.page.locator(f".test-name:text-is('{name}')")).click()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Playwright's event loop lives as long as this block; while it does, Django takes us for asynchronous.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def smart() -> Iterator[SmartStandIn]:
    server = SmartStandIn(chart_of("anna-bauer"), "patient-anna-bauer")
    with serving(server):
        yield server


@pytest.fixture
def viewer(chromium: Browser, smart: SmartStandIn) -> Iterator[Viewer]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    config = {
        "client_id": "lab-viewer",
        "iss": smart.iss,
        "trusted_iss": [smart.iss],
        "ehr_scope": EHR_SCOPE,
        "standalone_scope": STANDALONE_SCOPE,
    }
    with serving(ViewerServer(0, config)) as app:
        yield Viewer(page, f"http://127.0.0.1:{app.server_port}", smart)
    context.close()
    assert faults == []


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Run a server in a thread of its own while the caller uses it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

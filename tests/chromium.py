"""A pytest plugin: Chromium, a person who drives it, and screenshots that are kept as the run's artefacts."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import machine
from tests.demo_site import ROOT, DemoSite

# A busy machine takes its time, and what comes late is not wrong.
expect.set_options(timeout=30_000)

ARTEFACTS = ROOT / ".artifacts"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Visitor:
    """Somebody with a browser of their own; `pictures` is where their screenshots go."""

    site: DemoSite
    page: Page
    pictures: Path
    faults: list[str] = field(default_factory=list)

    def sign_in(self, user: dict[str, str]) -> None:
        """Fill in the sign-in page that the browser shows."""
        self.page.locator("input[name=login]").fill(user["username"])
        self.page.locator("input[name=password]").fill(user["password"])
        self.page.get_by_role("button", name="Sign in").click()

    def open_app(self, app: str, patient: str) -> None:
        """From the portal: choose the app, the patient, and launch."""
        self.page.goto(f"{self.site.url}/launch/")
        self.page.get_by_role("link", name=re.compile(f"for {app}$")).click()
        self.page.get_by_label("Find a patient").fill(patient)
        self.page.get_by_role("button", name="Search").click()
        self.page.get_by_role("link", name=f"Choose {patient}").click()
        self.page.get_by_role("button", name="Launch").click()

    def allow(self) -> None:
        """Press Allow on the consent page."""
        self.page.get_by_role("button", name="Allow", exact=True).click()

    def answered(self) -> AbstractContextManager[object]:
        """Use as `with visitor.answered(): click`: the block ends when the answer is the page that is shown.
        For pages that come again with the same address and heading; others are known by what they show.
        """
        return self.page.expect_navigation()

    def arrives_at(self, heading: str) -> None:
        """Wait for the page of that heading. After a click there is the old page, then none, then the new."""
        expect(self.page.get_by_role("heading", name=heading, level=1, exact=True)).to_be_visible()

    def sees(self, text: str) -> None:
        """Wait until the page shows the text."""
        expect(self.page.locator("body")).to_contain_text(text)

    def picture(self, name: str) -> None:
        """Keep what is shown, on a desktop's and a phone's width; neither may need scrolling sideways."""
        for size in (PHONE, DESKTOP):
            self.page.set_viewport_size({"width": size["width"], "height": size["height"]})
            path = (
                self.pictures / f"{len(list(self.pictures.glob('*.png'))) + 1:02}-{name}-{size['width']}.png"
            )
            self.page.screenshot(path=path, full_page=True)
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{name} is {width} px wide on a screen of {size['width']} px"


@pytest.fixture(scope="module")
def browser_process() -> Iterator[Browser]:
    """One Chromium per module. If Playwright's event loop outlived the tests that need it, it would look like
    asynchronous code to Django.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visitors:
    """Makes visitors for one test, each with cookies of their own."""

    site: DemoSite
    browser: Browser
    pictures: Path
    all: list[Visitor] = field(default_factory=list)

    def new(self, **window: Any) -> Visitor:
        """Somebody who has not been here before; `window` as Playwright takes it, else 1280 px wide."""
        page = self.browser.new_context(**{"viewport": DESKTOP, **window}).new_page()
        visitor = Visitor(self.site, page, self.pictures)
        page.on("pageerror", lambda fault: visitor.faults.append(str(fault)))
        self.all.append(visitor)
        return visitor


@pytest.fixture
def visitors(
    demo_site: DemoSite, browser_process: Browser, request: pytest.FixtureRequest
) -> Iterator[Visitors]:
    """Visitors of the demonstration. A page on which a script failed fails the test."""
    pictures = ARTEFACTS / ("postgresql" if machine.on_postgres() else "sqlite") / request.node.name
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    made = Visitors(demo_site, browser_process, pictures)
    yield made
    for visitor in made.all:
        visitor.page.context.close()
    assert [fault for visitor in made.all for fault in visitor.faults] == []

"""Our pages without a mouse, and twice as large."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import callback, diary, request_of, signed_in
from tests.chromium import Visitors
from tests.demo_site import DemoSite

__all__ = ["diary"]  # a fixture
pytestmark = [pytest.mark.any_database, pytest.mark.browser]
MOST_STEPS = 60
SCOPE = "openid launch/patient launch/encounter patient/Observation.rs"
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getClientRects()[0];
  return {
    name: one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText,
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.top >= 0 && box.bottom <= innerHeight
      && one.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)),
  };
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what begins so has the focus. Whatever has it on the way shows that it has."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        focused["name"] = " ".join(focused["name"].split())
        if page.evaluate("document.activeElement === document.body"):
            continue
        assert focused["ring"], f"no ring around {focused['name']!r}"
        assert focused["seen"], f"{focused['name']!r} has the focus and is not to be seen"
        if focused["name"].startswith(name):
            return
    raise AssertionError(f"Nothing that begins with {name!r} after {MOST_STEPS} steps")


def press(page: Page, name: str, key: str = "Enter") -> None:
    """Go to what begins so, and press a key there."""
    tab_to(page, name)
    page.keyboard.press(key)


@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#keyboard")
@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#focus-visible")
@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#focus-not-obscured-minimum")
def test_a_person_signs_in_picks_consents_and_revokes_with_the_keyboard_alone(
    demo_site: DemoSite, visitors: Visitors, diary: str
) -> None:
    page = visitors.new().page
    page.goto(request_of(demo_site, diary, scope=SCOPE))
    tab_to(page, "User name")
    page.keyboard.type(demo_site.user("clinician")["username"])
    tab_to(page, "Password")
    page.keyboard.type(demo_site.user("clinician")["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_label("Find a patient")).to_be_visible()
    tab_to(page, "Find a patient")
    page.keyboard.type("Bauer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Choose")).to_have_count(1)
    press(page, "Choose")
    expect(page.get_by_label("Encounter")).to_be_visible()
    press(page, "Continue")
    observations = page.locator("input[name=scope][value='patient/Observation.rs']")
    expect(observations).to_be_checked()
    press(page, "Read and search lab results", "Space")
    expect(observations).not_to_be_checked()
    press(page, "Laboratory results", "Space")
    press(page, "Allow")
    page.wait_for_url(f"{callback(demo_site)}?*")
    page.goto(f"{demo_site.url}/oauth/manage")
    expect(page.get_by_text("only laboratory results").first).to_be_visible()
    press(page, "Take back all access from Health Diary")
    expect(page.get_by_role("status")).to_contain_text("has no access any more")


@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#keyboard")
def test_a_patient_looks_for_uses_of_their_record_with_the_keyboard_alone(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    page = signed_in(visitors, "anna.bauer").page
    page.goto(f"{demo_site.url}/oauth/manage/activity")
    tab_to(page, "Kind of record")
    page.keyboard.type("Presc")
    tab_to(page, "Outcome")
    page.keyboard.type("Ref")
    press(page, "Show")
    page.wait_for_url("**outcome=refused*")
    expect(page.get_by_label("Kind of record")).to_have_value("MedicationRequest")
    expect(page.get_by_role("status")).to_contain_text("Nothing is on record")


@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#bypass-blocks")
def test_the_first_key_leads_past_the_navigation(demo_site: DemoSite, visitors: Visitors) -> None:
    page = signed_in(visitors, "mei.chen").page
    page.goto(f"{demo_site.url}/launch/")
    press(page, "Skip to the content")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main :focus")).to_have_count(1)


def cut_off(page: Page) -> list[str]:
    """The words of what has more content than it shows, and of what sticks out at the side."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((one) => {
          const style = getComputedStyle(one), box = one.getBoundingClientRect();
          if (one.closest(".visually-hidden, .skip-link, .hidden, svg, select") || !box.width) return false;
          const cut = style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1;
          return cut || box.right > innerWidth + 1 || box.left < -1;
        }).map((one) => one.innerText)"""
    )
    return found


@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#resize-text")
@pytest.mark.requirement("https://www.w3.org/TR/WCAG22/#reflow")
@pytest.mark.parametrize("width", [640, 320])
def test_nothing_is_lost_at_twice_and_at_four_times_the_size(
    demo_site: DemoSite, visitors: Visitors, diary: str, width: int
) -> None:
    visitor = visitors.new(viewport={"width": width, "height": 450}, device_scale_factor=1280 / width)
    page = visitor.page
    doctor = next(user for user in demo_site.users if user["username"] == "luc.moreau")
    looks: list[tuple[str, Callable[[], None]]] = [
        ("Sign in", lambda: visitor.sign_in(doctor)),
        ("Choose", lambda: page.get_by_role("button", name="Choose").first.click()),
        ("Continue", lambda: page.get_by_role("button", name="Continue").click()),
        ("Do not allow", visitor.allow),
    ]
    page.goto(request_of(demo_site, diary))
    for name, go_on in looks:
        expect(page.get_by_role("button", name=name)).not_to_have_count(0)
        assert cut_off(page) == [], name
        go_on()
    page.wait_for_url(f"{callback(demo_site)}?*")
    for path in (
        "/launch/",
        "/oauth/manage",
        "/oauth/manage/activity",
        "/accounts/password/change/",
        "/accounts/logout/",
        "/nothing",
    ):
        page.goto(f"{demo_site.url}{path}")
        assert cut_off(page) == [], path

"""Pages that nobody hopes to see, and those of the console: what is the matter, on desktop and phone."""

import pytest
from playwright.sync_api import expect

from tests.chromium import Visitor, Visitors
from tests.demo_site import DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser]

LISTS = {
    "oauth/application": "Select client",
    "oauth/accesstoken": "Select access token",
    "oauth/refreshtoken": "Select refresh token",
    "oauth/consent": "Select consent",
    "oauth/initialaccesstoken": "Select initial access token",
    "oauth/clientregistration": "Select client registration",
    "oauth/scope": "Select scope",
    "oauth/signingkey": "Select signing key",
    "launch/launchcontext": "Select launch context",
    "accounts/user": "Select user",
    "fhir/resource": "Select resource",
}
PRIVATE = ("oauth/signingkey", "accounts/user", "fhir/resource")
"""What an app manager does not see."""


def _open(visitor: Visitor, path: str, status: int, heading: str, name: str) -> None:
    response = visitor.page.goto(f"{visitor.site.url}{path}")
    assert response is not None
    assert response.status == status
    expect(visitor.page.get_by_role("heading", name=heading).first).to_be_visible()
    visitor.picture(name)


def test_whoever_is_not_signed_in_is_told_what_is_the_matter(demo_site: DemoSite, visitors: Visitors) -> None:
    somebody = visitors.new()
    _open(somebody, "/nothing/here", 404, "There is nothing here", "404")
    _open(somebody, "/accounts/login/?next=%00", 400, "We could not read that request", "400")
    _open(somebody, "/oauth/authorize?client_id=nobody", 400, "This did not work", "unknown-app")


def test_whoever_guesses_passwords_is_told_how_long_to_wait(demo_site: DemoSite, visitors: Visitors) -> None:
    guesser = visitors.new()
    guesser.page.goto(f"{demo_site.url}/accounts/login/")
    for _ in range(6):
        # Nobody of the demonstration, who would be locked out for the tests that follow.
        with guesser.answered():
            guesser.sign_in({"username": "somebody.else", "password": "not this one"})
    guesser.sees("Please wait five minutes")
    guesser.picture("locked-out")


def test_a_person_is_told_what_is_not_theirs_and_how_to_go_on(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    patient = visitors.new()
    patient.page.goto(f"{demo_site.url}/accounts/login/")
    # This person is locked out at the end, and is nobody's whom other tests need.
    patient.sign_in(next(user for user in demo_site.users if user["username"] == "david.okafor"))
    patient.sees("Apps")
    _open(patient, "/admin/", 200, "Apps", "no-staff")
    patient.sees("The administration is for staff")
    _open(patient, "/accounts/logout/", 200, "Sign out?", "sign-out")
    _open(patient, "/accounts/password/change/", 200, "Change your password", "password")
    for _ in range(6):
        patient.page.locator("input[name=oldpassword]").fill("not this one")
        patient.page.locator("input[name=password1]").fill("neither")
        patient.page.locator("input[name=password2]").fill("neither")
        with patient.answered():
            patient.page.get_by_role("button", name="Change password").click()
        if patient.page.get_by_role("heading", name="Too many tries").count():
            break
    expect(patient.page.get_by_role("heading", name="Too many tries")).to_be_visible()
    patient.picture("429")
    patient.page.goto(f"{demo_site.url}/accounts/logout/")
    patient.page.get_by_role("button", name="Sign out").click()
    expect(patient.page.get_by_role("heading", name="Sign in")).to_be_visible()


def _staff(demo_site: DemoSite, visitors: Visitors, username: str) -> Visitor:
    staff = visitors.new()
    staff.page.goto(f"{demo_site.url}/admin/")
    staff.sign_in(next(user for user in demo_site.users if user["username"] == username))
    staff.sees("Administration")
    return staff


def test_the_console_shows_its_lists(demo_site: DemoSite, visitors: Visitors) -> None:
    chief = _staff(demo_site, visitors, "sam.keller")
    for path, heading in LISTS.items():
        _open(chief, f"/admin/{path}/", 200, heading, path.replace("/", "-"))


def test_an_app_manager_is_told_which_lists_are_closed(demo_site: DemoSite, visitors: Visitors) -> None:
    manager = _staff(demo_site, visitors, "ines.duarte")
    for path in PRIVATE:
        _open(manager, f"/admin/{path}/", 403, "This page is not open to you", path.replace("/", "-"))

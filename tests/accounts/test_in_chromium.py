"""Second factors as people use them, in Chromium: an authenticator app, recovery codes, and passkeys."""

import os
import subprocess
import sys
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.chromium import Visitor, Visitors
from tests.demo_site import ROOT, DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser]
PASSWORD = "correct horse battery"


def new_staff(site: DemoSite, username: str) -> dict[str, str]:
    """Somebody of their own for one test, who may open the console."""
    command = [
        sys.executable,
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username",
        username,
        "--email",
        "",
    ]
    environment = site.environment | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "PATH": os.environ["PATH"]}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return {"username": username, "password": PASSWORD}


def enter_code(page: Page, secret: str, button: str) -> None:
    """Enter the app's code; once more if the period was over before the server looked at it."""
    for _ in range(2):
        path = page.url
        page.locator("input[name=code]").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
        with page.expect_navigation():
            page.get_by_role("button", name=button, exact=True).click()
        if page.url != path:
            return
    raise AssertionError("No code was right.")


def with_device(page: Page) -> None:
    """Give the page's browser a device that keeps passkeys."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()


def follow(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("link", name=name, exact=True).click()


def sign_out(visitor: Visitor) -> None:
    follow(visitor, "Sign out")
    visitor.arrives_at("Sign out?")
    press(visitor, "Sign out")
    visitor.arrives_at("Sign in")


def test_an_authenticator_app_is_set_up_used_and_replaced_by_a_recovery_code(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    person, visitor = new_staff(demo_site, "terry.totp"), visitors.new()
    visitor.page.goto(f"{demo_site.url}/accounts/security/")
    visitor.picture("sign-in")
    visitor.sign_in(person)
    visitor.sees("protected by your password alone")
    visitor.picture("security")
    follow(visitor, "Set up an authenticator app")
    visitor.arrives_at("Set up an authenticator app")
    visitor.picture("set-up")
    secret = visitor.page.locator("#totp_secret").inner_text()
    enter_code(visitor.page, secret, "Set up")
    visitor.arrives_at("Recovery codes")
    visitor.picture("recovery-codes")
    recovery = visitor.page.locator("#recovery_codes li").first.inner_text()
    follow(visitor, "Done")
    visitor.sees("10 left")
    visitor.picture("security-with-app")
    sign_out(visitor)

    visitor.page.goto(f"{demo_site.url}/admin/")
    visitor.sign_in(person)
    visitor.sees("One more step")
    visitor.page.locator("input[name=code]").fill("000000")
    press(visitor, "Continue")
    visitor.sees("This did not match")
    visitor.picture("second-step")
    visitor.page.locator("input[name=code]").fill(recovery)
    press(visitor, "Continue")
    expect(visitor.page).to_have_url(f"{demo_site.url}/admin/")
    visitor.page.goto(f"{demo_site.url}/accounts/sessions/")
    visitor.sees("This browser")
    visitor.picture("sessions")
    visitor.page.goto(f"{demo_site.url}/accounts/security/codes/new/")
    visitor.picture("new-codes")
    visitor.page.goto(f"{demo_site.url}/accounts/security/reauthenticate/")
    visitor.picture("code-again")
    visitor.page.goto(f"{demo_site.url}/accounts/security/app/remove/")
    visitor.picture("remove-app")
    press(visitor, "Remove")
    visitor.sees("protected by your password alone")


def test_a_passkey_is_a_second_step_and_opens_the_account_by_itself(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    person, visitor = new_staff(demo_site, "petra.passkey"), visitors.new()
    with_device(visitor.page)
    visitor.page.goto(f"{demo_site.url}/accounts/security/")
    visitor.sign_in(person)
    follow(visitor, "Add a passkey")
    visitor.page.get_by_label("Name").fill("My phone")
    visitor.page.get_by_label("Sign in with this passkey alone").check()
    visitor.picture("add-passkey")
    press(visitor, "Add")
    visitor.arrives_at("Recovery codes")
    visitor.page.goto(f"{demo_site.url}/accounts/security/passkeys/")
    visitor.sees("My phone")
    visitor.picture("passkeys")
    follow(visitor, "Rename My phone")
    visitor.arrives_at("Rename a passkey")
    visitor.picture("rename-passkey")
    visitor.page.get_by_label("Name").fill("Blue phone")
    press(visitor, "Save")
    visitor.sees("Blue phone")
    sign_out(visitor)

    visitor.page.goto(f"{demo_site.url}/accounts/login/?next=/accounts/sessions/")
    visitor.sign_in(person)
    visitor.sees("One more step")
    visitor.picture("second-step-passkey")
    press(visitor, "Use a passkey")
    visitor.sees("This browser")
    visitor.page.goto(f"{demo_site.url}/accounts/security/passkeys/reauthenticate/?next=/accounts/sessions/")
    visitor.picture("passkey-again")
    press(visitor, "Use a passkey")
    expect(visitor.page).to_have_url(f"{demo_site.url}/accounts/sessions/")
    sign_out(visitor)

    visitor.page.goto(f"{demo_site.url}/accounts/login/?next=/accounts/sessions/")
    press(visitor, "Use a passkey")
    visitor.sees("This browser")
    visitor.page.goto(f"{demo_site.url}/accounts/security/passkeys/")
    follow(visitor, "Remove Blue phone")
    visitor.arrives_at("Remove Blue phone?")
    visitor.picture("remove-passkey")
    press(visitor, "Remove")
    visitor.sees("You have no passkey")


def test_staff_reset_the_second_factor_of_somebody_who_has_lost_theirs(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    person, staff = new_staff(demo_site, "lost.phone"), new_staff(demo_site, "help.desk")
    visitor = visitors.new()
    visitor.page.goto(f"{demo_site.url}/accounts/security/app/add/")
    visitor.sign_in(person)
    enter_code(visitor.page, visitor.page.locator("#totp_secret").inner_text(), "Set up")
    visitor.arrives_at("Recovery codes")

    helper = visitors.new()
    helper.page.goto(f"{demo_site.url}/admin/accounts/user/?q=lost.phone")
    helper.sign_in(staff)
    helper.page.locator("input.action-select").check()
    helper.page.locator("select[name=action]").select_option("reset_second_factor")
    helper.page.get_by_role("button", name="Go").click()
    helper.sees("the password alone opens")
    helper.picture("reset")
    helper.page.get_by_role("button", name="Yes, reset").click()
    helper.sees("has no second factor now")
    helper.picture("people")

    visitor.page.goto(f"{demo_site.url}/accounts/logout/?next=/accounts/security/")
    visitor.sees("Sign in")
    visitor.page.goto(f"{demo_site.url}/accounts/security/")
    visitor.sign_in(person)
    visitor.sees("protected by your password alone")
    visitor.page.goto(f"{demo_site.url}/accounts/logout/?next=/accounts/security/")
    visitor.picture("sign-in-again")

"""What a newcomer does first, in Chromium: launch the Lab Viewer, find its traces in the admin, revoke it."""

import re

import pytest
from playwright.sync_api import expect

from tests.chromium import Visitor, Visitors
from tests.demo_site import DemoSite

pytestmark = pytest.mark.browser


def launch_lab_viewer(clinician: Visitor, patient: str) -> None:
    """Sign in, choose the app and the patient, allow, and wait for the app to show the patient's tests."""
    clinician.page.goto(f"{clinician.site.url}/launch/")
    clinician.picture("sign-in")
    clinician.sign_in(clinician.site.user("clinician"))
    clinician.sees("Lab Viewer")
    clinician.picture("portal")
    clinician.open_app("Lab Viewer", patient)
    clinician.sees("asks for your permission")
    clinician.picture("consent")
    clinician.allow()
    clinician.sees("Hemoglobin A1c")


def open_test(clinician: Visitor, name: str) -> None:
    """Choose a laboratory test in the Lab Viewer."""
    clinician.page.locator(".test").filter(
        has=clinician.page.locator(f".test-name:text-is('{name}')")
    ).click()


def admin_list(staff: Visitor, path: str) -> None:
    """Open one of the admin's lists."""
    staff.page.goto(f"{staff.site.url}/admin/{path}/")


def test_a_lab_value_is_plotted_and_the_app_is_refused_once_staff_revoked_its_token(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    clinician = visitors.new()
    launch_lab_viewer(clinician, "Anna Bauer")
    open_test(clinician, "Hemoglobin A1c")
    expect(clinician.page.locator(".point")).to_have_count(24)
    clinician.picture("lab-viewer")

    staff = visitors.new()
    staff.page.goto(f"{demo_site.url}/admin/")
    staff.sign_in(demo_site.user("staff"))
    staff.sees("Administration")
    staff.picture("admin")
    admin_list(staff, "oauth/application")
    staff.sees("Lab Viewer")
    staff.picture("admin-clients")
    admin_list(staff, "launch/launchcontext")
    staff.sees("patient-anna-bauer")
    staff.picture("admin-launches")
    admin_list(staff, "oauth/accesstoken")
    token = staff.page.locator("#result_list tbody tr").filter(
        has_text=re.compile(r"Lab Viewer\s*Mei Chen\s*patient-anna-bauer")
    )
    expect(token.first).to_be_visible()
    staff.picture("admin-tokens")
    for one in token.all():
        one.locator("input.action-select").check()
    staff.page.locator("select[name=action]").select_option("revoke_selected")
    staff.page.get_by_role("button", name="Go").click()
    staff.sees("revoked.")

    clinician.page.reload()
    clinician.sees("Your access has ended")
    clinician.picture("refused")


def test_a_patient_takes_back_what_they_allowed_and_the_app_is_refused(
    demo_site: DemoSite, visitors: Visitors
) -> None:
    patient = visitors.new()
    patient.page.goto(f"{demo_site.url}/launch/")
    patient.sign_in(demo_site.user("patient"))
    patient.page.get_by_role("link", name="Open Lab Viewer").click()
    patient.page.get_by_role("button", name="Open").click()
    patient.allow()
    patient.sees("Hemoglobin A1c")
    app = patient.page.url
    patient.page.goto(f"{demo_site.url}/oauth/manage")
    patient.picture("what-you-allowed")
    patient.page.get_by_role("button", name="Take back all access from Lab Viewer").click()
    patient.sees("Lab Viewer has no access any more")
    patient.page.goto(app)
    patient.sees("Your access has ended")

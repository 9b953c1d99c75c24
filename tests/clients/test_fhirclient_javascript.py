"""The published JavaScript library fhirclient in Chromium, on another origin than the server."""

from typing import Any

import jwt
import pytest
from playwright.sync_api import Page, expect

from tests.chromium import Visitors
from tests.clients.conftest import JavaScriptApp
from tests.demo_site import DemoSite

pytestmark = [pytest.mark.any_database, pytest.mark.browser, pytest.mark.npm]


def read_patient(page: Page) -> dict[str, Any]:
    """What the library reads as the patient in context."""
    patient: dict[str, Any] = page.evaluate("() => window.client.patient.read()")
    return patient


def access_token(page: Page) -> str:
    """The access token that the library uses."""
    return str(page.evaluate("() => window.client.state.tokenResponse.access_token"))


def claims_of(token: str) -> dict[str, Any]:
    """What an access token says of itself."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch")
def test_fhirclient_launched_from_the_portal_reads_the_chosen_patient_and_refreshes(
    demo_site: DemoSite, visitors: Visitors, javascript_app: JavaScriptApp
) -> None:
    clinician = visitors.new()
    clinician.page.goto(f"{demo_site.url}/launch/")
    clinician.sign_in(demo_site.user("clinician"))
    clinician.open_app(javascript_app.name, "Thomas Okafor")
    clinician.sees("Thomas Okafor")
    clinician.allow()
    expect(clinician.page).to_have_title("Ready")
    assert clinician.page.url.startswith(javascript_app.origin)
    patient = read_patient(clinician.page)
    assert patient["id"] == "patient-thomas-okafor"
    first = access_token(clinician.page)
    clinician.page.evaluate("() => window.client.refresh()")
    assert access_token(clinician.page) != first
    assert read_patient(clinician.page) == patient


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-standalone-launch"
)
def test_fhirclient_started_by_itself_gets_the_patient_who_signed_in(
    demo_site: DemoSite, visitors: Visitors, javascript_app: JavaScriptApp
) -> None:
    patient, user = visitors.new(), demo_site.user("patient")
    patient.page.goto(f"{javascript_app.origin}/launch.html")
    patient.sign_in(user)
    patient.allow()
    expect(patient.page).to_have_title("Ready")
    assert f"Patient/{read_patient(patient.page)['id']}" == user["fhir_user"]
    found = patient.page.evaluate("() => window.client.patient.request('Observation?_count=3')")
    assert {entry["resource"]["subject"]["reference"] for entry in found["entry"]} == {user["fhir_user"]}
    assert patient.page.evaluate("() => window.client.getFhirUser()") == user["fhir_user"]


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"
    "#authenticating-to-the-token-endpoint"
)
def test_fhirclient_with_a_key_launched_from_the_portal_reads_and_refreshes(
    demo_site: DemoSite, visitors: Visitors, signing_javascript_app: JavaScriptApp
) -> None:
    clinician = visitors.new()
    clinician.page.goto(f"{demo_site.url}/launch/")
    clinician.sign_in(demo_site.user("clinician"))
    clinician.open_app(signing_javascript_app.name, "Thomas Okafor")
    clinician.allow()
    expect(clinician.page).to_have_title("Ready")
    patient = read_patient(clinician.page)
    assert patient["id"] == "patient-thomas-okafor"
    first = access_token(clinician.page)
    assert claims_of(first)["client_id"] == signing_javascript_app.client_id
    assert clinician.page.evaluate("() => window.refreshByKey()") == 200
    assert access_token(clinician.page) != first
    assert read_patient(clinician.page) == patient


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification"
)
def test_fhirclient_that_names_its_key_set_by_jku_starts_by_itself_reads_and_refreshes(
    demo_site: DemoSite, visitors: Visitors, publishing_javascript_app: JavaScriptApp
) -> None:
    patient, user = visitors.new(), demo_site.user("patient")
    patient.page.goto(f"{publishing_javascript_app.origin}/launch.html")
    patient.sign_in(user)
    patient.allow()
    expect(patient.page).to_have_title("Ready")
    assert f"Patient/{read_patient(patient.page)['id']}" == user["fhir_user"]
    first = access_token(patient.page)
    assert patient.page.evaluate("() => window.refreshByKey()") == 200
    assert access_token(patient.page) != first
    assert f"Patient/{read_patient(patient.page)['id']}" == user["fhir_user"]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-6")
def test_a_refresh_by_fhirclient_itself_proves_nothing_and_is_refused(
    demo_site: DemoSite, visitors: Visitors, signing_javascript_app: JavaScriptApp
) -> None:
    patient = visitors.new()
    patient.page.goto(f"{signing_javascript_app.origin}/launch.html")
    patient.sign_in(demo_site.user("patient"))
    patient.allow()
    expect(patient.page).to_have_title("Ready")
    refused = patient.page.evaluate("() => window.client.refresh().then(() => '', (fault) => fault.message)")
    assert "invalid_client" in refused

"""The published Python library fhirclient as an app: it discovers by the CapabilityStatement alone."""

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient

from tests.demo_site import DemoSite
from tests.person import Person

CALLBACK = "http://localhost:5001/callback"
SCOPE = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"


LAUNCH_URL = "http://localhost:5001/launch"
METHODS = ["client_secret_basic", "none"]


def make_app(site: DemoSite, method: str, name: str = "") -> FHIRClient:
    """The library, set up as an app of this server: with a secret, or as a public one."""
    registered = site.register(
        client_name=name or f"Python app {secrets.token_hex(4)}",
        application_type="browser" if method == "none" else "web",
        token_endpoint_auth_method=method,
        redirect_uris=[CALLBACK],
        launch_url=LAUNCH_URL,
        scope=f"launch {SCOPE}",
    )
    assert ("client_secret" in registered) == (method != "none")
    return FHIRClient(
        settings={
            "app_id": registered["client_id"],
            "app_secret": registered.get("client_secret"),
            "api_base": site.fhir,
            "redirect_uri": CALLBACK,
            "scope": SCOPE.removeprefix("launch/patient "),  # the library adds what launches it
        }
    )


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-standalone-launch"
)
@pytest.mark.parametrize("method", METHODS)
def test_fhirclient_signs_a_patient_in_by_itself_and_reads_their_record(
    demo_site: DemoSite, method: str
) -> None:
    app = make_app(demo_site, method)
    user = demo_site.user("patient")
    assert app.prepare() is False
    app.handle_callback(Person(user).authorize(app.authorize_url, CALLBACK))
    assert app.ready
    assert f"Patient/{app.patient_id}" == user["fhir_user"]
    assert Patient.read(app.patient_id, app.server).id == app.patient_id
    observations = list(Observation.where({"patient": app.patient_id}).perform_resources_iter(app.server))
    assert observations
    assert {one.subject.reference for one in observations} == {user["fhir_user"]}


@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#refresh-access-token")
@pytest.mark.parametrize("method", METHODS)
def test_fhirclient_refreshes_and_keeps_its_patient(demo_site: DemoSite, method: str) -> None:
    app = make_app(demo_site, method)
    related = Person(demo_site.user("related"), patient="patient-mia-hartmann")
    app.prepare()
    app.handle_callback(related.authorize(app.authorize_url, CALLBACK))
    patient, first = app.patient_id, app.server.auth.access_token
    assert app.reauthorize()
    assert app.server.auth.access_token != first
    assert app.patient_id == patient
    assert Patient.read(patient, app.server).id == patient


@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch")
@pytest.mark.parametrize("method", METHODS)
def test_fhirclient_launched_from_the_portal_has_the_patient_of_the_launch(
    demo_site: DemoSite, method: str
) -> None:
    user, name = demo_site.user("patient"), f"Launched app {secrets.token_hex(4)}"
    app, person = make_app(demo_site, method, name), Person(user)
    query = parse_qs(urlsplit(person.launch(demo_site.url, name, LAUNCH_URL)).query)
    assert query["iss"] == [demo_site.fhir]
    app.launch_token = query["launch"][0]
    app.prepare()
    app.handle_callback(person.authorize(app.authorize_url, CALLBACK))
    assert f"Patient/{app.patient_id}" == user["fhir_user"]
    assert app.patient.id == app.patient_id

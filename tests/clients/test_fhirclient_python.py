"""The published Python library fhirclient as an app: it discovers by the CapabilityStatement alone."""

import secrets

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient

from tests.demo_site import DemoSite
from tests.person import Person

CALLBACK = "http://localhost:5001/callback"
SCOPE = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"


@pytest.fixture
def app(demo_site: DemoSite) -> FHIRClient:
    """The library, set up as a confidential web app of this server."""
    registered = demo_site.register(
        client_name=f"Python app {secrets.token_hex(4)}",
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        redirect_uris=[CALLBACK],
        scope=SCOPE,
    )
    return FHIRClient(
        settings={
            "app_id": registered["client_id"],
            "app_secret": registered["client_secret"],
            "api_base": demo_site.fhir,
            "redirect_uri": CALLBACK,
            "scope": SCOPE.removeprefix("launch/patient "),  # the library adds what launches it
        }
    )


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-standalone-launch"
)
def test_fhirclient_signs_a_patient_in_by_itself_and_reads_their_record(
    demo_site: DemoSite, app: FHIRClient
) -> None:
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
def test_fhirclient_refreshes_and_keeps_its_patient(demo_site: DemoSite, app: FHIRClient) -> None:
    related = Person(demo_site.user("related"), patient="patient-mia-hartmann")
    app.prepare()
    app.handle_callback(related.authorize(app.authorize_url, CALLBACK))
    patient, first = app.patient_id, app.server.auth.access_token
    assert app.reauthorize()
    assert app.server.auth.access_token != first
    assert app.patient_id == patient
    assert Patient.read(patient, app.server).id == patient

"""https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html: what scopes give access to."""

import pytest

from fhir.registry import RESOURCE_TYPES
from tests.conformance.records import Api, resource, write_records
from tests.oauth.flow import make_client, make_user, run_authorization_code
from tests.oauth.services import make_service
from tests.oauth.test_backend_services import BACKEND

pytestmark = pytest.mark.django_db
ALL_OBSERVATIONS = ["amy-laboratory", "amy-vital-signs", "ben-laboratory", "ben-vital-signs"]


@pytest.fixture(autouse=True)
def records() -> None:
    write_records()


def api_for(fhir_user: str, scope: str, patient: str = "") -> Api:
    """The API with the token of an app to which this person has granted the scope."""
    client, _ = make_client(scope=scope)
    result = run_authorization_code(client, make_user(fhir_user), scope=scope, patient=patient)
    assert result.tokens["scope"] == scope
    return Api(result.bearer["Authorization"])


def service_api(scope: str) -> Api:
    """The API with the token of a backend service."""
    return Api(make_service(scope).bearer(scope)["Authorization"])


@pytest.mark.requirement("SMART-119")
def test_a_granted_scope_gives_no_more_than_its_person_may_do() -> None:
    api = api_for("Patient/amy", "user/*.cruds")
    assert api.ids("Observation") == ["amy-laboratory", "amy-vital-signs"]
    assert api.get("Observation/ben-laboratory").status_code == 404
    assert api.put("Observation/amy-laboratory", status="amended").status_code == 200
    assert api.put("Observation/ben-laboratory", status="amended").status_code == 404
    assert api.put("Encounter/amy-1", status="planned").status_code == 403


@pytest.mark.requirement("SMART-123")
def test_an_update_that_creates_is_allowed_by_the_letter_u_and_by_no_other() -> None:
    new = {"status": "final", "code": {"text": "new"}, "subject": {"reference": "Patient/amy"}}
    for number, api in enumerate(
        (service_api("system/Observation.u"), api_for("Practitioner/d1", "user/Observation.u"))
    ):
        assert api.put(f"Observation/new-{number}", **new).status_code == 201
    for letters in ("c", "rs", "crds"):
        assert service_api(f"system/Observation.{letters}").put("Observation/x", **new).status_code == 403


@pytest.mark.requirement("SMART-130")
def test_each_entry_of_a_batch_is_judged_by_itself_and_a_transaction_by_all() -> None:
    api = service_api("system/Patient.r system/Observation.c")
    new = resource("Observation/x", status="final", code={"text": "x"})
    allowed = [
        {"request": {"method": "GET", "url": "Patient/amy"}},
        {"request": {"method": "POST", "url": "Observation"}, "resource": new},
    ]
    refused = [
        {"request": {"method": "GET", "url": "Observation/amy-laboratory"}},
        {"request": {"method": "GET", "url": "Patient?family=amy"}},
        {"request": {"method": "DELETE", "url": "Patient/amy"}},
    ]

    def statuses(kind: str, *entries: object) -> list[str]:
        bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        answer = api.send("post", "", bundle)
        if answer.status_code != 200:
            return [str(answer.status_code)]
        return [entry["response"]["status"][:3] for entry in answer.json()["entry"]]

    assert statuses("batch", *allowed, *refused) == ["200", "201", "403", "403", "403"]
    assert statuses("transaction", *allowed) == ["200", "201"]
    for one in refused:
        assert statuses("transaction", *allowed, one) == ["403"]
    assert len(service_api("system/Observation.s").ids("Observation?code:text=x")) == 2


@pytest.mark.requirement("SMART-136")
@pytest.mark.parametrize("patient", ["amy", "ben"])
def test_a_patient_scope_reaches_the_one_patient_in_context(patient: str) -> None:
    api = api_for("Practitioner/d1", "patient/Patient.rs patient/Observation.rs", patient)
    other = "ben" if patient == "amy" else "amy"
    assert api.ids("Patient") == [patient]
    assert api.ids("Observation") == [f"{patient}-laboratory", f"{patient}-vital-signs"]
    assert api.get(f"Observation/{patient}-laboratory").status_code == 200
    assert api.get(f"Patient/{other}").status_code == 404
    assert api.get(f"Observation/{other}-laboratory").status_code == 404


@pytest.mark.requirement("SMART-139")
def test_a_link_between_patients_gives_no_access_and_the_documentation_says_so() -> None:
    link = [{"other": {"reference": "Patient/ben"}, "type": "seealso"}]
    assert service_api("system/Patient.u").put("Patient/amy", link=link).status_code == 200
    for patient, other in (("amy", "ben"), ("ben", "amy")):
        api = api_for("Practitioner/d1", "patient/*.rs", patient)
        assert api.ids("Patient") == [patient]
        assert api.get(f"Patient/{other}").status_code == 404
        assert api.ids(f"Observation?patient={other}") == []
    [rest] = Api().get("metadata").json()["rest"]
    assert "Patient.link gives no access" in rest["security"]["description"]


@pytest.mark.requirement("SMART-140")
def test_a_user_scope_reaches_what_its_user_may_see() -> None:
    assert api_for("Practitioner/d1", "user/Observation.rs").ids("Observation") == ALL_OBSERVATIONS
    own = ["amy-laboratory", "amy-vital-signs"]
    assert api_for("Patient/amy", "user/Observation.rs").ids("Observation") == own


@pytest.mark.requirement("SMART-142")
def test_a_system_scope_reaches_what_the_client_is_registered_for_and_no_person_is_needed() -> None:
    api = service_api("system/Observation.rs?category=laboratory system/Practitioner.r")
    assert api.ids("Observation") == ["amy-laboratory", "ben-laboratory"]
    assert api.get("Observation/amy-vital-signs").status_code == 404
    assert api.get("Practitioner/d1").status_code == 200
    assert api.get("Practitioner").status_code == 403
    assert api.get("Patient/amy").status_code == 403


@pytest.mark.requirement("SMART-144")
def test_a_wildcard_covers_every_type_and_what_comes_later() -> None:
    person, service = api_for("Practitioner/d1", "user/*.s"), service_api("system/*.s")
    for resource_type in RESOURCE_TYPES:
        for api in (person, service):
            assert api.get(f"{resource_type}?_summary=count").status_code == 200, resource_type
    assert service_api("system/*.u").put("Patient/later").status_code == 201
    for api in (person, service):
        assert api.ids("Patient") == ["amy", "ben", "later"]


@pytest.mark.requirement(f"{BACKEND}#scopes")
def test_a_wildcard_of_letters_that_were_not_granted_covers_nothing() -> None:
    api = service_api("system/*.s")
    assert api.get("Patient/amy").status_code == 403
    assert api.put("Patient/amy").status_code == 403

"""What a reference may name at each place."""

from typing import Any

import pytest

from fhir.elements import RESOURCE_TYPES, element
from fhir.models import Resource
from fhir.outcome import Issue
from fhir.validation import validate
from fhir.validation.references import FURTHER
from tests.fhir.callers import Caller

OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def _observation(**members: Any) -> list[Issue]:
    return validate(OBSERVATION | members)


def _only(issues: list[Issue]) -> Issue:
    [issue] = issues
    return issue


@pytest.mark.requirement("https://hl7.org/fhir/R4/references.html#literal")
def test_a_reference_names_something_that_can_exist() -> None:
    for good in (
        "Patient/1",
        "Patient/1/_history/2",
        "https://host/fhir/Patient/1",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "urn:oid:1.2.3",
        "#",
        "#p1",
        "Patient?identifier=http://x|1",
    ):
        assert _observation(subject={"reference": good}) == [], good
    for bad in (
        "",
        "Patient",
        "Patient/",
        "Nothing/1",
        "patient/1",
        "Patient/a_b",
        "Patient/1/2",
        "Patient/1 ",
        5,
    ):
        issue = _only(_observation(subject={"reference": bad}))
        assert issue.refuses, bad
        assert issue.expression == "Observation.subject.reference"


@pytest.mark.requirement("https://hl7.org/fhir/R4/references.html#literal")
@pytest.mark.parametrize(
    "reference",
    [
        "Practitioner/1",
        "Practitioner/1/_history/2",
        "Practitioner?identifier=http://x|1",
        "https://host/fhir/Practitioner/1",
        "http://host/Practitioner/1/_history/2",
    ],
)
def test_a_reference_to_a_type_that_is_not_foreseen_is_refused(reference: str) -> None:
    issue = _only(_observation(subject={"reference": reference}))
    assert (issue.severity, issue.code) == ("error", "business-rule")
    assert issue.expression == "Observation.subject.reference"
    assert "Patient, Group, Device, Location" in issue.diagnostics
    assert _observation(focus=[{"reference": reference}]) == []


def test_an_absolute_reference_that_is_no_address_of_a_resource_may_lead_anywhere() -> None:
    for elsewhere in (
        "https://host/viewer?patient=1",
        "https://host/Practitioner",
        "ftp://host/Practitioner/1",
    ):
        assert _observation(subject={"reference": elsewhere}) == [], elsewhere


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        (OBSERVATION | {"performer": [{"reference": "Encounter/1"}]}, "Observation.performer[0].reference"),
        (
            {
                "resourceType": "DeviceMetric",
                "type": {"text": "x"},
                "category": "setting",
                "parent": {"reference": "DeviceDefinition/1"},
            },
            "DeviceMetric.parent.reference",
        ),
        (
            {
                "resourceType": "DeviceUseStatement",
                "status": "active",
                "subject": {"display": "x"},
                "device": {"display": "x"},
                "reasonReference": [{"reference": "https://host/fhir/Procedure/1"}],
            },
            "DeviceUseStatement.reasonReference[0].reference",
        ),
        (
            {
                "resourceType": "MedicationRequest",
                "status": "active",
                "intent": "order",
                "medicationCodeableConcept": {"text": "x"},
                "subject": {"display": "x"},
                "dispenseRequest": {"performer": {"reference": "Practitioner/1"}},
            },
            "MedicationRequest.dispenseRequest.performer.reference",
        ),
    ],
)
def test_a_type_that_r4s_own_examples_have_at_a_place_is_remarked_there(
    resource: dict[str, Any], expression: str
) -> None:
    assert validate(resource) == []
    issue = _only(validate(resource, remarks=True))
    assert (issue.severity, issue.code, issue.expression) == ("warning", "business-rule", expression)


def test_every_further_target_is_of_a_place_and_a_type_that_there_is() -> None:
    for path, types in FURTHER.items():
        found = element(path)
        assert found is not None
        assert "Reference" in found.types
        assert set(types) <= set(RESOURCE_TYPES) - set(found.targets)


def test_a_reference_to_a_contained_resource_names_a_type_that_is_foreseen() -> None:
    contained = [{"resourceType": "Practitioner", "id": "d"}, {"resourceType": "Patient", "id": "p"}]
    good = OBSERVATION | {"contained": contained, "subject": {"reference": "#p"}}
    assert validate(good | {"performer": [{"reference": "#d"}], "focus": [{"reference": "#d"}]}) == []
    issue = _only(
        validate(
            good | {"performer": [{"reference": "#p"}, {"reference": "#d"}], "device": {"reference": "#d"}}
        )
    )
    assert (issue.code, issue.expression) == ("business-rule", "Observation.device.reference")
    entry = {"resource": good | {"subject": {"reference": "#d"}}}
    issue = _only(validate({"resourceType": "Bundle", "type": "collection", "entry": [entry]}))
    assert issue.expression == "Bundle.entry[0].resource.subject.reference"
    for odd in ("x", [5], [{"id": "p"}], [{"resourceType": 5, "id": "p"}]):
        assert validate(OBSERVATION | {"contained": odd, "subject": {"reference": "#p"}})


PATIENT, PRACTITIONER = "0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f", "7c1f0f52-62a5-4f5d-8d70-3a0c1f1f6b11"


def _sent(api: Caller, subject: str, performer: str) -> Any:
    """The answer to a transaction whose last entry refers to the first two."""
    named = {"subject": {"reference": subject}, "performer": [{"reference": performer}]}
    resources: dict[str, dict[str, Any]] = {
        PATIENT: {"resourceType": "Patient"},
        PRACTITIONER: {"resourceType": "Practitioner"},
        "69176529-fd1f-3b3f-abce-a0a3626769eb": OBSERVATION | named,
    }
    entries = [
        {
            "fullUrl": f"urn:uuid:{name}",
            "resource": each,
            "request": {"method": "POST", "url": each["resourceType"]},
        }
        for name, each in resources.items()
    ]
    return api.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


def test_references_between_the_entries_of_a_transaction_name_types_that_are_foreseen(api: Caller) -> None:
    patient, practitioner = f"urn:uuid:{PATIENT}", f"urn:uuid:{PRACTITIONER}"
    refused = _sent(api, subject=practitioner, performer=patient)
    assert refused.status_code == 422
    issue = refused.json()["issue"][0]
    assert issue["code"] == "business-rule"
    assert issue["expression"] == ["Bundle.entry[2].resource.subject.reference"]
    assert not Resource.objects.exists()
    assert _sent(api, subject=patient, performer=practitioner).status_code == 200
    assert Resource.objects.count() == 3

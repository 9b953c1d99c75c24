"""Small records of two patients, with what belongs to no patient around them."""

from __future__ import annotations

from typing import Any

from tests.fhir.search.shelf import put

Json = dict[str, Any]


def reference(target: str) -> Json:
    """A Reference to "Type/id"."""
    return {"reference": target}


def patient(fhir_id: str, **fields: Any) -> Json:
    """A Patient."""
    return {"resourceType": "Patient", "id": fhir_id, "name": [{"family": fhir_id}], **fields}


def observation(fhir_id: str, of: str, **fields: Any) -> Json:
    """An Observation of the patient with the id `of`."""
    return {
        "resourceType": "Observation",
        "id": fhir_id,
        "status": "final",
        "code": {"text": "x"},
        "subject": reference(f"Patient/{of}"),
        **fields,
    }


def encounter(fhir_id: str, of: str, start: str, end: str) -> Json:
    """An Encounter of the patient with the id `of`."""
    return {
        "resourceType": "Encounter",
        "id": fhir_id,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": reference(f"Patient/{of}"),
        "period": {"start": start, "end": end},
    }


def group(fhir_id: str, *members: Json) -> Json:
    """A Group of persons."""
    return {
        "resourceType": "Group",
        "id": fhir_id,
        "type": "person",
        "actual": True,
        **({"member": list(members)} if members else {}),
    }


def put_records() -> None:
    """Ann, whose observations name a practitioner in a role at an organization; Ben; and a doctor of
    nobody."""
    put(
        {"resourceType": "Organization", "id": "clinic", "name": "Clinic"},
        {"resourceType": "Organization", "id": "lab", "name": "Lab"},
        {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Doctor"}]},
        {"resourceType": "Practitioner", "id": "stranger", "name": [{"family": "Stranger"}]},
        {
            "resourceType": "PractitionerRole",
            "id": "role",
            "practitioner": reference("Practitioner/doctor"),
            "organization": reference("Organization/clinic"),
        },
        patient("ann", managingOrganization=reference("Organization/clinic"), birthDate="1970-05-05"),
        patient("ben"),
        encounter("visit", "ann", "2020-01-01", "2020-03-31"),
        observation("old", "ann", effectiveDateTime="2019-06-01"),
        observation(
            "new", "ann", effectiveDateTime="2021-06-01", performer=[reference("PractitionerRole/role")]
        ),
        observation("undated", "ann"),
        observation(
            "other", "ben", effectiveDateTime="2021-06-01", performer=[reference("Organization/lab")]
        ),
        {
            "resourceType": "Condition",
            "id": "cold",
            "subject": reference("Patient/ann"),
            "code": {"text": "cold"},
            "recordedDate": "2021-01-01",
        },
    )

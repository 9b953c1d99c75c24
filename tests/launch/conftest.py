"""A small clinic: three patients with encounters, a clinician, a relative, staff, and apps."""

from __future__ import annotations

from typing import Any

import pytest
from oauth2_provider.models import get_application_model

from accounts.models import User
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.update import update

Json = dict[str, Any]


def put(resource: Json) -> None:
    """Keep a resource under its own id."""
    update(Request(EVERYTHING, type=resource["resourceType"], id=resource["id"], resource=resource))


def patient(fhir_id: str, family: str, given: str, **more: Any) -> Json:
    """A Patient."""
    name = [{"use": "official", "family": family, "given": [given]}]
    return {"resourceType": "Patient", "id": fhir_id, "name": name, **more}


def encounter(fhir_id: str, of: str, day: str) -> Json:
    """An Encounter of a patient."""
    return {
        "resourceType": "Encounter",
        "id": fhir_id,
        "status": "finished",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "AMB",
            "display": "ambulatory",
        },
        "type": [{"text": "Check-up"}],
        "subject": {"reference": f"Patient/{of}"},
        "period": {"start": day, "end": day},
    }


@pytest.fixture
def records(db: None) -> None:
    """Amy, Ben and Cleo."""
    identifier = [{"system": "urn:oid:1.2.3", "value": "MRN-77"}]
    put(patient("amy", "Shaw", "Amy", birthDate="1987-05-23", gender="female", identifier=identifier))
    put(patient("ben", "Stone", "Ben", birthDate="1950-01-02", gender="male"))
    put(patient("cleo", "Zander", "Cleo", generalPractitioner=[{"reference": "Practitioner/doc"}]))
    put(encounter("amy-1", "amy", "2024-01-05"))
    put(encounter("amy-2", "amy", "2025-06-07"))
    put(encounter("ben-1", "ben", "2025-01-01"))


@pytest.fixture
def clinician(db: None) -> User:
    return User.objects.create_user("doc", fhir_user="Practitioner/doc")


@pytest.fixture
def amy(db: None) -> User:
    return User.objects.create_user("amy", fhir_user="Patient/amy")


@pytest.fixture
def relative(db: None) -> User:
    return User.objects.create_user("rita", fhir_user="RelatedPerson/rita")


@pytest.fixture
def staff(db: None) -> User:
    """A superuser who is nobody in the record."""
    return User.objects.create_superuser("chief")


def make_app(name: str, **more: Any) -> Any:
    """A registered app: live and with a launch URL, if nothing else is said."""
    defaults = {
        "client_id": name.lower().replace(" ", "-"),
        "status": "live",
        "launch_url": "https://app.example/launch",
        "redirect_uris": "https://app.example/callback",
        "scope": "launch launch/patient openid patient/*.rs",
        "client_type": "public",
        "authorization_grant_type": "authorization-code",
    }
    return get_application_model().objects.create(name=name, **{**defaults, **more})


@pytest.fixture
def app(db: None) -> Any:
    return make_app("Lab Viewer")

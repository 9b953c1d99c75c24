"""The invented clinic: its organization, building and practitioners."""

from __future__ import annotations

from typing import Final

from smartcdr.demo.elements import IDENTIFIERS, SNOMED, Json, concept, profile, reference, term

CLINIC: Final = reference("Organization", "organization-meadowbrook", "Meadowbrook Clinic")
BUILDING: Final = reference("Location", "location-meadowbrook", "Meadowbrook Clinic, Mill Lane")

PRACTITIONERS: Final[dict[str, tuple[str, str, str, str]]] = {
    "practitioner-mei-chen": ("Mei", "Chen", "62247001", "Family medicine specialist"),
    "practitioner-luc-moreau": ("Luc", "Moreau", "11911009", "Nephrologist"),
    "practitioner-jonah-whitfield": ("Jonah", "Whitfield", "82296001", "Pediatrician"),
}
"""Id of the Practitioner: given name, family name, SNOMED CT code of what it is, and its words."""


def practitioner_reference(identity: str) -> Json:
    """A Reference to one of the clinic's practitioners, with the name as display."""
    given, family, _, _ = PRACTITIONERS[identity]
    return reference("Practitioner", identity, f"Dr. {given} {family}")


def clinic_resources() -> list[Json]:
    """Organization, Location, and a Practitioner and PractitionerRole for each practitioner."""
    found = [_organization(), _location()]
    for number, identity in enumerate(PRACTITIONERS, start=1):
        found += [_practitioner(identity, number), _role(identity)]
    return found


def address(line: str) -> Json:
    """A postal address in the clinic's invented town."""
    return {
        "use": "home",
        "line": [line],
        "city": "Meadowbrook",
        "state": "VT",
        "postalCode": "05000",
        "country": "US",
    }


def _work_address(line: str) -> Json:
    return address(line) | {"use": "work"}


def _organization() -> Json:
    return {
        "resourceType": "Organization",
        "id": "organization-meadowbrook",
        "meta": profile("organization"),
        "identifier": [{"system": IDENTIFIERS + "organization", "value": "MBC"}],
        "active": True,
        "type": [term("organization-type", "prov", "Healthcare Provider")],
        "name": "Meadowbrook Clinic",
        "telecom": [{"system": "phone", "value": "+1-802-555-0100", "use": "work"}],
        "address": [_work_address("12 Mill Lane")],
    }


def _location() -> Json:
    return {
        "resourceType": "Location",
        "id": "location-meadowbrook",
        "meta": profile("location"),
        "status": "active",
        "name": "Meadowbrook Clinic, Mill Lane",
        "mode": "instance",
        "type": [term("v3-RoleCode", "OF", "Outpatient facility")],
        "telecom": [{"system": "phone", "value": "+1-802-555-0100", "use": "work"}],
        "address": _work_address("12 Mill Lane"),
        "managingOrganization": CLINIC,
    }


def _practitioner(identity: str, number: int) -> Json:
    given, family, _, _ = PRACTITIONERS[identity]
    return {
        "resourceType": "Practitioner",
        "id": identity,
        "meta": profile("practitioner"),
        "identifier": [{"system": IDENTIFIERS + "practitioner", "value": f"P{number:03}"}],
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given], "prefix": ["Dr."]}],
        "telecom": [
            {"system": "email", "value": f"{given}.{family}@meadowbrook.example".lower(), "use": "work"}
        ],
        "address": [_work_address("12 Mill Lane")],
    }


def _role(identity: str) -> Json:
    _, _, code, display = PRACTITIONERS[identity]
    return {
        "resourceType": "PractitionerRole",
        "id": identity.replace("practitioner", "role", 1),
        "meta": profile("practitionerrole"),
        "active": True,
        "practitioner": practitioner_reference(identity),
        "organization": CLINIC,
        "code": [concept(SNOMED, code, display)],
        "location": [BUILDING],
        "telecom": [{"system": "phone", "value": "+1-802-555-0100", "use": "work"}],
    }

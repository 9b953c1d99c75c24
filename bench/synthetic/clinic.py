"""What all invented records refer to: organizations with their locations, and practitioners with their roles.

Records find them by their identifiers, as transactions from elsewhere do.
"""

import random
from typing import Any

from bench.synthetic.codes import CITIES, CORE, MEN, SURNAMES, WOMEN, concept

ORGANIZATIONS, PRACTITIONERS = 12, 60
NPI = "http://hl7.org/fhir/sid/us-npi"
OWN = "https://bench.example.org/id"


def npi(number: int) -> str:
    """The identifier's value of a practitioner."""
    return f"99999{number:05}"


def practitioner_name(number: int) -> str:
    """How reports and visits call a practitioner."""
    return f"Dr. {SURNAMES[number % len(SURNAMES)]}"


def organization_name(number: int) -> str:
    """What an organization is called."""
    return f"{CITIES[number % len(CITIES)][0]} Health Center {number}"


def clinic() -> dict[str, Any]:
    """A transaction that creates all of it, once: loaded again, it changes nothing."""
    draw = random.Random("clinic")
    entries = []
    for number in range(ORGANIZATIONS):
        entries += [_entry(_organization(number), OWN), _entry(_location(number), OWN)]
    for number in range(PRACTITIONERS):
        entries += [_entry(_practitioner(draw, number), NPI), _entry(_role(draw, number), OWN)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _entry(resource: dict[str, Any], system: str) -> dict[str, Any]:
    kind, value = resource["resourceType"], resource["identifier"][0]["value"]
    return {
        "fullUrl": f"urn:bench:{kind}:{value}",
        "resource": resource,
        "request": {"method": "POST", "url": kind, "ifNoneExist": f"identifier={system}|{value}"},
    }


def _organization(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "meta": {"profile": [f"{CORE}/us-core-organization"]},
        "identifier": [{"system": OWN, "value": f"organization-{number}"}],
        "active": True,
        "type": [concept("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Provider")],
        "name": organization_name(number),
        "telecom": [{"system": "phone", "value": f"555-010-{number:04}"}],
        "address": [_address(number)],
    }


def _location(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Location",
        "meta": {"profile": [f"{CORE}/us-core-location"]},
        "identifier": [{"system": OWN, "value": f"location-{number}"}],
        "status": "active",
        "name": organization_name(number),
        "address": _address(number),
        "managingOrganization": {"reference": f"urn:bench:Organization:organization-{number}"},
    }


def _practitioner(draw: random.Random, number: int) -> dict[str, Any]:
    gender = draw.choice(("female", "male"))
    return {
        "resourceType": "Practitioner",
        "meta": {"profile": [f"{CORE}/us-core-practitioner"]},
        "identifier": [{"system": NPI, "value": npi(number)}],
        "active": True,
        "name": [
            {
                "family": SURNAMES[number % len(SURNAMES)],
                "given": [draw.choice(WOMEN if gender == "female" else MEN)],
                "prefix": ["Dr."],
            }
        ],
        "telecom": [{"system": "email", "value": f"practitioner.{number}@example.org", "use": "work"}],
        "gender": gender,
    }


def _role(draw: random.Random, number: int) -> dict[str, Any]:
    at = draw.randrange(ORGANIZATIONS)
    return {
        "resourceType": "PractitionerRole",
        "meta": {"profile": [f"{CORE}/us-core-practitionerrole"]},
        "identifier": [{"system": OWN, "value": f"role-{number}"}],
        "practitioner": {"reference": f"urn:bench:Practitioner:{npi(number)}"},
        "organization": {"reference": f"urn:bench:Organization:organization-{at}"},
        "code": [concept("http://nucc.org/provider-taxonomy", "208D00000X", "General Practice Physician")],
        "location": [{"reference": f"urn:bench:Location:location-{at}"}],
        "telecom": [{"system": "phone", "value": f"555-020-{number:04}"}],
    }


def _address(number: int) -> dict[str, Any]:
    city, postal_code = CITIES[number % len(CITIES)]
    return {
        "line": [f"{100 + number} Main Street"],
        "city": city,
        "state": "MA",
        "postalCode": postal_code,
        "country": "US",
    }

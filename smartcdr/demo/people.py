"""Patients and the people around them: Patient, RelatedPerson and CareTeam resources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from smartcdr.demo.clinic import CLINIC, PRACTITIONERS, address, practitioner_reference
from smartcdr.demo.elements import IDENTIFIERS, SNOMED, US_CORE, Json, concept, profile, reference, term
from smartcdr.demo.stories import Story


@dataclass(frozen=True)
class Relative:
    """Someone who looks after patients: v3-RoleCode for what they are to each, and the patients' slugs."""

    slug: str
    given: str
    family: str
    sex: str
    role: str
    role_display: str
    patients: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The id of the RelatedPerson that is this person towards the first of the patients."""
        return self.identity_for(self.patients[0])

    def identity_for(self, patient: str) -> str:
        """The id of this person's RelatedPerson towards that patient: it has just one patient."""
        return f"related-{self.slug}-{patient.split('-')[0]}"


RELATIVES: Final = (
    Relative(
        "lena-hartmann", "Lena", "Hartmann", "female", "MTH", "mother", ("mia-hartmann", "paul-hartmann")
    ),
    Relative("david-okafor", "David", "Okafor", "male", "SONC", "son", ("thomas-okafor",)),
)

_STREETS: Final = ("Orchard Road", "Station Street", "Harbor View", "Elm Crescent", "North Bridge Road")


def patient(story: Story, number: int, anchor: date) -> Json:
    """The Patient resource; `number` gives the medical record number and the address."""
    return {
        "resourceType": "Patient",
        "id": story.identity,
        "meta": profile("patient"),
        "extension": [{"url": US_CORE + "birthsex", "valueCode": "F" if story.sex == "female" else "M"}],
        "identifier": [
            {
                "use": "usual",
                "type": term("v2-0203", "MR", "Medical record number"),
                "system": IDENTIFIERS + "mrn",
                "value": f"MB{10000 + 37 * number}",
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": story.family, "given": [story.given]}],
        "telecom": [
            {"system": "phone", "value": f"+1-802-555-01{number:02}", "use": "home"},
            {"system": "email", "value": f"{story.given}.{story.family}@mail.example".lower()},
        ],
        "gender": story.sex,
        "birthDate": story.birth_date(anchor).isoformat(),
        "address": [address(f"{3 + 4 * number} {_STREETS[number % len(_STREETS)]}")],
        "communication": [
            {
                "language": concept("urn:ietf:bcp:47", *story.language),
                "preferred": True,
            }
        ],
        "generalPractitioner": [practitioner_reference(story.practitioner)],
        "managingOrganization": CLINIC,
    }


def related_persons(story: Story) -> list[Json]:
    """A RelatedPerson for each relative of that patient."""
    return [
        {
            "resourceType": "RelatedPerson",
            "id": relative.identity_for(story.slug),
            "meta": profile("relatedperson"),
            "active": True,
            "patient": reference("Patient", story.identity, story.name),
            "relationship": [term("v3-RoleCode", relative.role, relative.role_display)],
            "name": [{"use": "official", "family": relative.family, "given": [relative.given]}],
            "gender": relative.sex,
            "telecom": [
                {"system": "email", "value": f"{relative.given}.{relative.family}@mail.example".lower()}
            ],
        }
        for relative in RELATIVES
        if story.slug in relative.patients
    ]


def care_team(story: Story, since: str) -> Json:
    """The CareTeam: the patient and the practitioner in charge; `since` is a FHIR date."""
    _, _, code, display = PRACTITIONERS[story.practitioner]
    return {
        "resourceType": "CareTeam",
        "id": f"careteam-{story.slug}",
        "meta": profile("careteam"),
        "status": "active",
        "name": f"Care team of {story.name}",
        "subject": reference("Patient", story.identity, story.name),
        "period": {"start": since},
        "participant": [
            {
                "role": [concept(SNOMED, "116154003", "Patient")],
                "member": reference("Patient", story.identity, story.name),
            },
            {
                "role": [concept(SNOMED, code, display)],
                "member": practitioner_reference(story.practitioner),
                "onBehalfOf": CLINIC,
            },
        ],
        "managingOrganization": [CLINIC],
    }

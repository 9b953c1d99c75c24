"""The rest of a patient's chart: encounters, conditions, prescriptions, allergies and immunizations."""

from __future__ import annotations

from datetime import date

from smartcdr.demo.clinic import BUILDING, CLINIC, practitioner_reference
from smartcdr.demo.elements import (
    CVX,
    IDENTIFIERS,
    RXNORM,
    SNOMED,
    TERMINOLOGY,
    Json,
    before,
    coding,
    concept,
    instant,
    profile,
    reference,
    term,
)
from smartcdr.demo.observations import encounter_id
from smartcdr.demo.stories import Allergy, Drug, Problem, Story


def _subject(story: Story) -> Json:
    return reference("Patient", story.identity, story.name)


def encounter(story: Story, day: date, first: bool) -> Json:
    """The visit of that day: a check-up the first time, a follow-up afterwards."""
    kind = ("185349003", "Encounter for check up") if first else ("390906007", "Follow-up encounter")
    identity = encounter_id(story, day)
    return {
        "resourceType": "Encounter",
        "id": identity,
        "meta": profile("encounter"),
        "identifier": [{"system": IDENTIFIERS + "encounter", "value": identity}],
        "status": "finished",
        "class": coding(TERMINOLOGY + "v3-ActCode", "AMB", "ambulatory"),
        "type": [concept(SNOMED, *kind)],
        "subject": _subject(story),
        "participant": [
            {
                "type": [term("v3-ParticipationType", "PPRF", "primary performer")],
                "individual": practitioner_reference(story.practitioner),
            }
        ],
        "period": {"start": instant(day, 8), "end": instant(day, 8, 40)},
        "location": [{"location": BUILDING}],
        "serviceProvider": CLINIC,
    }


def condition(story: Story, problem: Problem, anchor: date) -> Json:
    """A problem-list entry, active or resolved."""
    onset = before(anchor, problem.since)
    over = problem.resolved is not None
    state = ("resolved", "Resolved") if over else ("active", "Active")
    found = {
        "resourceType": "Condition",
        "id": f"condition-{story.slug}-{problem.code}",
        "meta": profile("condition-problems-health-concerns"),
        "clinicalStatus": term("condition-clinical", *state),
        "verificationStatus": term("condition-ver-status", "confirmed", "Confirmed"),
        "category": [term("condition-category", "problem-list-item", "Problem List Item")],
        "code": concept(SNOMED, problem.code, problem.display),
        "subject": _subject(story),
        "onsetDateTime": onset.isoformat(),
        "recordedDate": onset.isoformat(),
        "recorder": practitioner_reference(story.practitioner),
    }
    if problem.resolved is not None:
        found["abatementDateTime"] = before(anchor, problem.resolved).isoformat()
    return found


def prescription(story: Story, drug: Drug, anchor: date) -> Json:
    """An order for a medicine that is still taken or was stopped."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"prescription-{story.slug}-{drug.code}",
        "meta": profile("medicationrequest"),
        "status": "active" if drug.until is None else "stopped",
        "intent": "order",
        "category": [term("medicationrequest-category", "community", "Community")],
        "reportedBoolean": False,
        "medicationCodeableConcept": concept(RXNORM, drug.code, drug.display),
        "subject": _subject(story),
        "authoredOn": before(anchor, drug.since).isoformat(),
        "requester": practitioner_reference(story.practitioner),
        "dosageInstruction": [{"text": drug.dose}],
    }


def allergy(story: Story, one: Allergy, anchor: date) -> Json:
    """An allergy and the reaction that was seen."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": f"allergy-{story.slug}-{one.code}",
        "meta": profile("allergyintolerance"),
        "clinicalStatus": term("allergyintolerance-clinical", "active", "Active"),
        "verificationStatus": term("allergyintolerance-verification", "confirmed", "Confirmed"),
        "type": "allergy",
        "criticality": one.criticality,
        "code": concept(SNOMED, one.code, one.display),
        "patient": _subject(story),
        "recordedDate": before(anchor, story.visits[0]).isoformat(),
        "reaction": [{"manifestation": [concept(SNOMED, one.reaction_code, one.reaction)]}],
    }


def immunizations(story: Story, anchor: date) -> list[Json]:
    """An influenza vaccination at a visit in each autumn, and what is due at the first visit at that age."""
    days = [before(anchor, years) for years in story.visits]
    autumns = {day.year: day for day in days if day.month in (9, 10, 11)}
    found = [
        _immunization(story, day, "140", "Influenza, seasonal, injectable, preservative free")
        for day in autumns.values()
    ]
    if story.age < 18:
        found.append(_immunization(story, days[0], "03", "MMR"))
    elif story.age >= 65:
        found.append(_immunization(story, days[0], "33", "Pneumococcal polysaccharide PPV23"))
    else:
        found.append(_immunization(story, days[0], "115", "Tdap"))
    return found


def _immunization(story: Story, day: date, code: str, display: str) -> Json:
    return {
        "resourceType": "Immunization",
        "id": f"immunization-{story.slug}-{code}-{day.isoformat()}",
        "meta": profile("immunization"),
        "status": "completed",
        "vaccineCode": concept(CVX, code, display),
        "patient": _subject(story),
        "encounter": reference("Encounter", encounter_id(story, day)),
        "occurrenceDateTime": instant(day, 8, 35),
        "primarySource": True,
        "location": BUILDING,
        "performer": [{"actor": practitioner_reference(story.practitioner)}],
    }

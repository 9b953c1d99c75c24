"""What was found and done at a visit, and what accompanies a patient for years."""

import base64
import datetime as dt
from typing import Any

from bench.synthetic.codes import (
    ALLERGENS,
    CONDITIONS,
    CORE,
    CVX,
    HL7,
    LOINC,
    MEDICATIONS,
    PROCEDURES,
    RXNORM,
    SNOMED,
    VACCINES,
    common_first,
    concept,
    labelled,
)
from bench.synthetic.entries import Entries, Visit, day, location, organization, practitioner

Json = dict[str, Any]
SENTENCES = (
    "The patient reports feeling well and has no new complaints.",
    "No fever, no weight loss, no night sweats; appetite and sleep are unchanged.",
    "Lungs clear, heart sounds regular without murmurs, abdomen soft and not tender.",
    "Medication was reviewed with the patient and is to be continued as before.",
    "Blood was drawn for the laboratory; results will be discussed at the next visit.",
    "Diet and exercise were talked over; the patient agrees with the plan.",
)
CORE_TABLES = CORE.replace("StructureDefinition", "CodeSystem")
PLAN = '<div xmlns="http://www.w3.org/1999/xhtml">Watch the blood pressure.</div>'
NOTE = concept(LOINC, "11506-3", "Progress note")


def condition(entries: Entries, visit: Visit) -> None:
    """A diagnosis of the visit, or one for the problem list; some of either are over."""
    code, name = common_first(entries.draw, CONDITIONS)
    is_problem, is_over = entries.draw.random() < 0.35, entries.draw.random() < 0.55
    kind = "problem-list-item" if is_problem else "encounter-diagnosis"
    said = {
        "clinicalStatus": labelled("condition-clinical", "resolved" if is_over else "active"),
        "verificationStatus": labelled("condition-ver-status", "confirmed"),
        "category": [labelled("condition-category", kind)],
        "code": concept(SNOMED, code, name),
        "subject": entries.subject,
        "encounter": visit.encounter,
        "onsetDateTime": visit.at(),
        "recordedDate": visit.at(15),
    }
    if is_over:
        said["abatementDateTime"] = visit.at(60 * 24 * entries.draw.randint(5, 200))
    profile = (
        "us-core-condition-problems-health-concerns"
        if is_problem
        else "us-core-condition-encounter-diagnosis"
    )
    entries.add("Condition", profile, said)


def medication(entries: Entries, visit: Visit) -> None:
    """An order of a medication; most have come to an end."""
    code, name = common_first(entries.draw, MEDICATIONS)
    said = {
        "status": entries.draw.choices(("completed", "active", "stopped"), (55, 30, 15))[0],
        "intent": "plan" if entries.draw.random() < 0.05 else "order",
        "category": [labelled("medicationrequest-category", "outpatient")],
        "medicationCodeableConcept": concept(RXNORM, code, name),
        "subject": entries.subject,
        "encounter": visit.encounter,
        "authoredOn": visit.at(25),
        "requester": visit.seen_by,
        "dosageInstruction": [
            {
                "text": "Take one by mouth once a day",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            }
        ],
    }
    entries.add("MedicationRequest", "us-core-medicationrequest", said)


def procedure(entries: Entries, visit: Visit) -> None:
    """Something that was done."""
    code, name = common_first(entries.draw, PROCEDURES)
    said = {
        "status": "completed",
        "code": concept(SNOMED, code, name),
        "subject": entries.subject,
        "encounter": visit.encounter,
        "performedPeriod": {"start": visit.at(10), "end": visit.at(30)},
        "performer": [{"actor": visit.seen_by}],
        "location": location(visit.organization),
    }
    entries.add("Procedure", "us-core-procedure", said)


def immunization(entries: Entries, visit: Visit) -> None:
    """A vaccination."""
    said = {
        "status": "completed",
        "vaccineCode": concept(CVX, *common_first(entries.draw, VACCINES)),
        "patient": entries.subject,
        "encounter": visit.encounter,
        "occurrenceDateTime": visit.at(30),
        "primarySource": True,
        "location": location(visit.organization),
    }
    entries.add("Immunization", "us-core-immunization", said)


def note(entries: Entries, visit: Visit) -> None:
    """A progress note with its text."""
    text = " ".join(entries.draw.choices(SENTENCES, k=10))
    said = {
        "status": "current",
        "type": NOTE,
        "category": [
            {
                "coding": [
                    {"system": f"{CORE_TABLES}/us-core-documentreference-category", "code": "clinical-note"}
                ]
            }
        ],
        "subject": entries.subject,
        "date": visit.at(40),
        "author": [visit.seen_by],
        "custodian": organization(visit.organization),
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode(text.encode()).decode(),
                }
            }
        ],
        "context": {"encounter": [visit.encounter], "period": {"start": visit.at(), "end": visit.at(40)}},
    }
    entries.add("DocumentReference", "us-core-documentreference", said)


def lasting(entries: Entries, since: dt.datetime, family_doctor: int) -> None:
    """Allergies, a goal, a care team with its plan, and who pays."""
    for code, name in entries.draw.sample(ALLERGENS, entries.draw.choices((0, 1, 2), (60, 30, 10))[0]):
        said = {
            "clinicalStatus": labelled("allergyintolerance-clinical", "active"),
            "verificationStatus": labelled("allergyintolerance-verification", "confirmed"),
            "code": concept(SNOMED, code, name),
            "patient": entries.subject,
            "recordedDate": day(since),
        }
        entries.add("AllergyIntolerance", "us-core-allergyintolerance", said)
    goal = {
        "lifecycleStatus": "active",
        "description": {"text": "Keep the blood pressure below 140/90 mm[Hg]"},
        "subject": entries.subject,
        "startDate": day(since),
    }
    goal_reference = entries.add("Goal", "us-core-goal", goal)
    member = {
        "role": [concept(SNOMED, "223366009", "Healthcare professional")],
        "member": practitioner(family_doctor),
    }
    team = {"status": "active", "subject": entries.subject, "participant": [member]}
    team_reference = entries.add("CareTeam", "us-core-careteam", team)
    plan = {
        "text": {"status": "generated", "div": PLAN},
        "status": "active",
        "intent": "plan",
        "category": [{"coding": [{"system": f"{CORE_TABLES}/careplan-category", "code": "assess-plan"}]}],
        "subject": entries.subject,
        "careTeam": [{"reference": team_reference}],
        "goal": [{"reference": goal_reference}],
    }
    entries.add("CarePlan", "us-core-careplan", plan)
    coverage = {
        "status": "active",
        "type": concept(f"{HL7}/v3-ActCode", "EHCPOL", "extended healthcare"),
        "subscriberId": f"S{entries.draw.randrange(10**8):08}",
        "beneficiary": entries.subject,
        "relationship": labelled("subscriber-relationship", "self"),
        "payor": [organization(0)],
    }
    entries.add("Coverage", "us-core-coverage", coverage)

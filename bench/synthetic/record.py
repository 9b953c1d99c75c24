"""One invented patient's record: who it is, and visits over years with what came of each."""

import datetime as dt
import random
from typing import Any

from bench.synthetic import care, results
from bench.synthetic.clinic import ORGANIZATIONS, OWN, PRACTITIONERS
from bench.synthetic.codes import (
    CITIES,
    CORE,
    HL7,
    MEN,
    SNOMED,
    SURNAMES,
    VISITS,
    WOMEN,
    common_first,
    concept,
)
from bench.synthetic.entries import Entries, Visit, day, location, moment, organization, practitioner

MEAN = 500
"""How many resources a record has, on average; from some 300 to 1,000."""
TODAY = dt.datetime(2026, 6, 30, 16, tzinfo=dt.UTC)
FEWEST_VISITS, MOST_VISITS = 18, 56
RACES = (("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian"))
# How likely a visit brings each of these.
_MAY_FOLLOW = (
    (0.55, results.laboratory),
    (0.40, results.laboratory),
    (0.25, results.laboratory),
    (0.35, care.condition),
    (0.40, care.medication),
    (0.12, care.medication),
    (0.25, care.procedure),
    (0.15, care.immunization),
    (0.50, care.note),
)


def patients_for(resources: int) -> int:
    """How many records have about so many resources together."""
    return max(1, round(resources / MEAN))


def record(number: int) -> dict[str, Any]:
    """The record of the patient with this number, as a transaction: equal at every call."""
    draw = random.Random(f"patient {number}")
    entries = Entries(draw)
    born = TODAY - dt.timedelta(days=draw.randint(20 * 365, 90 * 365))
    entries.patient = _patient(entries, number, born)
    family_doctor, home = draw.randrange(PRACTITIONERS), draw.randrange(ORGANIZATIONS)
    visits = min(MOST_VISITS, max(FEWEST_VISITS, round(draw.lognormvariate(3.4, 0.3))))
    begun = TODAY - dt.timedelta(days=draw.randint(4 * 365, 14 * 365))
    care.lasting(entries, begun, family_doctor)
    days = (TODAY - begun).days
    references = []
    for place in sorted(draw.randrange(days) for _ in range(visits)):
        start = begun + dt.timedelta(days=place, minutes=-draw.randrange(480))
        doctor = family_doctor if draw.random() < 0.7 else draw.randrange(PRACTITIONERS)
        references.append(_visit(entries, start, doctor, home))
    _provenance(entries, references, home)
    return entries.bundle()


def _visit(entries: Entries, start: dt.datetime, doctor: int, home: int) -> str:
    encounter = _encounter(entries, start, doctor, home)
    visit = Visit(encounter, start, doctor, home)
    results.vital_signs(entries, visit)
    for share, follow in _MAY_FOLLOW:
        if entries.draw.random() < share:
            follow(entries, visit)
    return encounter


def _patient(entries: Entries, number: int, born: dt.datetime) -> str:
    draw = entries.draw
    gender = draw.choice(("female", "male"))
    code, name = draw.choices(RACES, (70, 20, 10))[0]
    city, postal_code = draw.choice(CITIES)
    omb = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code, "display": name}
    said = {
        "extension": [
            {
                "url": f"{CORE}/us-core-race",
                "extension": [
                    {"url": "ombCategory", "valueCoding": omb},
                    {"url": "text", "valueString": name},
                ],
            },
            {"url": f"{CORE}/us-core-birthsex", "valueCode": "F" if gender == "female" else "M"},
        ],
        "identifier": [
            {
                "type": concept(f"{HL7}/v2-0203", "MR", "Medical record number"),
                "system": OWN,
                "value": f"patient-{number}",
            }
        ],
        "name": [
            {
                "use": "official",
                "family": draw.choice(SURNAMES),
                "given": [draw.choice(WOMEN if gender == "female" else MEN)],
            }
        ],
        "telecom": [{"system": "phone", "value": f"555-{number:07}", "use": "home"}],
        "gender": gender,
        "birthDate": day(born),
        "address": [
            {
                "line": [f"{draw.randint(1, 999)} Elm Street"],
                "city": city,
                "state": "MA",
                "postalCode": postal_code,
                "country": "US",
            }
        ],
    }
    return entries.add("Patient", "us-core-patient", said)


def _encounter(entries: Entries, start: dt.datetime, doctor: int, home: int) -> str:
    end = start + dt.timedelta(minutes=entries.draw.choice((15, 30, 45, 60)))
    code, name = common_first(entries.draw, VISITS)
    period = {"start": moment(start), "end": moment(end)}
    said = {
        "status": "finished",
        "class": {"system": f"{HL7}/v3-ActCode", "code": "EMER" if code == "50849002" else "AMB"},
        "type": [concept(SNOMED, code, name)],
        "subject": entries.subject,
        "participant": [
            {
                "type": [concept(f"{HL7}/v3-ParticipationType", "PPRF", "primary performer")],
                "period": period,
                "individual": practitioner(doctor),
            }
        ],
        "period": period,
        "location": [{"location": location(home)}],
        "serviceProvider": organization(home),
    }
    return entries.add("Encounter", "us-core-encounter", said)


def _provenance(entries: Entries, targets: list[str], home: int) -> None:
    author = {
        "type": concept(f"{HL7}/provenance-participant-type", "author", "Author"),
        "who": organization(home),
    }
    said = {
        "target": [{"reference": entries.patient}, *({"reference": each} for each in targets)],
        "recorded": moment(TODAY),
        "agent": [author],
    }
    entries.add("Provenance", "us-core-provenance", said)

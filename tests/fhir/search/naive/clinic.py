"""Random resources of a small clinic, so alike that questions about them have many answers."""

from random import Random
from typing import Any

from tests.fhir.search.naive.comparing import interval

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
SYSTEMS = (LOINC, SNOMED, "")
CODES = ("718-7", "2951-2", "44054006", "a|b", "x,y")
WORDS = ("Hémoglobin", "hemoglobin A1c", "Sodium", "SODIUM in serum", "100% oxygen", "under_score")
NAMES = (
    "Müller",
    "MULLER",
    "Adams",
    "Adamson",
    "O'Brien",
    "Ångström",
    "van  der Berg",
    "Łukasz",
    "50%",
    "a_b",
)
DATES = (
    *("2019", "2020", "2020-01", "2020-02", "2020-02-29", "2020-12-31", "1969-07-20", "2020-06-15T23:30:00Z"),
    *("2020-06-15T23:30:00-05:00", "2020-06-16T04:30:00Z", "2020-06-16T04:30:00.250Z", "2020-06-16"),
    "2021-01-01T00:00:00+14:00",
)
NUMBERS = ("5", "5.0", "5.4", "5.35", "5.45", "100", "-3", "0", "0.001", "99.5", "110", "90.0")
UNITS = (("g/dL", UCUM, "g/dL"), ("%", "", ""), ("mg", UCUM, "mg"), ("", UCUM, "%"))
PATIENTS = tuple(f"p{number}" for number in range(12))
ENCOUNTERS = tuple(f"e{number}" for number in range(20))
DISPLAYS = ("Amy Shaw", "amy adams", "Dr. Müller")
STATUSES = {
    "Observation": ("final", "preliminary", "amended"),
    "Encounter": ("finished", "planned", "in-progress"),
    "MedicationRequest": ("active", "completed", "stopped"),
}


class Clinic:
    """Makes resources from a source of chance; elements are often left out."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def resources(self) -> list[dict[str, Any]]:
        """Some two hundred resources of five types, each with an id of its own."""
        made = [self.patient(fhir_id) for fhir_id in PATIENTS]
        made += [self.encounter(fhir_id) for fhir_id in ENCOUNTERS]
        made += [self.observation(f"o{number}") for number in range(90)]
        made += [self.condition(f"c{number}") for number in range(40)]
        made += [self.request(f"m{number}") for number in range(40)]
        return made

    def patient(self, fhir_id: str) -> dict[str, Any]:
        """A Patient."""
        return self._whole(
            {
                "resourceType": "Patient",
                "id": fhir_id,
                "active": self._maybe(self.chance.random() < 0.5),
                "name": self._some(self._name, 2),
                "telecom": self._some(self._contact, 2),
                "gender": self._maybe(self._pick("male", "female", "unknown")),
                "birthDate": self._maybe(self._pick(*(text for text in DATES if "T" not in text))),
                "deceasedDateTime": self._maybe(self._pick(*DATES), 0.3),
                "address": self._some(self._address, 2),
                "identifier": self._some(self._identifier, 2),
                "generalPractitioner": self._some(
                    lambda: self._reference("Practitioner/d1", "Organization/d1"), 2
                ),
            }
        )

    def encounter(self, fhir_id: str) -> dict[str, Any]:
        """An Encounter."""
        return self._whole(
            {
                "resourceType": "Encounter",
                "id": fhir_id,
                "status": self._pick(*STATUSES["Encounter"]),
                "class": self._coding(),
                "type": self._some(self._concept, 2),
                "reasonCode": self._some(self._concept, 2),
                "subject": self._maybe(self._subject()),
                "period": self._maybe(self._period()),
                "length": self._maybe(self._quantity(compared=False)),
                "participant": self._some(lambda: {"individual": self._reference("Practitioner/d1")}, 1),
                "partOf": self._maybe(self._encounter(), 0.3),
            }
        )

    def observation(self, fhir_id: str) -> dict[str, Any]:
        """An Observation."""
        kind, value = self._pick(
            ("valueQuantity", self._quantity()),
            ("valueQuantity", self._quantity()),
            ("valueCodeableConcept", self._concept()),
            ("valueString", self._pick(*WORDS)),
            ("valueDateTime", self._pick(*DATES)),
            ("valuePeriod", self._period()),
        )
        when = self._pick(
            *[("effectiveDateTime", self._pick(*DATES))] * 3, ("effectivePeriod", self._period())
        )
        return self._whole(
            {
                "resourceType": "Observation",
                "id": fhir_id,
                "status": self._pick(*STATUSES["Observation"]),
                "category": self._some(self._concept, 2),
                "code": self._concept(),
                "identifier": self._some(self._identifier, 2),
                "subject": self._maybe(self._subject(), 0.9),
                "encounter": self._maybe(self._encounter()),
                "performer": self._some(
                    lambda: self._reference("Practitioner/d1", "Patient/p1", "Organization/p1"), 2
                ),
                when[0]: self._maybe(when[1], 0.8),
                kind: self._maybe(value, 0.8),
                "component": self._some(self._component, 2),
            }
        )

    def condition(self, fhir_id: str) -> dict[str, Any]:
        """A Condition, whose subject is always told."""
        onset = self._pick(
            ("onsetDateTime", self._pick(*DATES)),
            ("onsetPeriod", self._period()),
            ("onsetString", self._pick(*WORDS)),
        )
        end = self._pick(("abatementDateTime", self._pick(*DATES)), ("abatementPeriod", self._period()))
        return self._whole(
            {
                "resourceType": "Condition",
                "id": fhir_id,
                "clinicalStatus": self._maybe(self._concept()),
                "category": self._some(self._concept, 2),
                "code": self._maybe(self._concept()),
                "subject": self._subject(),
                "encounter": self._maybe(self._encounter()),
                onset[0]: self._maybe(onset[1]),
                end[0]: self._maybe(end[1], 0.4),
                "recordedDate": self._maybe(self._pick(*DATES)),
                "asserter": self._maybe(self._reference("Practitioner/d1", "Patient/p2")),
            }
        )

    def request(self, fhir_id: str) -> dict[str, Any]:
        """A MedicationRequest."""
        return self._whole(
            {
                "resourceType": "MedicationRequest",
                "id": fhir_id,
                "status": self._pick(*STATUSES["MedicationRequest"]),
                "intent": self._pick("order", "plan"),
                "medicationCodeableConcept": self._concept(),
                "subject": self._subject(),
                "encounter": self._maybe(self._encounter()),
                "authoredOn": self._maybe(self._pick(*DATES)),
                "requester": self._maybe(self._reference("Practitioner/d1", "Patient/p2")),
            }
        )

    def _whole(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Without the elements that are not there, and perhaps with a tag."""
        if self.chance.random() < 0.3:
            resource["meta"] = {"tag": [self._coding()]}
        return {name: value for name, value in resource.items() if value not in (None, [])}

    def _pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def _maybe(self, value: Any, often: float = 0.7) -> Any:
        return value if self.chance.random() < often else None

    def _some(self, make: Any, most: int) -> list[Any]:
        return [make() for _ in range(self.chance.randint(0, most))]

    def _coding(self) -> dict[str, Any]:
        coding = {
            "system": self._pick(*SYSTEMS) or None,
            "code": self._pick(*CODES),
            "display": self._maybe(self._pick(*WORDS), 0.4),
        }
        return {name: value for name, value in coding.items() if value}

    def _concept(self) -> dict[str, Any]:
        codings = [self._coding() for _ in range(self.chance.randint(0, 2))]
        text = self._pick(*WORDS)
        if not codings:
            return {"text": text}
        return {"coding": codings, **({"text": text} if self.chance.random() < 0.4 else {})}

    def _identifier(self) -> dict[str, Any]:
        made = {"value": self._pick("1", "2", "A-1"), "system": self._pick("urn:mrn", "urn:ssn", "")}
        kind = {"type": {"text": self._pick(*WORDS)}} if self.chance.random() < 0.3 else {}
        return {**{name: value for name, value in made.items() if value}, **kind}

    def _contact(self) -> dict[str, Any]:
        return {"system": self._pick("phone", "email"), "value": self._pick("555-1", "555-2"), "use": "home"}

    def _name(self) -> dict[str, Any]:
        return {"family": self._pick(*NAMES), "given": [self._pick(*NAMES) for _ in range(self._pick(1, 2))]}

    def _address(self) -> dict[str, Any]:
        return {"city": self._pick(*NAMES), "line": [self._pick(*WORDS)], "country": self._pick("DE", "US")}

    def _reference(self, *choices: str) -> dict[str, Any]:
        display = {"display": self._pick(*DISPLAYS)} if self.chance.random() < 0.4 else {}
        return {"reference": self._pick(*choices), **display}

    def _subject(self) -> dict[str, Any]:
        patient = self._pick(*PATIENTS)
        text = self._pick(
            *[f"Patient/{patient}"] * 6,
            f"http://testserver/fhir/Patient/{patient}",
            f"Patient/{patient}/_history/1",
            f"http://other.example/Patient/{patient}",
            "Group/p1",
            "",
        )
        if not text:
            return {"identifier": self._identifier(), "display": self._pick(*DISPLAYS)}
        return self._reference(text)

    def _encounter(self) -> dict[str, Any]:
        return self._reference(*(f"Encounter/{each}" for each in ENCOUNTERS))

    def _period(self) -> dict[str, str]:
        start, end = sorted((self._pick(*DATES), self._pick(*DATES)), key=interval)
        return self.chance.choice(({"start": start}, {"end": end}, {"start": start, "end": end}))

    def _quantity(self, *, compared: bool = True) -> dict[str, Any]:
        unit, system, code = self._pick(*UNITS)
        digits = self._pick(*NUMBERS)
        made = {"unit": unit, "system": system, "code": code}
        comparator = {"comparator": self._pick("<", ">=")} if compared and self.chance.random() < 0.1 else {}
        value = float(digits) if "." in digits else int(digits)
        return {"value": value, **comparator, **{name: text for name, text in made.items() if text}}

    def _component(self) -> dict[str, Any]:
        return {"code": self._concept(), "valueQuantity": self._quantity()}

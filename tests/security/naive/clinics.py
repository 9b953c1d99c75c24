"""Random clinics. The same seed gives the same ones."""

from __future__ import annotations

import random

from tests.security.naive.matching import Json
from tests.security.naive.rights import World

PATIENTS = ("p1", "p2", "p3")
SYSTEM = "http://example.org/category"
CATEGORIES = ("laboratory", "vital-signs", "survey")
DATES = ("2020-01-01", "2020-06", "2021-03-05", "2022")
OF_PATIENTS = ("Observation", "Condition", "Encounter", "CareTeam", "MedicationRequest", "Coverage", "List")
TYPES = (*OF_PATIENTS, "Patient", "Practitioner", "Organization", "Medication", "Binary", "Group")
STATUSES = {
    "Observation": ("final", "amended", "preliminary"),
    "Encounter": ("planned", "finished"),
    "Coverage": ("active", "cancelled"),
    "MedicationRequest": ("active", "stopped"),
}


class Clinics:
    """Draws everything from one source of chance. `base` is the FHIR base."""

    def __init__(self, seed: int, base: str) -> None:
        self.random = random.Random(seed)
        self.base = base
        self.drawn = 0

    def pick(self, *choices: str) -> str:
        """One of these."""
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.random.random() < share

    def world(self) -> World:
        """Some thirty resources with their versions, some deleted."""
        world: World = {}
        for kind in TYPES:
            for place in range(1, 1 + (8 if kind == "Observation" else 3)):
                world[kind, self.fhir_id(kind, place)] = [self.content(kind, self.fhir_id(kind, place))]
        for step, share in enumerate((0.4, 0.15, 0.05)):
            for (kind, fhir_id), versions in world.items():
                if self.chance(share):
                    ends = (step > 0 and kind != "Patient") or self.chance(0.1)
                    versions.append(None if ends and versions[-1] else self.content(kind, fhir_id))
        return world

    @staticmethod
    def fhir_id(kind: str, place: int) -> str:
        """The id of the resource with this place among those of its type."""
        letter = {"Patient": "p", "Practitioner": "d"}.get(kind, kind.lower() + "-")
        return f"{letter}{place}"

    def reference(self, *kinds: str) -> Json:
        """A reference to a resource of one of these types, which may not be here, written in some way."""
        kind = self.pick(*kinds)
        place = f"{kind}/{self.fhir_id(kind, self.random.choice((1, 1, 2, 2, 3)))}"
        form = self.random.random()
        if form < 0.08:
            return {"reference": f"{self.base}/{place}"}
        if form < 0.14:
            return {"reference": f"http://other.example/fhir/{place}"}
        if form < 0.2:
            return {"reference": f"{place}/_history/1"}
        return {"reference": place}

    def concept(self, *codes: str) -> Json:
        """A CodeableConcept of one or two of these codes, with a system or without."""
        chosen = self.random.sample(codes, self.random.choice((1, 1, 2)))
        return {
            "coding": [{"code": code, **({"system": SYSTEM} if self.chance(0.7) else {})} for code in chosen]
        }

    def content(self, kind: str, fhir_id: str = "") -> Json:
        """A valid resource of this type, unlike all that were drawn before."""
        self.drawn += 1
        facts: Json = {"resourceType": kind, "language": f"x-{self.drawn}", **self._facts(kind)}
        return {**facts, "id": fhir_id} if fhir_id else facts

    def _facts(self, kind: str) -> Json:
        status = {"status": self.pick(*STATUSES[kind])} if kind in STATUSES else {}
        subject = {"subject": self.reference("Patient")}
        match kind:
            case "Observation":
                return {**status, **(subject if self.chance(0.9) else {}), **self._observation()}
            case "Condition":
                extra = {"asserter": self.reference("Patient", "Practitioner")} if self.chance(0.3) else {}
                code = {"code": self.concept("flu", "cold"), "category": [self.concept(*CATEGORIES)]}
                return {**subject, **code, **extra, "encounter": self.reference("Encounter")}
            case "Encounter":
                who = [{"individual": self.reference("Practitioner")}]
                period = {"start": self.pick(*DATES), "end": "2023-01-01"}
                return {**status, **subject, "class": {"code": "AMB"}, "participant": who, "period": period}
            case "CareTeam":
                members = [{"member": self.reference("Practitioner", "Practitioner", "Patient")}]
                return {**subject, "participant": members}
            case "MedicationRequest":
                what = {
                    "medicationReference": self.reference("Medication"),
                    "requester": self.reference("Practitioner"),
                }
                return {**status, **subject, **what, "intent": "order"}
            case "Coverage":
                payor = [self.reference("Organization", "Patient")]
                return {**status, "beneficiary": self.reference("Patient"), "payor": payor}
            case "Patient":
                doctor = {"generalPractitioner": [self.reference("Practitioner")]} if self.chance(0.5) else {}
                known = {"identifier": [{"system": SYSTEM, "value": self.pick("i1", "i2", "i3", "i4")}]}
                return {
                    **self._name(),
                    **doctor,
                    **known,
                    "managingOrganization": self.reference("Organization"),
                }
            case "Practitioner":
                return self._name()
            case "Organization":
                return {"name": self.pick("Adler", "Berg")}
            case "Medication":
                return {"code": self.concept("a", "b"), "manufacturer": self.reference("Organization")}
            case "Binary":
                context = self.reference("Observation", "Patient", "Group", "Practitioner")
                return {"contentType": "text/plain", "securityContext": context}
            case "List":
                items = [{"item": self.reference("Observation", "Condition", "Practitioner")} for _ in "123"]
                return {"status": "current", "mode": "working", **subject, "entry": items}
            case _:
                members = [self._member() for _ in range(self.random.choice((1, 2, 3)))]
                return {"type": "person", "actual": True, "member": members}

    def _member(self) -> Json:
        member: Json = {"entity": self.reference("Patient", "Patient", "Practitioner")}
        if self.chance(0.3):
            member["inactive"] = self.chance(0.5)
        if self.chance(0.3):
            member["period"] = {self.pick("start", "end"): self.pick("2001-01-01", "2999-01-01")}
        return member

    def _name(self) -> Json:
        return {"name": [{"family": self.pick("Adler", "Berg", "Amsel"), "given": [self.pick("Eva", "Max")]}]}

    def _observation(self) -> Json:
        facts: Json = {"code": self.concept("x", "y"), "category": [self.concept(*CATEGORIES)]}
        if self.chance(0.6):
            facts["effectiveDateTime"] = self.pick(*DATES)
        if self.chance(0.5):
            unit = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
            facts["valueQuantity"] = {"value": self.random.randint(1, 9), **unit}
        if self.chance(0.4):
            facts["performer"] = [self.reference("Practitioner", "Organization", "Patient")]
        if self.chance(0.3):
            facts["hasMember"] = [self.reference("Observation")]
        return {**facts, "encounter": self.reference("Encounter")}

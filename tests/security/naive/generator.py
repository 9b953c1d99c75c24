"""Random clinics, people and requests. The same seed gives the same ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.security.naive.cases import Case
from tests.security.naive.matching import Json
from tests.security.naive.rights import Person, Proxy, World

PATIENTS = ("p1", "p2", "p3")
SYSTEM = "http://example.org/category"
CATEGORIES = ("laboratory", "vital-signs", "survey")
DATES = ("2020-01-01", "2020-06", "2021-03-05", "2022")
OF_PATIENTS = ("Observation", "Condition", "Encounter", "CareTeam", "MedicationRequest", "Coverage")
TYPES = (*OF_PATIENTS, "Patient", "Practitioner", "Organization", "Medication", "Binary", "Group")
STATUSES = {
    "Observation": ("final", "amended", "preliminary"),
    "Encounter": ("planned", "finished"),
    "Coverage": ("active", "cancelled"),
    "MedicationRequest": ("active", "stopped"),
}
INCLUDES = {
    "Observation": ("performer", "subject", "encounter", "has-member"),
    "Condition": ("subject", "asserter", "encounter"),
    "Encounter": ("subject", "participant"),
    "CareTeam": ("participant", "patient"),
    "MedicationRequest": ("medication", "subject", "requester"),
    "Coverage": ("payor", "beneficiary"),
    "Patient": ("general-practitioner", "organization"),
}
CHAINS = (
    ("Observation", ("to", "Patient", "subject", "family", "A")),
    ("Observation", ("to", "Encounter", "encounter", "status", "finished")),
    ("Observation", ("to", "Practitioner", "performer", "family", "A")),
    ("Condition", ("to", "Patient", "subject", "identifier", "i1")),
    ("Coverage", ("to", "Patient", "beneficiary", "family", "B")),
    ("Patient", ("has", "Observation", "subject", "category", "laboratory")),
    ("Patient", ("has", "CareTeam", "patient", "participant", "Practitioner/d1")),
    ("Practitioner", ("has", "Observation", "performer", "status", "final")),
    ("Encounter", ("has", "Observation", "encounter", "category", "survey")),
)

V1 = {"read": "rs", "write": "cud", "*": "cruds"}
NEEDS = {
    "read": "r",
    "vread": "r",
    "history": "r",
    "everything": "r",
    "type_history": "s",
    "search": "s",
    "count": "s",
    "chain": "s",
    "create": "c",
    "transaction": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "conditional_update": "us",
    "conditional_delete": "ds",
}
"""The letters that a kind of request needs."""


class Generator:
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

    # Clinics

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
            case _:
                return {"type": "person", "actual": True}

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

    # People

    def person(self) -> Person:
        """Somebody with a token."""
        patient, own = self.pick(*PATIENTS), self.pick(*PATIENTS)
        person = self.pick("Patient", "RelatedPerson", "Practitioner", "Practitioner")
        who = {"Patient": f"Patient/{own}", "RelatedPerson": "RelatedPerson/r1"}
        if person == "Patient" and self.chance(0.7):
            patient = own
        proxies = tuple(
            Proxy(each, self.chance(0.85), self.chance(0.85), self.chance(0.3))
            for each in self.random.sample(PATIENTS, self.random.choice((1, 2, 2)))
        )
        scopes = [self.scope() for _ in range(self.random.choice((1, 1, 2, 3, 4)))]
        identity = ["openid", "fhirUser"] if self.chance(0.3) else []
        return Person(
            fhir_user=who.get(person, f"Practitioner/{self.pick('d1', 'd2')}"),
            scopes=(*identity, *dict.fromkeys(scopes)),
            patient=patient if self.chance(0.93) else "",
            proxies=proxies if person == "RelatedPerson" else (),
            sees_all=self.chance(0.6),
            alive=self.chance(0.96),
        )

    def scope(self) -> str:
        """A scope as an app asks for it: v1, v2, for everything, one type, or a part of that."""
        context = self.pick("patient", "user")
        if self.chance(0.25):
            return f"{context}/*.{self.pick('rs', 'cruds', 'read', 'cud', '*', '*', 'r', 's')}"
        kind = self.pick(*TYPES, *OF_PATIENTS, *["Observation"] * 4, "Patient", "Patient")
        if self.chance(0.2):
            return f"{context}/{kind}.{self.pick('read', 'write', '*')}"
        letters = self.pick("rs", "cruds", "cruds", "r", "s", "cud", "ruds", "us", "cs")
        query = f"?{self.query(kind, strict=self.chance(0.9))}" if self.chance(0.5) else ""
        return f"{context}/{kind}.{letters}{query}"

    # Requests

    def query(self, kind: str, *, strict: bool = True) -> str:
        """One or two criteria for this type; where it is not strict, one of them says nothing there."""
        parts = [self._criterion(kind) for _ in range(self.random.choice((1, 1, 2)))]
        if not strict:
            parts.append(self.pick("colour=red", "categories=laboratory"))
        return "&".join(dict.fromkeys(parts))

    def _criterion(self, kind: str) -> str:
        places = sorted(self.random.sample(range(1, 5), 2))
        everywhere = ["_id=" + ",".join(self.fhir_id(kind, place) for place in places)]
        everywhere.append(f"_lastUpdated={self.pick('gt2000', 'lt2000')}")
        prefix = self.pick("", "ge", "le", "gt", "lt", "ne", "sa", "eb")
        named = f"Patient/{self.pick(*PATIENTS)}"
        subject = self.pick(named, named.removeprefix("Patient/"), f"{self.base}/{named}")
        own = {
            "Observation": (
                *(f"category={self._token()}" for _ in "123"),
                f"category:not={self._token()}",
                f"date={prefix}{self.pick(*DATES)}",
                f"status={self.pick(*STATUSES['Observation'])},amended",
                f"value-quantity={self.pick('', 'ge', 'lt', 'ne')}{self.random.randint(1, 9)}{self.pick('', '|http://unitsofmeasure.org|mg')}",
                f"date:missing={self.pick('true', 'false')}",
                f"subject={subject}",
                f"patient={subject}",
                f"performer={self.pick('Practitioner/d1', 'Practitioner/d2', named)}",
                f"has-member=Observation/observation-{self.random.randint(1, 3)}",
            ),
            "Condition": (
                f"code={self.pick('flu', 'cold')}",
                f"category={self._token()}",
                f"patient={subject}",
            ),
            "Encounter": (f"status={self.pick('planned', 'finished')}", f"date={prefix}{self.pick(*DATES)}"),
            "CareTeam": (f"participant={self.pick('Practitioner/d1', named)}", f"patient={subject}"),
            "MedicationRequest": ("status=active", f"subject={subject}"),
            "Coverage": ("status=active", f"beneficiary={named}", f"payor={named}"),
            "Patient": (
                f"family={self.pick('A', 'berg', 'x')}",
                f"given:exact={self.pick('Eva', 'eva')}",
                f"identifier={SYSTEM}|{self.pick('i1', 'i2')}",
                f"name:contains={self.pick('ms', 'er')}",
                "general-practitioner=Practitioner/d1",
            ),
            "Practitioner": (f"family={self.pick('A', 'B')}",),
            "Organization": (f"name={self.pick('A', 'B')}",),
            "Medication": (f"code={self.pick('a', 'b')}",),
        }
        return self.pick(*everywhere, *own.get(kind, ()), *own.get(kind, ()))

    def _token(self) -> str:
        code = self.pick(*CATEGORIES)
        return self.pick(code, f"{SYSTEM}|{code}", f"|{code}", f"{SYSTEM}|", f"{code},survey")

    def case(self, kinds: Sequence[str], person: Person) -> Case:
        """A request of one of these kinds, mostly one that the scopes allow on some resources; of a person
        whose token is dead, none that could be malformed.
        """
        options = {kind: self._allowed(person, NEEDS.get(kind, "")) for kind in kinds}
        possible = [kind for kind in kinds if options[kind]]
        aimed = bool(possible) and self.chance(0.9)
        kind = self.pick(*(possible if aimed else kinds))
        about = self.pick(*(options[kind] if aimed else TYPES))
        if person.own and self.chance(0.1) and kind == "read":
            about = person.kind
        fhir_id = self.fhir_id(about, self.random.randint(1, 4 if about != "Observation" else 9))
        strict = not person.alive or self.chance(0.9)
        match kind:
            case "search" | "count":
                return self._search(kind, about)
            case "chain":
                allowed = [each for each in CHAINS if {each[0], each[1][1]} <= set(options[kind])]
                searched, chain = self.random.choice(allowed if allowed and aimed else CHAINS)
                return Case("search", searched, chain=chain)
            case "create" | "conditional_update":
                conditional = kind != "create" or (person.alive and self.chance(0.3))
                query = self.query(about, strict=strict) if conditional else ""
                return Case(kind, about, query=query, resource=self.content(about))
            case "conditional_delete":
                return Case(kind, about, query=self.query(about, strict=strict))
            case "update":
                return Case(kind, about, fhir_id, resource=self.content(about, fhir_id))
            case "patch":
                about = about if about in STATUSES else "Observation"
                place = self.fhir_id(about, self.random.randint(1, 4))
                return Case(kind, about, place, resource={"status": self.pick(*STATUSES[about])})
            case "everything":
                return Case(kind, "Patient", self.pick(*PATIENTS, person.patient or "p9"))
            case "batch":
                inner = ("read", "vread", "search", "count", "create", "update", "delete")
                return Case(kind, parts=tuple(self._part(inner, person) for _ in range(4)))
            case "transaction":
                return self._transaction(person)
        return Case(kind, about, fhir_id, number=self.random.randint(1, 3))

    @staticmethod
    def _allowed(person: Person, letters: str) -> list[str]:
        """The types for which the scopes, as they are written, name all of these letters."""
        types = list(TYPES)
        for letter in letters:
            named: set[str] = set()
            for scope in person.scopes:
                kind, _, suffix = scope.partition("/")[2].partition("?")[0].partition(".")
                if letter in V1.get(suffix, suffix):
                    named |= set(TYPES) if kind == "*" else {kind}
            if letter in "cud" and person.kind != "Practitioner":
                named &= {"Observation"}
            types = [kind for kind in types if kind in named]
        return types

    def _part(self, kinds: Sequence[str], person: Person) -> Case:
        part = self.case(kinds, person)
        return Case(
            part.kind,
            part.type,
            part.id,
            "" if part.kind == "create" else part.query,
            part.resource,
            part.number,
        )

    def _search(self, kind: str, about: str) -> Case:
        query = self.query(about, strict=self.chance(0.95)) if self.chance(0.75) else ""
        include: tuple[str, ...] = ()
        if kind == "search" and self.chance(0.5):
            forward = [f"_include={about}:{code}" for code in INCLUDES.get(about, ())]
            reverse = [
                f"_revinclude={source}:{code}"
                for source, code in (
                    ("Observation", "subject"),
                    ("Observation", "performer"),
                    ("CareTeam", "participant"),
                )
                if (source, about) != ("CareTeam", "Encounter")
            ]
            include = tuple(self.random.sample(forward + reverse, min(2, len(forward + reverse))))
        return Case(kind, about, query=query, include=include)

    def _transaction(self, person: Person) -> Case:
        made = self.content("Observation")
        if self.chance(0.6):
            made["subject"] = {"reference": f"Patient?{self.query('Patient', strict=self.chance(0.9))}"}
        parts = [Case("create", "Observation", resource=made)]
        if self.chance(0.5):
            parts.append(self._part(("update", "delete"), person))
        return Case("transaction", parts=tuple(parts))

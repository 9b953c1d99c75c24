"""Random people with their tokens, and random queries. The same seed gives the same ones."""

from __future__ import annotations

from tests.security.naive.clinics import (
    CATEGORIES,
    DATES,
    OF_PATIENTS,
    PATIENTS,
    STATUSES,
    SYSTEM,
    TYPES,
    Clinics,
)
from tests.security.naive.rights import Person, Proxy


class People(Clinics):
    """Draws people, their scopes, and criteria."""

    def person(self) -> Person:
        """Somebody with a token."""
        if self.chance(0.15):
            return self._service()
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

    def _service(self) -> Person:
        """An app that acts for itself, with scopes of which it may still be registered for some."""
        scopes = [
            self.scope("system", "system", "system", "user") for _ in range(self.random.choice((1, 2, 3)))
        ]
        kept = [scope for scope in scopes if self.chance(0.7)]
        others = [self.scope("system") for _ in range(self.random.choice((0, 1)))]
        return Person(
            fhir_user="",
            scopes=tuple(dict.fromkeys(scopes)),
            registered=(*kept, *others, *(["system/*.rs"] if self.chance(0.3) else [])),
            alive=self.chance(0.96),
        )

    def scope(self, *contexts: str) -> str:
        """A scope as an app asks for it: v1, v2, for everything, one type, or a part of that."""
        # Now and then a person's token names what only apps can have.
        context = self.pick(*(contexts or (*["patient", "user"] * 9, "system")))
        if self.chance(0.25):
            return f"{context}/*.{self.pick('rs', 'cruds', 'read', 'cud', '*', '*', 'r', 's')}"
        kind = self.pick(*TYPES, *OF_PATIENTS, *["Observation"] * 4, "Patient", "Patient")
        if self.chance(0.2):
            return f"{context}/{kind}.{self.pick('read', 'write', '*')}"
        letters = self.pick("rs", "cruds", "cruds", "r", "s", "cud", "ruds", "us", "cs")
        query = f"?{self.query(kind, strict=self.chance(0.9))}" if self.chance(0.5) else ""
        return f"{context}/{kind}.{letters}{query}"

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
            "List": (f"item=Observation/observation-{self.random.randint(1, 3)}", f"patient={subject}"),
            "Group": (f"member={named}", "type=person"),
            "Practitioner": (f"family={self.pick('A', 'B')}",),
            "Organization": (f"name={self.pick('A', 'B')}",),
            "Medication": (f"code={self.pick('a', 'b')}",),
        }
        return self.pick(*everywhere, *own.get(kind, ()), *own.get(kind, ()))

    def _token(self) -> str:
        code = self.pick(*CATEGORIES)
        return self.pick(code, f"{SYSTEM}|{code}", f"|{code}", f"{SYSTEM}|", f"{code},survey")

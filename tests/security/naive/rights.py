"""What a person with some scopes reaches, worked out for one plain dict after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.security.naive.matching import (
    COMPARTMENT,
    SHARED,
    Json,
    address,
    found,
    is_understood,
    matches,
    parameter,
    patients_of,
    understood,
)

Key = tuple[str, str]
World = dict[Key, list[Json | None]]
"""For each (type, id) the contents of its versions, the oldest first; None is a deletion."""

WRITABLE_SHARED = frozenset(
    {
        "Endpoint",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Substance",
    }
)
WRITABLE_BY_PATIENTS = frozenset({"Observation", "QuestionnaireResponse"})
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True)
class Proxy:
    """For whom a related person may act. `begun` and `ended` say how that stands at this moment."""

    patient: str
    active: bool
    begun: bool
    ended: bool


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in to an app, or, without a fhir_user, an app that acts for itself, as far as
    it is `registered` for that. `sees_all` is the setting for clinicians, `alive` the token's."""

    fhir_user: str
    scopes: tuple[str, ...]
    patient: str = ""
    proxies: tuple[Proxy, ...] = ()
    sees_all: bool = False
    alive: bool = True
    registered: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The type of the person's own resource."""
        return self.fhir_user.partition("/")[0]

    @property
    def own(self) -> str:
        """The person's resource, if the scopes show it whatever else they show."""
        return self.fhir_user if {"openid", "fhirUser"} <= set(self.scopes) else ""


@dataclass(frozen=True)
class Rule:
    """What one scope gives: a type or all ("*"), letters, patients (None: all), and criteria."""

    type: str
    letters: str
    patients: frozenset[str] | None
    query: str


@dataclass
class Judge:
    """Answers questions about one person in one world."""

    world: World
    person: Person
    rules: list[Rule] = field(init=False)

    def __post_init__(self) -> None:
        """Work out the rules."""
        mine = self._patients()
        self.rules = [rule for scope in self.person.scopes for rule in self._rules(scope, mine)]

    def _patients(self) -> frozenset[str] | None:
        person = self.person
        if not person.fhir_user:
            return None
        if person.kind == "Patient":
            return frozenset({person.fhir_user.partition("/")[2]})
        if person.kind == "RelatedPerson":
            return frozenset(
                each.patient for each in person.proxies if each.active and each.begun and not each.ended
            )
        return None if person.sees_all else frozenset(self._cared_for())

    def _cared_for(self) -> set[str]:
        cared: set[str] = set()
        for (kind, _), versions in self.world.items():
            now = versions[-1]
            code = {"Patient": "general-practitioner", "CareTeam": "participant", "Encounter": "participant"}
            if now is None or kind not in code:
                continue
            row = parameter(kind, code[kind])
            assert row is not None
            named = {address(value.get("reference", "")) for value in found(now, row["expression"])}
            patients = patients_of(now)
            if self.person.fhir_user not in named or len(patients) != 1:
                continue
            subject = address(now.get("subject", {}).get("reference", ""))
            if kind == "Patient" or subject == f"Patient/{next(iter(patients))}":
                cared |= patients
        return {each for each in cared if self.world.get(("Patient", each), [None])[-1] is not None}

    def _rules(self, scope: str, mine: frozenset[str] | None) -> list[Rule]:
        asked = _read(scope)
        if asked is None:
            return []
        if not self.person.fhir_user:
            limits = [limit for each in self.person.registered if (limit := _read(each))]
            common = [each for limit in limits if (each := _common(asked, limit)) and each[0] == "system"]
            return [rule for each in common for rule in _understood_rule(each, None)]
        if asked[0] == "patient":
            reached = self.person.patient and (mine is None or self.person.patient in mine)
            mine = frozenset({self.person.patient}) if reached else frozenset()
        if asked[0] == "system" or (mine is not None and not mine):
            return []
        return _understood_rule(asked, mine)

    def rules_for(self, kind: str, letter: str) -> list[Rule]:
        """The rules about this interaction with this type."""
        return [
            rule
            for rule in self.rules
            if rule.type in (kind, "*") and letter in rule.letters and (letter in "rs" or self._writes(kind))
        ]

    def _writes(self, kind: str) -> bool:
        if not self.person.fhir_user:
            return True
        if self.person.kind != "Practitioner":
            return kind in WRITABLE_BY_PATIENTS
        return kind not in SHARED or kind in WRITABLE_SHARED

    def allows(self, kind: str, letter: str) -> bool:
        """Whether this may be done with some resources of the type."""
        rules = self.rules_for(kind, letter)
        if letter == "r" and self.person.own.startswith(f"{kind}/"):
            return True
        if letter in "rs":
            return bool(rules)
        return any(rule.patients is None or kind in COMPARTMENT for rule in rules)

    def reaches(self, kind: str, letter: str) -> bool:
        """Whether there could be a resource of the type to which this may be done."""
        own = letter == "r" and self.person.own.startswith(f"{kind}/")
        known = kind in COMPARTMENT or kind in SHARED or kind == "Binary"
        return own or any(rule.patients is None or known for rule in self.rules_for(kind, letter))

    def reaches_all(self, kind: str, letter: str) -> bool:
        """Whether this may be done with all resources of the type."""
        return any(rule.patients is None and not rule.query for rule in self.rules_for(kind, letter))

    def visible(self, resource: Json, letter: str) -> bool:
        """Whether a resource with this content may be read (r), or found (s)."""
        kind = resource["resourceType"]
        if letter == "r" and self.person.own == f"{kind}/{resource['id']}":
            return True
        return any(self._shows(rule, resource, letter) for rule in self._fitting(resource, letter))

    def _fitting(self, resource: Json, letter: str) -> list[Rule]:
        kind = resource["resourceType"]
        return [
            rule
            for rule in self.rules_for(kind, letter)
            if matches(resource, understood(kind, rule.query) if rule.query else [])
        ]

    def _shows(self, rule: Rule, resource: Json, letter: str) -> bool:
        kind = resource["resourceType"]
        if rule.patients is None or kind in SHARED:
            return True
        if kind == "Binary":
            place = address(resource.get("securityContext", {}).get("reference", ""))
            owner, _, fhir_id = place.partition("/")
            context = self.world.get((owner, fhir_id), [None])[-1]
            known = owner in SHARED or owner in COMPARTMENT
            rules = self._fitting(context, letter) if context and known else []
            return bool(context) and any(self._shows(each, context or {}, letter) for each in rules)
        return kind in COMPARTMENT and not rule.patients.isdisjoint(patients_of(resource))

    def may_write(self, letter: str, *sides: Json | None) -> bool:
        """Whether `letter` may be done to a resource that has these contents, before and after."""
        return all(self._may_write(letter, side) for side in sides if side is not None)

    def _may_write(self, letter: str, side: Json) -> bool:
        rules = self._fitting(side, letter)
        if any(rule.patients is None for rule in rules):
            return True
        patients = patients_of(side)
        mine = frozenset[str]().union(*(rule.patients or () for rule in rules))
        return side["resourceType"] in COMPARTMENT and bool(patients) and patients <= mine

    def touches(self, letter: str, resource: Json) -> bool:
        """Whether `letter` reaches a resource for one of its patients at least."""
        rules = self._fitting(resource, letter)
        if any(rule.patients is None for rule in rules):
            return True
        mine = frozenset[str]().union(*(rule.patients or () for rule in rules))
        return resource["resourceType"] in COMPARTMENT and not mine.isdisjoint(patients_of(resource))


Scope = tuple[str, str, str, str]
"""Context, type, letters and query."""


def _read(scope: str) -> Scope | None:
    match = re.fullmatch(r"(patient|user|system)/(\w+|\*)\.(\w+|\*)(?:\?(.*))?", scope)
    if match is None:
        return None
    context, kind, suffix, query = match.groups()
    return context, kind, _V1.get(suffix, suffix), query or ""


def _common(one: Scope, two: Scope) -> Scope | None:
    """What both allow; None if no scope could say it."""
    context, kind, letters, query = one
    same_type = kind == two[1] or "*" in (kind, two[1])
    same_query = query == two[3] or "" in (query, two[3])
    if context != two[0] or not same_type or not same_query:
        return None
    both = "".join(letter for letter in letters if letter in two[2])
    return context, two[1] if kind == "*" else kind, both, query or two[3]


def _understood_rule(scope: Scope, patients: frozenset[str] | None) -> list[Rule]:
    _, kind, letters, query = scope
    if query and (kind == "*" or not is_understood(kind, query)):
        return []
    return [Rule(kind, letters, patients, query)]

"""Random requests. The same seed gives the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.security.naive.cases import Case
from tests.security.naive.clinics import CATEGORIES, PATIENTS, SYSTEM, TYPES
from tests.security.naive.matching import Json
from tests.security.naive.people import People
from tests.security.naive.rights import WRITABLE_BY_PATIENTS, Person

INCLUDES = {
    "Observation": ("performer", "subject", "encounter", "has-member"),
    "Condition": ("subject", "asserter", "encounter"),
    "Encounter": ("subject", "participant"),
    "CareTeam": ("participant", "patient"),
    "MedicationRequest": ("medication", "subject", "requester"),
    "Coverage": ("payor", "beneficiary"),
    "Patient": ("general-practitioner", "organization"),
    "List": ("item", "subject"),
    "Group": ("member",),
}
REVERSE = (("Observation", "subject"), ("Observation", "performer"), ("CareTeam", "participant"))
TO_PATIENT = ("_include:iterate=Patient:general-practitioner", "_include:iterate=Patient:organization")
TO_ENCOUNTER = ("_include:iterate=Encounter:participant", "_include:iterate=Encounter:subject")
ONWARDS = {
    "Observation": (
        ("_include=Observation:encounter", *TO_ENCOUNTER),
        ("_include=Observation:subject", *TO_PATIENT),
        ("_include:iterate=Observation:has-member",),
    ),
    "Condition": (
        ("_include=Condition:encounter", *TO_ENCOUNTER),
        ("_include=Condition:subject", *TO_PATIENT),
    ),
    "Patient": (("_revinclude=Observation:subject", "_include:iterate=Observation:performer"),),
    "Coverage": (("_include=Coverage:beneficiary", *TO_PATIENT),),
    "List": (("_include=List:item", "_include:iterate=Observation:encounter"),),
    "Group": (("_include=Group:member", "_revinclude:iterate=CareTeam:participant"),),
}
"""What is included, and by what goes on from there."""
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
    ("Observation", ("list", "List", "item", "_id", "list-1")),
    ("Condition", ("list", "List", "item", "_id", "list-2")),
)
TO_DOCTOR = ("to", "Practitioner", "general-practitioner", "family", "A")
HAS_FLU = ("has", "Condition", "subject", "code", "flu")
LONG_CHAINS = (
    (
        "Observation",
        ("to", "Patient", "subject", "to", "Practitioner", "general-practitioner", "family", "A"),
    ),
    ("Condition", ("to", "Encounter", "encounter", "to", "Patient", "subject", "family", "A")),
    ("Coverage", ("to", "Patient", "beneficiary", "has", "Observation", "subject", "status", "final")),
    (
        "Practitioner",
        ("has", "Patient", "general-practitioner", "has", "Condition", "subject", "code", "flu"),
    ),
    ("Patient", ("has", "Condition", "subject", "to", "Encounter", "encounter", "status", "finished")),
)

V1 = {"read": "rs", "write": "cud", "*": "cruds"}
NEEDS = {
    "read": "r",
    "vread": "r",
    "history": "r",
    "everything": "r",
    "export": "rs",
    "type_history": "s",
    "system_history": "s",
    "search": "s",
    "system_search": "s",
    "count": "s",
    "chain": "s",
    "create": "c",
    "transaction": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "conditional_create": "cs",
    "conditional_update": "us",
    "conditional_patch": "us",
    "conditional_delete": "ds",
}
"""The letters that a kind of request needs."""
LOOKING = ("read", "vread", "history", "type_history", "system_history", "search", "count", "chain")
CHANGING = (
    "create",
    "conditional_create",
    "update",
    "patch",
    "delete",
    "conditional_update",
    "conditional_patch",
    "conditional_delete",
)


class Generator(People):
    """Draws requests of a person, mostly such as the scopes allow on some resources."""

    def case(self, kinds: Sequence[str], person: Person) -> Case:
        """A request of one of these kinds; of a person whose token is dead, none that could be malformed."""
        options = {kind: self._allowed(person, NEEDS.get(kind, "")) for kind in kinds}
        possible = [kind for kind in kinds if options[kind]]
        aimed = bool(possible) and self.chance(0.9)
        kind = self.pick(*(possible if aimed else kinds))
        about = options[kind] if aimed else list(TYPES)
        if kind in ("export", "everything", "system_search", "system_history", "batch", "transaction"):
            return self._of_many(kind, about, person)
        if kind == "chain":
            return self._chain(about if aimed else [])
        return self._of_one(kind, self.pick(*about), person)

    def _of_one(self, kind: str, about: str, person: Person) -> Case:
        """A request about one type, or one resource."""
        if person.own and self.chance(0.1) and kind == "read":
            about = person.kind
        fhir_id = self.fhir_id(about, self.random.randint(1, 4 if about != "Observation" else 9))
        query = self.query(about, strict=not person.alive or self.chance(0.9))
        match kind:
            case "search" | "count":
                return self._search(kind, about)
            case "create" | "conditional_create":
                return Case("create", about, query=query * (kind != "create"), resource=self.content(about))
            case "conditional_update":
                return Case(kind, about, query=query, resource=self.content(about))
            case "conditional_delete":
                return Case(kind, about, query=query)
            case "conditional_patch":
                return replace(self._patch(kind, about), query=query)
            case "patch":
                return replace(self._patch(kind, about), id=fhir_id)
            case "update":
                return Case(kind, about, fhir_id, resource=self.content(about, fhir_id))
            case "history":
                return self._in_time(Case(kind, about, fhir_id))
            case "type_history":
                return self._in_time(Case(kind, about))
        return Case(kind, about, fhir_id, number=self.random.randint(1, 3))

    def _patch(self, kind: str, about: str) -> Case:
        """A patch of a status, or of what decides who reaches the resource."""
        content = self.content(about)
        able = ("status", "subject", "beneficiary", "category", "name")
        names = [str(name) for name in able if name in content]
        chosen = [self.pick("language", *names, *names), "language"]
        changed: Json = {name: content[name] for name in chosen}
        return Case(kind, about, resource=changed, number=int(self.chance(0.2)))

    def _in_time(self, case: Case) -> Case:
        """A history, often limited to a time, or in pages."""
        since = self.random.choice((0, 0, 1, 2))
        at = self.random.choice((0, 0, 1, 2, 3))
        return replace(case, since=since, at=at, size=self.random.choice((0, 0, 1, 3)))

    def _search(self, kind: str, about: str) -> Case:
        query = self.query(about, strict=self.chance(0.95)) if self.chance(0.75) else ""
        include: tuple[str, ...] = ()
        if kind == "search" and self.chance(0.5):
            forward = [f"_include={about}:{code}" for code in INCLUDES.get(about, ())]
            sources = REVERSE[:2] if about == "Encounter" else REVERSE
            reverse = [f"_revinclude={source}:{code}" for source, code in sources]
            include = tuple(self.random.sample(forward + reverse, min(2, len(forward + reverse))))
            if about in ONWARDS and self.chance(0.5):
                include = self.random.choice(ONWARDS[about])
        return Case(
            kind, about, query=query, include=include, size=self.random.choice((0, 0, 0, 2)) * (not include)
        )

    def _chain(self, about: Sequence[str]) -> Case:
        chains = LONG_CHAINS if self.chance(0.4) else CHAINS
        allowed = [each for each in chains if {each[0], *_types_of(each[1])} <= set(about)]
        searched, chain = self.random.choice(allowed or chains)
        return Case("search", searched, chain=chain)

    # Of many types, or of many requests

    def _of_many(self, kind: str, about: Sequence[str], person: Person) -> Case:
        match kind:
            case "everything":
                return Case(kind, "Patient", self.pick(*PATIENTS, person.patient or "p9"))
            case "export":
                return self._export(about)
            case "system_search":
                return self._system_search(about)
            case "system_history":
                return self._in_time(Case(kind))
            case "batch":
                parts = [self._part((*LOOKING, *CHANGING), person) for _ in range(4)]
                if self.chance(0.3):
                    parts.append(Case("operation", "Patient", self.pick(*PATIENTS)))
                return Case(kind, parts=tuple(parts))
        return self._transaction(person)

    def _export(self, about: Sequence[str]) -> Case:
        level = self.pick("", "Patient", "Patient", "Group", "Group", "Group")
        named: tuple[str, ...] = ()
        if self.chance(0.4):
            named = tuple(self.random.sample(list(about), min(len(about), 3)))
        patients: tuple[str, ...] = ()
        if level and self.chance(0.25):
            patients = tuple(self.random.sample(PATIENTS, self.random.choice((1, 2))))
        fhir_id = self.fhir_id("Group", self.random.randint(1, 3)) if level == "Group" else ""
        since = self.random.choice((0, 0, 1, 2))
        return Case("export", level, fhir_id, since=since, types=named, patients=patients)

    def _system_search(self, about: Sequence[str]) -> Case:
        named: tuple[str, ...] = ()
        if self.chance(0.75):
            named = tuple(self.random.sample(list(about), min(len(about), self.random.choice((1, 2, 3)))))
        place = self.random.randint(1, 3)
        ids = ",".join(self.fhir_id(kind, place) for kind in (*named, "Observation", "Patient"))
        query = self.pick(
            "",
            f"_id={ids}",
            "_lastUpdated=gt2000",
            f"patient={self.pick(*PATIENTS)}",
            f"subject=Patient/{self.pick(*PATIENTS)}",
            f"category={SYSTEM}|{self.pick(*CATEGORIES)}",
            "status=final,active,planned",
        )
        include = ("_include=Observation:subject",) if named == ("Observation",) and self.chance(0.3) else ()
        return Case("system_search", query=query, types=named, include=include)

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
            if letter in "cud" and person.kind in ("Patient", "RelatedPerson"):
                named &= WRITABLE_BY_PATIENTS
            types = [kind for kind in types if kind in named]
        return types

    def _part(self, kinds: Sequence[str], person: Person) -> Case:
        """An entry of a Bundle; a new Observation may name its patient by a query."""
        part = self.case(kinds, person)
        if part.kind == "create" and part.type == "Observation" and self.chance(0.3):
            part = replace(part, resource=self._with_a_question(part.resource))
        return replace(part, size=0)

    def _with_a_question(self, content: Json | None) -> Json:
        question = {"reference": f"Patient?{self.query('Patient', strict=self.chance(0.9))}"}
        return {**(content or {}), "subject": question}

    def _transaction(self, person: Person) -> Case:
        made = self.content("Observation")
        if self.chance(0.5):
            made = self._with_a_question(made)
        parts = [Case("create", "Observation", resource=made)]
        parts += [self._part(CHANGING, person) for _ in range(self.random.choice((0, 1, 1, 2)))]
        parts += [self._part(LOOKING, person) for _ in range(self.random.choice((0, 0, 1)))]
        self.random.shuffle(parts)
        return Case("transaction", parts=tuple(parts))


def _types_of(chain: tuple[str, ...]) -> set[str]:
    return set() if len(chain) == 2 else {chain[1], *_types_of(chain[3:])}

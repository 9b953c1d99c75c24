"""Random queries about the random clinic: most of them ask for what some resource has."""

from random import Random

from tests.fhir.search.naive.clinic import (
    CODES,
    DATES,
    DISPLAYS,
    ENCOUNTERS,
    NAMES,
    NUMBERS,
    PATIENTS,
    STATUSES,
    SYSTEMS,
    UCUM,
    UNITS,
    WORDS,
)
from tests.fhir.search.naive.parameters import COMPOSITES, PARAMETERS

Question = tuple[str, str]

_PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_CHAINS = {
    "Patient": ("_has:Observation:patient", "_has:Encounter:patient", "_has:Condition:asserter"),
    "Observation": ("patient", "subject:Patient", "encounter", "performer:Patient"),
    "Condition": ("patient", "encounter"),
    "Encounter": ("patient", "part-of", "_has:Observation:encounter", "_has:Encounter:part-of"),
    "MedicationRequest": ("patient", "encounter"),
}
_LEADS_TO = {
    "patient": "Patient",
    "subject:Patient": "Patient",
    "performer:Patient": "Patient",
    "encounter": "Encounter",
    "part-of": "Encounter",
}


def escaped(text: str) -> str:
    """With a backslash before what would mean something."""
    for letter in "\\,|$":
        text = text.replace(letter, f"\\{letter}")
    return text


class Asker:
    """Makes questions from a source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def query(self) -> tuple[str, list[Question]]:
        """A type, and one to three questions about it."""
        resource_type = self.chance.choice(list(PARAMETERS))
        return resource_type, [
            self.question(resource_type, 2) for _ in range(self.chance.choice((1, 1, 2, 2, 3)))
        ]

    def common_query(self) -> tuple[list[str], list[Question]]:
        """Some types, and one or two questions about parameters that all of them have."""
        types = self.chance.sample(list(PARAMETERS), self.chance.choice((1, 2, 2, 3, 5)))
        kinds = [PARAMETERS[name] for name in types]
        codes = [
            code
            for code, (kind, _) in kinds[0].items()
            if code != "_lastUpdated" and all(code in each and each[code][0] == kind for each in kinds)
        ]
        chosen = [self.chance.choice(codes) for _ in range(self.chance.choice((1, 1, 2)))]
        return types, [self._of_kind(self.chance.choice(types), code) for code in chosen]

    def question(self, resource_type: str, depth: int) -> Question:
        """A parameter with modifiers and values; up to `depth` references followed before it."""
        if depth and self.chance.random() < 0.15 and resource_type in _CHAINS:
            return self._chain(resource_type, depth)
        if resource_type in COMPOSITES and self.chance.random() < 0.1:
            return self._several(self.chance.choice(list(COMPOSITES[resource_type])), self._composite)
        codes = [code for code in PARAMETERS[resource_type] if code != "_lastUpdated"]
        code = self.chance.choice(codes)
        if code != "_id" and self.chance.random() < 0.08:
            return f"{code}:missing", self.chance.choice(("true", "false"))
        return self._of_kind(resource_type, code)

    def _of_kind(self, resource_type: str, code: str) -> Question:
        kind, places = PARAMETERS[resource_type][code]
        match kind:
            case "token":
                return self._token(resource_type, code, places[0][1])
            case "date":
                return self._several(code, self._date)
            case "quantity":
                return self._several(code, self._quantity)
            case "string":
                modifier = self.chance.choice(("", "", ":exact", ":contains"))
                return self._several(code + modifier, self._string)
            case _:
                return self._reference(code)

    def _several(self, name: str, make: object) -> Question:
        assert callable(make)
        return name, ",".join(make() for _ in range(self.chance.choice((1, 1, 1, 2, 3))))

    def _chain(self, resource_type: str, depth: int) -> Question:
        way = self.chance.choice(_CHAINS[resource_type])
        target = way.split(":")[1] if way.startswith("_has:") else _LEADS_TO[way]
        name, asked = self.question(target, depth - 1)
        return f"{way}{':' if way.startswith('_has:') else '.'}{name}", asked

    def _token(self, resource_type: str, code: str, kind: str) -> Question:
        if code == "_id":
            return self._several(code, lambda: self.chance.choice(("p1", "e2", "o3", "c4", "m5", "none")))
        if kind in ("CodeableConcept", "Coding", "Identifier") and self.chance.random() < 0.15:
            return self._several(f"{code}:text", self._text)
        modifier = self.chance.choice(("", "", "", "", ":not"))
        return self._several(code + modifier, lambda: self._token_value(resource_type, code, kind))

    def _token_value(self, resource_type: str, code: str, kind: str) -> str:
        choose = self.chance.choice
        match kind:
            case "Identifier":
                system, value = choose(("urn:mrn", "urn:ssn", "")), choose(("1", "2", "A-1"))
            case "ContactPoint":
                system, value = choose(("home", "work")), choose(("555-1", "555-2"))
            case "boolean":
                system, value = (
                    "http://terminology.hl7.org/CodeSystem/special-values",
                    choose(("true", "false")),
                )
            case "CodeableConcept" | "Coding":
                system, value = choose(SYSTEMS), choose(CODES)
            case _:
                system = choose((kind, LOINC_FOR_NONE))
                value = choose(
                    {"gender": ("male", "female"), "intent": ("order", "plan")}.get(
                        code, STATUSES.get(resource_type, ("final",))
                    )
                )
        forms = [escaped(value), f"{system}|{escaped(value)}", *([f"{system}|"] if system else [])]
        return choose(forms)

    def _date(self) -> str:
        return self.chance.choice(_PREFIXES) + self.chance.choice(DATES)

    def _quantity(self) -> str:
        number = self.chance.choice((*_PREFIXES, "ap")) + self.chance.choice(NUMBERS)
        unit, system, code = self.chance.choice(UNITS)
        return self.chance.choice(
            (
                number,
                number,
                f"{number}|{system}|{code}" if system else f"{number}||{unit}",
                f"{number}||{code or unit}",
                f"{number}|{UCUM}|",
            )
        )

    def _string(self) -> str:
        whole = self.chance.choice((*NAMES, *WORDS))
        change = self.chance.choice((str.upper, str.lower, str))
        start = self.chance.choice((0, 0, 2))
        return escaped(change(whole[start : start + self.chance.choice((1, 3, 40))]).strip() or "a")

    def _text(self) -> str:
        whole = self.chance.choice((*WORDS, *DISPLAYS))
        return escaped(whole[: self.chance.choice((2, 4, 40))].strip())

    def _composite(self) -> str:
        system, code = self.chance.choice(SYSTEMS), escaped(self.chance.choice(CODES))
        return f"{self.chance.choice((code, f'{system}|{code}'))}${self._quantity()}"

    def _reference(self, code: str) -> Question:
        choose = self.chance.choice
        if self.chance.random() < 0.1:
            return self._several(f"{code}:text", self._text)
        if code in ("subject", "patient") and self.chance.random() < 0.15:
            return f"{code}:identifier", choose(("urn:mrn|1", "urn:ssn|", "2", "|A-1"))
        if code in ("encounter", "part-of"):
            target, name = "Encounter", choose(ENCOUNTERS)
        elif code in ("patient", "subject", "link"):
            target, name = "Patient", choose(PATIENTS)
        else:
            target, name = choose((("Practitioner", "d1"), ("Organization", "d1"), ("Patient", "p1")))
        forms = [f"{target}/{name}", f"http://testserver/fhir/{target}/{name}"]
        if code in ("patient", "subject"):
            forms += [name, f"http://other.example/Patient/{name}"]
            if code == "subject" and self.chance.random() < 0.3:
                return choose((("subject:Patient", name), ("subject:Group", name), ("subject", "Group/p1")))
        return self._several(code, lambda: choose(forms))


LOINC_FOR_NONE = "http://loinc.org"
"""A system that none of the plain codes has."""

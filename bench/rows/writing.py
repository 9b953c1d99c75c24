"""Rows that write: one resource, and whole records."""

import json
import random
from typing import Any

from bench.load import CONNECTIONS, Exchange
from bench.rows.row import DIFFERENT, Row, examples, http, shared
from bench.searches import Facts
from bench.tokens import Token

FHIR_JSON = "application/fhir+json"
CODE = {"system": "http://loinc.org", "code": "17856-6", "display": "Hemoglobin A1c by HPLC"}
"""Nothing that was loaded has it, so that what the searches find stays the same."""


class Writing:
    """Makes the rows, with tokens that may write for every patient."""

    def __init__(self, facts: Facts, wide: list[Token]) -> None:
        self.facts, self.wide = facts, wide
        self.random = random.Random(6)

    def create(self) -> Row:
        """A laboratory result for one of the patients that nothing is asked about."""
        exchanges = []
        for number in range(DIFFERENT):
            observation = _observation(self.random.choice(self.facts["written"]), number)
            headers = self._headers("representation", number // 64)
            request = http("POST", "/fhir/Observation", headers, json.dumps(observation).encode())
            exchanges.append(Exchange(request, 201, observation))
        return Row(
            "create", shared(exchanges), _is_created, 0.3, writes=True, examples=examples(exchanges, 20)
        )

    def transaction(self, bundles: list[bytes]) -> Row:
        """Whole records, each in one transaction, as new each time."""
        sizes = [len(json.loads(bundle)["entry"]) for bundle in bundles]
        exchanges = []
        for number in range(max(CONNECTIONS, len(bundles))):
            place = number % len(bundles)
            request = http("POST", "/fhir/", self._headers("minimal", number // 2), bundles[place])
            exchanges.append(Exchange(request, 200, sizes[place]))
        mean = sum(sizes) / len(sizes)
        return Row(
            f"transaction of {mean:.0f}",
            shared(exchanges),
            _is_loaded,
            5000,
            resources=mean,
            writes=True,
            examples=examples(exchanges, 2),
        )

    def _headers(self, prefer: str, turn: int) -> dict[str, str]:
        """The tokens take turns, several requests each, so that examples show a token that is known."""
        token = self.wide[turn % len(self.wide)].access_token
        return {
            "Authorization": f"Bearer {token}",
            "Prefer": f"return={prefer}",
            "Content-Type": FHIR_JSON,
        }


def _is_created(exchange: Exchange, body: bytes) -> bool:
    told = json.loads(body)
    return bool(told.pop("id")) and told.pop("meta")["versionId"] == "1" and told == exchange.subject


def _is_loaded(exchange: Exchange, body: bytes) -> bool:
    entries = json.loads(body)["entry"]
    return len(entries) == exchange.subject and all(
        e["response"]["status"][:3] in ("200", "201") for e in entries
    )


def _observation(patient: str, number: int) -> dict[str, Any]:
    laboratory = {
        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
        "code": "laboratory",
    }
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [laboratory]}],
        "code": {"coding": [CODE], "text": "Hemoglobin A1c"},
        "subject": {"reference": patient},
        "effectiveDateTime": f"2026-01-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        "valueQuantity": {
            "value": 5 + number % 50 / 10,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        },
    }

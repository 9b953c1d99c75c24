"""What is measured: each row's requests, the status each must get, and how every hundredth answer is judged.

Requests are made before the clock runs, except where one answer is part of the next request.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from bench.load import CONNECTIONS, Exchange
from bench.tokens import App, Token

PAGE = 20
DIFFERENT = 4000
Judge = Callable[[Exchange, bytes], bool]


@dataclass
class Row:
    """A line of the report. `goal` is the least acceptable ratio to the floor (or resources per second)."""

    name: str
    sources: list[Iterator[Exchange]]
    judge: Judge
    goal: float | None = None
    answered: Callable[[Exchange, bytes], None] | None = None
    resources: int = 0


def http(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Rows:
    """Makes the rows from what there is to ask for and the tokens to ask with."""

    def __init__(
        self,
        facts: dict[str, Any],
        app: App,
        wide: list[Token],
        narrow: list[Token],
        stored: Callable[[str], bytes],
    ) -> None:
        self.facts, self.app, self.wide, self.narrow, self.stored = facts, app, wide, narrow, stored
        self.random = random.Random(4)

    def constant(self) -> Row:
        """The same few bytes, each time: what server and load generator can do at most."""
        exchange = Exchange(http("GET", "/bench/constant", {}), 200)
        return Row("constant bytes", _shared([exchange]), lambda _, body: body == b'{"resourceType":"Basic"}')

    def floor(self) -> Row:
        """One prepared, indexed SELECT whose text is served as it is."""
        exchanges = [Exchange(http("GET", f"/bench/floor/{one}", {}), 200, one) for one in self._addresses()]
        return Row("floor: one SELECT", _shared(exchanges), self._is_stored)

    def refresh(self) -> Row:
        """New tokens for a refresh token; the next request uses the one that came back."""
        families = [_Family(self.app.basic, token) for token in self.narrow]
        sources = [_taking_turns(families[number::CONNECTIONS]) for number in range(CONNECTIONS)]

        def answered(exchange: Exchange, body: bytes) -> None:
            family = exchange.subject
            if isinstance(family, _Family):
                family.refresh_token = json.loads(body)["refresh_token"]

        return Row("token by refresh", sources, _is_refreshed, 0.12, answered)

    def introspection(self) -> Row:
        """What an access token is worth, asked by its client."""
        headers = {"Authorization": self.app.basic, "Content-Type": "application/x-www-form-urlencoded"}
        exchanges = []
        for token in self.wide + self.narrow:
            form = urlencode({"token": token.access_token}).encode()
            exchanges.append(Exchange(http("POST", "/oauth/introspect", headers, form), 200, token))
        return Row("introspection", _shared(exchanges), self._is_introspected, 0.14)

    def read(self) -> Row:
        """Any resource of any type by its id."""
        exchanges = [
            Exchange(http("GET", f"/fhir/{one}", self._bearer(self.wide)), 200, one)
            for one in self._addresses()
        ]
        return Row("read", _shared(exchanges), self._is_stored, 0.6)

    def search(self) -> Row:
        """One patient's results of one code, newest first; half of the tokens see that patient alone."""
        of_patient = {token.patient: token for token in self.narrow}
        exchanges = []
        for search in self.random.choices(self.facts["searches"], k=DIFFERENT):
            own = of_patient.get(search["patient"].partition("/")[2])
            bearer = self._bearer([own] if own and self.random.random() < 0.5 else self.wide)
            code = quote(f"{search['system']}|{search['code']}")
            path = (
                f"/fhir/Observation?patient={quote(search['patient'])}&code={code}&_sort=-date&_count={PAGE}"
            )
            exchanges.append(Exchange(http("GET", path, bearer), 200, search))
        return Row("search patient+code by date", _shared(exchanges), _is_newest_first, 0.4)

    def create(self) -> Row:
        """A laboratory result for one of the patients."""
        patients = sorted({search["patient"] for search in self.facts["searches"]})
        exchanges = []
        for number in range(DIFFERENT):
            observation = _observation(self.random.choice(patients), number)
            headers = self._bearer(self.wide) | {"Prefer": "return=representation"}
            headers["Content-Type"] = "application/fhir+json"
            request = http("POST", "/fhir/Observation", headers, json.dumps(observation).encode())
            exchanges.append(Exchange(request, 201, observation))
        return Row("create", _shared(exchanges), _is_created, 0.25)

    def transaction(self, bundle: bytes) -> Row:
        """One patient's whole record in one transaction, as new each time."""
        size = len(json.loads(bundle)["entry"])
        exchanges = []
        for token in self.wide[:CONNECTIONS]:
            headers = self._bearer([token]) | {
                "Content-Type": "application/fhir+json",
                "Prefer": "return=minimal",
            }
            exchanges.append(Exchange(http("POST", "/fhir/", headers, bundle), 200, size))
        return Row(f"transaction of {size}", _shared(exchanges), _is_loaded, 2000, resources=size)

    def _addresses(self) -> list[str]:
        addresses: list[str] = self.facts["addresses"]
        return self.random.sample(addresses, min(DIFFERENT, len(addresses)))

    def _bearer(self, tokens: list[Token]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.random.choice(tokens).access_token}"}

    def _is_stored(self, exchange: Exchange, body: bytes) -> bool:
        return body == self.stored(str(exchange.subject))

    def _is_introspected(self, exchange: Exchange, body: bytes) -> bool:
        told = json.loads(body)
        patient = exchange.subject.patient if isinstance(exchange.subject, Token) else None
        return (
            bool(told["active"])
            and told["client_id"] == self.app.client_id
            and told.get("patient", "") == patient
        )


@dataclass
class _Family:
    """The tokens of one authorization: each refresh token is good once."""

    basic: str
    token: Token
    refresh_token: str = ""

    def exchange(self) -> Exchange:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token or self.token.refresh_token,
        }
        headers = {"Authorization": self.basic, "Content-Type": "application/x-www-form-urlencoded"}
        return Exchange(http("POST", "/oauth/token", headers, urlencode(form).encode()), 200, self)


def _taking_turns(families: list[_Family]) -> Iterator[Exchange]:
    return (family.exchange() for family in itertools.cycle(families))


def _shared(exchanges: list[Exchange]) -> list[Iterator[Exchange]]:
    """All connections draw from one endless round of the exchanges."""
    return [itertools.cycle(exchanges)] * CONNECTIONS


def _is_refreshed(exchange: Exchange, body: bytes) -> bool:
    told = json.loads(body)
    patient = exchange.subject.token.patient if isinstance(exchange.subject, _Family) else None
    is_jwt = told["access_token"].count(".") == 2
    return is_jwt and bool(told["token_type"] == "Bearer" and told["patient"] == patient)


def _is_newest_first(exchange: Exchange, body: bytes) -> bool:
    wanted: Any = exchange.subject
    found = [entry["resource"] for entry in json.loads(body)["entry"] if entry["search"]["mode"] == "match"]
    dates = [one["effectiveDateTime"] for one in found]
    return dates == wanted["dates"][:PAGE] and {one["subject"]["reference"] for one in found} == {
        wanted["patient"]
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
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}], "text": "Hemoglobin A1c"},
        "subject": {"reference": patient},
        "effectiveDateTime": f"2026-01-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        "valueQuantity": {
            "value": 5 + number % 50 / 10,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        },
    }

"""Rows that read: one resource, pages of searches, whole records."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.floor import UNTOLD
from bench.load import Exchange
from bench.rows.row import DIFFERENT, PAGE, Row, examples, http, shared
from bench.searches import EVERYBODY, SEARCHES, Facts, Search
from bench.tokens import Token

READ, UNTOLD_READ = "read", "read, no audit"
MOST_OF_A_RECORD = 1000
"""How many of a record's resources the first page of $everything holds at most."""


class Reading:
    """Makes the rows. A search for one patient is half the time asked with a token for that patient alone,
    if there is one."""

    def __init__(
        self, facts: Facts, wide: list[Token], narrow: list[Token], stored: Callable[[str], bytes]
    ) -> None:
        self.facts, self.wide, self.stored = facts, wide, stored
        self.of_patient = {token.patient: token for token in narrow}
        self.random = random.Random(4)

    def rows(self) -> list[Row]:
        """All of them, those without anything to find left out."""
        found = self._reads()
        found += [self._search(search) for search in SEARCHES if self.facts["searches"][search.name]]
        if self.facts["searches"][EVERYBODY]:
            found.append(self._everybody())
        return [*found, self._everything()]

    def _reads(self) -> list[Row]:
        """Any resource of any type by its id; and the same without the audit trail."""
        exchanges = [self._get(f"/fhir/{one}", one) for one in self.facts["addresses"]]
        self.random.shuffle(exchanges)

        def judge(exchange: Exchange, body: bytes) -> bool:
            return body == self.stored(str(exchange.subject))

        return [
            Row(READ, shared(exchanges), judge, 0.75, examples=examples(exchanges)),
            Row(UNTOLD_READ, shared([untold(each) for each in exchanges]), judge),
        ]

    def _search(self, search: Search) -> Row:
        chosen = self.random.choices(self.facts["searches"][search.name], k=DIFFERENT)
        exchanges = [self._get(f"{each['path']}&_count={PAGE}", each, each["patient"]) for each in chosen]
        return Row(
            search.name,
            shared(exchanges),
            _is_right_page,
            search.goal,
            is_core=search.is_core,
            examples=examples(exchanges),
        )

    def _everybody(self) -> Row:
        chosen = self.random.choices(self.facts["searches"][EVERYBODY], k=DIFFERENT)
        exchanges = [self._get(f"{each['path']}&_count={PAGE}", each) for each in chosen]
        name = "code of all patients, sorted"
        return Row(name, shared(exchanges), _is_newest_first, examples=examples(exchanges))

    def _everything(self) -> Row:
        chosen = self.random.choices(self.facts["records"], k=DIFFERENT // 10)
        exchanges = [
            self._get(f"/fhir/Patient/{each['patient']}/$everything", each, each["patient"])
            for each in chosen
        ]
        return Row("$everything", shared(exchanges), _is_whole_record, examples=examples(exchanges, 10))

    def _get(self, path: str, subject: object, patient: str = "") -> Exchange:
        own = self.of_patient.get(patient)
        token = own if own and self.random.random() < 0.5 else self.random.choice(self.wide)
        return Exchange(http("GET", path, {"Authorization": f"Bearer {token.access_token}"}), 200, subject)


def untold(exchange: Exchange) -> Exchange:
    """The same, of which the audit trail is not told."""
    head, _, rest = exchange.request.partition(b"\r\n")
    return replace(exchange, request=b"%b\r\n%b: 1\r\n%b" % (head, UNTOLD.encode(), rest))


def _matches(body: bytes) -> list[dict[str, Any]]:
    entries = json.loads(body).get("entry", [])
    return [entry["resource"] for entry in entries if entry["search"]["mode"] == "match"]


def _is_right_page(exchange: Exchange, body: bytes) -> bool:
    wanted: Any = exchange.subject
    found = _matches(body)
    ids = [one["id"] for one in found]
    if len(set(ids)) != len(ids) or not set(ids) <= set(wanted["found"]):
        return False
    if wanted["dates"] is None:
        return len(ids) == min(PAGE, len(wanted["found"]))
    return bool([one["effectiveDateTime"] for one in found] == wanted["dates"][:PAGE])


def _is_newest_first(exchange: Exchange, body: bytes) -> bool:
    """All have the code, and no date is later than the one before. Which they are depends on what is written
    meanwhile. All dates have the same precision and zone, so their texts tell."""
    wanted: Any = exchange.subject
    found = _matches(body)
    codes = [{coding["code"] for coding in one["code"]["coding"]} for one in found]
    dates = [one["effectiveDateTime"] for one in found if one["effectiveDateTime"].endswith("+00:00")]
    return bool(found) and all(wanted["code"] in each for each in codes) and dates == sorted(dates)[::-1]


def _is_whole_record(exchange: Exchange, body: bytes) -> bool:
    wanted: Any = exchange.subject
    # The patient comes first, beside what a page holds.
    whole = wanted["size"] <= MOST_OF_A_RECORD
    return bool(len(_matches(body)) == (wanted["size"] if whole else MOST_OF_A_RECORD + 1))

"""The invented records: equal at every run, valid, as they were promised, and asked about rightly."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.facts import facts
from bench.load import Exchange
from bench.rows.reading import _is_right_page
from bench.searches import EVERYBODY, SEARCHES
from bench.synthetic.clinic import clinic
from bench.synthetic.record import MEAN, patients_for, record
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.search import search
from fhir.loading import Loader
from fhir.validation import validate

CORE_TYPES = {
    "Patient", "Encounter", "Observation", "DiagnosticReport", "Condition", "MedicationRequest", "Procedure",
    "Immunization", "DocumentReference", "CareTeam", "CarePlan", "Goal", "Coverage", "Provenance",
}  # fmt: skip


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """What the entries hold."""
    return [entry["resource"] for entry in bundle["entry"]]


def test_a_record_is_the_same_at_every_call_and_another_one_for_another_patient() -> None:
    assert record(7) == record(7)
    assert orjson.dumps(record(7)) != orjson.dumps(record(8))
    assert clinic() == clinic()


@pytest.mark.parametrize("bundle", [clinic(), record(0), record(1)], ids=["clinic", "one", "another"])
def test_what_is_invented_passes_the_gate_that_every_write_passes(bundle: dict[str, Any]) -> None:
    assert [validate(resource) for resource in resources(bundle)] == [[]] * len(bundle["entry"])
    assert validate(bundle, expected_type="Bundle") == []


def test_records_have_the_proportions_that_are_promised() -> None:
    records = [resources(record(number)) for number in range(40)]
    kinds = Counter(one["resourceType"] for one in itertools.chain(*records))
    assert 0.85 * MEAN < kinds.total() / len(records) < 1.15 * MEAN
    assert all(250 < len(one) < 1100 for one in records)
    assert kinds["Observation"] > 0.6 * kinds.total()
    assert kinds.keys() >= CORE_TYPES
    assert patients_for(1_000_000) == 1_000_000 / MEAN


def test_codes_are_skewed_as_in_real_records() -> None:
    results = itertools.chain(*(resources(record(number)) for number in range(40)))
    codes = Counter(
        one["code"]["coding"][0]["code"]
        for one in results
        if one["resourceType"] == "Observation" and one["category"][0]["coding"][0]["code"] == "laboratory"
    )
    (_, most), *_, (_, least) = codes.most_common()
    assert len(codes) > 40
    assert most > 20 * least


def test_every_resource_names_its_profile_and_every_reference_leads_somewhere() -> None:
    bundle = record(3)
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    shared = {(one["resourceType"], one["identifier"][0]["value"]) for one in resources(clinic())}
    for resource in resources(bundle):
        assert resource["meta"]["profile"][0].startswith("http://hl7.org/fhir/us/core/StructureDefinition/")
        for text in references(resource):
            kind, _, query = text.partition("?identifier=")
            assert text in known or (kind, query.rpartition("|")[2]) in shared


def references(value: Any) -> list[str]:
    """All literal references below a value."""
    if isinstance(value, list):
        return [text for each in value for text in references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["reference"]] if isinstance(value.get("reference"), str) else []
    return own + [text for each in value.values() for text in references(each)]


@pytest.mark.django_db
def test_every_search_that_is_measured_finds_what_the_resources_themselves_say(tmp_path: Path) -> None:
    loader = Loader(keep_ids=False, strict=False, progress=lambda: None)
    for number, bundle in enumerate([clinic(), record(0), record(1)]):
        file = tmp_path / f"{number}.json"
        file.write_bytes(orjson.dumps(bundle))
        loader.load(file)
    assert loader.tally.refusals == []
    known = facts()
    assert known["count"] == loader.tally.total
    assert {one["patient"] for one in known["records"]}.isdisjoint(
        one.partition("/")[2] for one in known["written"]
    )
    for asked in SEARCHES:
        wanted = known["searches"][asked.name]
        assert wanted, asked.name
        for one in wanted:
            assert _is_right_page(Exchange(b"", 200, one), answer(one["path"])), one["path"]
    for one in known["searches"][EVERYBODY][:3]:
        codes = [entry["resource"]["code"]["coding"] for entry in json.loads(answer(one["path"]))["entry"]]
        assert all(coding[0]["code"] == one["code"] for coding in codes)


def answer(path: str) -> bytes:
    """The first page of a search."""
    kind, _, query = path.removeprefix("/fhir/").partition("?")
    text = search(Request(EVERYTHING, type=kind, query=f"{query}&_count=20")).text
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.django_db
def test_a_wrong_page_is_told_from_a_right_one() -> None:
    wanted = {"found": ["a", "b", "c"], "dates": ["2026-01-02", "2026-01-01"]}

    def page(*found: tuple[str, str]) -> bytes:
        entries = [
            {"resource": {"id": name, "effectiveDateTime": date}, "search": {"mode": "match"}}
            for name, date in found
        ]
        return json.dumps({"entry": entries}).encode()

    exchange = Exchange(b"", 200, wanted)
    assert _is_right_page(exchange, page(("a", "2026-01-02"), ("b", "2026-01-01")))
    assert not _is_right_page(exchange, page(("b", "2026-01-01"), ("a", "2026-01-02")))
    assert not _is_right_page(exchange, page(("a", "2026-01-02"), ("a", "2026-01-01")))
    assert not _is_right_page(exchange, page(("a", "2026-01-02"), ("x", "2026-01-01")))
    assert not _is_right_page(exchange, page(("a", "2026-01-02")))

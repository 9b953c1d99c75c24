"""The store: numbers, index rows, guards, and writers that meet."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import IntegrityError, OperationalError, connection, models

from fhir import store
from fhir.access import EVERYTHING, Access, Guard
from fhir.enforcement import AccessLapsed
from fhir.hashing import reference_key
from fhir.indexing import parameter_hash
from fhir.models import (
    Compartment,
    DateIndex,
    QuantityIndex,
    ReferenceIndex,
    Resource,
    ResourceVersion,
    StringIndex,
    TokenIndex,
)
from fhir.outcome import Conflict, FhirError
from fhir.store import identifiers
from fhir.tables import INDEX_TABLES, RESOURCES
from tests.fhir import racing

INDEXES: tuple[type[models.Model], ...] = (
    TokenIndex,
    ReferenceIndex,
    StringIndex,
    DateIndex,
    QuantityIndex,
    Compartment,
)
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "meta": {"profile": ['http://example.org/a"b\\c{d},e']},
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
    "subject": {"reference": "Patient/a"},
    "effectiveDateTime": "2026-03-01",
    "valueQuantity": {"value": 6.1, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    "interpretation": [{"text": 'quotes " and \\ and {braces}, commas'}],
    "extension": [{"url": "http://example.org/e", "valueString": "NULL"}],
}


def _write(*resources: tuple[str, dict[str, Any] | None], access: Access = EVERYTHING) -> list[store.Change]:
    """PUT (None: DELETE) these under their ids, all at once."""

    def work() -> list[store.Change]:
        addresses = [("Observation", fhir_id) for fhir_id, _ in resources]
        locked = store.lock(access, addresses)
        changes = [
            store.draft("Observation", fhir_id, "PUT", resource, locked.get(("Observation", fhir_id)))
            for fhir_id, resource in resources
        ]
        store.apply(access, changes)
        return changes

    return store.in_transaction(work)


def _index() -> dict[str, set[tuple[Any, ...]]]:
    return {model.__name__: set(model._default_manager.values_list()) for model in INDEXES}


@pytest.mark.django_db
def test_many_resources_are_written_as_one_by_one() -> None:
    _write(*[(f"o{number}", OBSERVATION) for number in range(3)])
    together = {name: len(rows) for name, rows in _index().items()}
    Resource.objects.all().delete()
    for model in INDEXES:
        model._default_manager.all().delete()
    for number in range(3):
        _write((f"o{number}", OBSERVATION))
    assert {name: len(rows) for name, rows in _index().items()} == together
    assert all(together.values()), together


@pytest.mark.django_db
def test_texts_with_quotes_backslashes_and_braces_come_back() -> None:
    odd = 'a "quoted" \\ back\\\\slash {brace} , NULL \' ü 🩺 \n\t'
    (change,) = _write(("o", {**OBSERVATION, "note": [{"text": odd}]}))
    found = store.read(EVERYTHING, "Observation", "o")
    assert found is not None
    assert found.text == change.text
    assert json.loads(found.text)["note"] == [{"text": odd}]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "odd", ['o"quote', "back\\slash\\\\", "(a,b)", "{brace}", "null", "comma, space", "'"]
)
def test_odd_texts_come_into_the_index_as_they_are(odd: str) -> None:
    patient = {"resourceType": "Patient", "name": [{"text": odd, "family": odd}]}
    store.in_transaction(lambda: store.apply(EVERYTHING, [store.draft("Patient", "p", "PUT", patient)]))
    rows = StringIndex.objects.values_list("prefix", "value")
    assert odd in {prefix for prefix, _ in rows}


@pytest.mark.django_db
def test_columns_are_listed_in_the_order_that_they_have_in_the_database() -> None:
    for table in (RESOURCES, *INDEX_TABLES):
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, table.name)
        assert [column.name for column in described] == [name for name, _ in table.columns]


@pytest.mark.django_db
def test_after_any_change_the_index_is_that_of_the_new_content() -> None:
    others = {
        **OBSERVATION,
        "subject": {"reference": "Patient/b"},
        "effectiveDateTime": "2025",
        "status": "amended",
    }
    _write(("o", OBSERVATION))
    first = _index()
    _write(("o", others))
    second = _index()
    assert all(first[name] != second[name] for name in ("TokenIndex", "DateIndex", "Compartment"))
    _write(("o", OBSERVATION))
    assert _index() == first
    _write(("o", None))
    assert not any(_index().values())


@pytest.mark.django_db
def test_rows_that_differ_outside_their_key_follow_the_content_too() -> None:
    """The end of the period is in the token rows, the unit in the quantity rows; neither is part of the
    key."""
    period = {**OBSERVATION, "effectivePeriod": {"start": "2026-03-01", "end": "2026-03-02"}}
    del period["effectiveDateTime"]
    longer = {**period, "effectivePeriod": {"start": "2026-03-01", "end": "2026-03-09"}}
    renamed = {**longer, "valueQuantity": {**OBSERVATION["valueQuantity"], "unit": "per cent"}}
    for given in (period, longer, renamed):
        _write(("o", given))
        changed = _index()
        _write(("o", None))
        _write(("o", given))
        assert _index() == changed


@pytest.mark.django_db
def test_values_with_one_key_are_written_as_one_row() -> None:
    weights = [
        {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg", "unit": unit} for unit in "ab"
    ]
    code = OBSERVATION["code"]
    parts = [{"code": code, "valueQuantity": weight} for weight in weights]
    _write(("o", {"resourceType": "Observation", "status": "final", "code": code, "component": parts}))
    key = parameter_hash("Observation", "component-value-quantity")
    assert QuantityIndex.objects.filter(hash=key).count() == 1
    names = [{"family": "Same"}, {"family": "Same", "given": ["Same", "Same"]}]
    patient = {"resourceType": "Patient", "name": names}
    store.in_transaction(lambda: store.apply(EVERYTHING, [store.draft("Patient", "p", "PUT", patient)]))
    assert StringIndex.objects.filter(hash=parameter_hash("Patient", "name")).count() == 1


@pytest.mark.django_db
def test_a_superseded_version_is_kept_as_it_was() -> None:
    (first,) = _write(("o", OBSERVATION))
    _write(("o", {**OBSERVATION, "status": "amended"}))
    _write(("o", None))
    kept = {version.version: version for version in ResourceVersion.objects.all()}
    assert sorted(kept) == [1, 2]
    assert kept[1].text == first.text
    assert kept[1].last_updated == first.last_updated
    current = Resource.objects.get()
    assert (current.version, current.deleted, current.text) == (3, True, "")
    assert current.patient == reference_key("Patient", "a")
    assert kept[1].last_updated < kept[2].last_updated < current.last_updated


@pytest.mark.django_db
def test_nothing_is_written_where_the_guard_does_not_hold() -> None:
    dead = Access(EVERYTHING.rules, guard=Guard("%s = 2", (1,), lambda: EVERYTHING))
    change = store.draft("Observation", "o", "POST", OBSERVATION)
    with pytest.raises(AccessLapsed):
        store.in_transaction(lambda: store.apply(dead, [change]), one_statement=True)
    with pytest.raises(AccessLapsed):
        store.read(dead, "Observation", "o")
    assert not Resource.objects.exists()
    assert not any(_index().values())


@pytest.mark.django_db
def test_numbers_are_never_given_twice_and_rise() -> None:
    found: list[int] = []
    for count in (1, 3, identifiers.BLOCK + 7, 2):
        numbers = identifiers.next_numbers(count)
        assert len(numbers) == count
        if connection.vendor == "postgresql":
            found += numbers
    assert found == sorted(set(found))


def test_new_ids_are_ids_of_fhir_in_order_of_time_and_all_different() -> None:
    found = [store.new_fhir_id() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert [fhir_id[:13] for fhir_id in found] == sorted(fhir_id[:13] for fhir_id in found)
    assert all(fhir_id[14] == "7" and fhir_id[19] in "89ab" and len(fhir_id) == 36 for fhir_id in found)


class _Cause(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = self.sqlite_errorname = sqlstate


def _failing(times: int, sqlstate: str, kind: type[Exception]) -> Callable[[], str]:
    left = [times]

    def work() -> str:
        if left[0]:
            left[0] -= 1
            raise kind from _Cause(sqlstate)
        return "done"

    return work


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [("40P01", OperationalError), ("40001", OperationalError), ("23505", IntegrityError)],
)
def test_what_others_have_spoilt_is_tried_again(sqlstate: str, kind: type[Exception]) -> None:
    assert store.in_transaction(_failing(3, sqlstate, kind)) == "done"
    with pytest.raises(Conflict):
        store.in_transaction(_failing(100, sqlstate, kind))


@pytest.mark.django_db(transaction=True)
def test_other_errors_of_the_database_are_not_repeated() -> None:
    with pytest.raises(OperationalError):
        store.in_transaction(_failing(1, "53100", OperationalError))


@pytest.mark.django_db(transaction=True)
def test_a_writer_that_never_gets_its_turn_is_told_to_come_back() -> None:
    with pytest.raises(FhirError) as caught:
        store.in_transaction(_failing(1, "SQLITE_BUSY", OperationalError))
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "5"}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_parallel_updates_lose_none_on_sqlite(tmp_path: Path) -> None:
    """In a process of its own, on a file: threads cannot share a database in memory as workers share a
    file."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'race.sqlite3'}"}
    command = [sys.executable, "-m", "tests.fhir.racing"]
    done = subprocess.run(
        command, cwd=site.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == racing.WANTED, done.stderr


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_parallel_updates_lose_none_on_postgresql() -> None:
    assert racing.race() == racing.WANTED


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_conditional_creates_make_one_resource() -> None:
    barrier = threading.Barrier(4)
    statuses = racing.together(4, lambda number: racing.create_once(barrier))
    assert sorted(statuses) == [200, 200, 200, 201]
    assert Resource.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_transactions_that_lock_in_opposite_order_all_get_through() -> None:
    statuses = racing.together(4, racing.crossing)
    assert statuses == [200] * 4

"""manage.py check_fhir_index: each kind of fault is found where it is, and mended if the text tells how."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from fhir.index_check import Counts, Difference, Kind, check, scanning, settling, versions
from fhir.index_check.stored import COLUMNS, Stored, is_stamped
from fhir.models import Resource, ResourceVersion
from fhir.outcome import Conflict
from fhir.search.types import token
from fhir.tables import INDEX_TABLES, Row, Table
from tests.fhir.records import observation, put_records
from tests.fhir.search.shelf import ids, put, remove

pytestmark = pytest.mark.django_db
NAMES = [table.name for table in INDEX_TABLES]
BY_NAME = {table.name: table for table in INDEX_TABLES}


@pytest.fixture(autouse=True)
def records() -> None:
    """Two patients' records, with every kind of index row; some have versions, one was deleted."""
    put_records()
    put(observation("new", "ann", valueQuantity={"value": 6.1, "unit": "%"}, effectiveDateTime="2022-01-01"))
    put(observation("new", "ann", valueQuantity={"value": 6.2, "unit": "%"}, effectiveDateTime="2022-02-01"))
    remove("Observation", "undated")


def run(*types: str, mend: bool = False) -> tuple[Counts, list[Difference]]:
    """What a check finds."""
    found: list[Difference] = []
    counts = check(types, mend=mend, report=found.append, progress=lambda counts: None)
    return counts, found


def command(*words: str) -> tuple[str, str]:
    """What the command prints, and the error that ends it, if one does."""
    out = StringIO()
    try:
        call_command("check_fhir_index", *words, stdout=out, stderr=StringIO())
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def execute(sql: str, *values: Any) -> list[Any]:
    """The rows of a statement, none for one that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def number(address: str) -> int:
    """The row number of a resource."""
    kind, _, fhir_id = address.partition("/")
    return Resource.objects.get(type=kind, fhir_id=fhir_id).id


def rows(table: Table) -> set[Row]:
    """All rows of an index table."""
    return set(execute(f"SELECT {table.names} FROM {table.name}"))


def everything() -> dict[str, Any]:
    """All that the repository holds."""
    found: dict[str, Any] = {table.name: rows(table) for table in INDEX_TABLES}
    found["resources"] = set(Resource.objects.values_list())
    found["versions"] = set(ResourceVersion.objects.values_list())
    return found


def insert(table: Table, row: Row) -> None:
    """Put a row into an index table."""
    execute(table.insertion(), *row)


def one_of(table: Table, address: str) -> Row:
    """A row that a resource has in an index table."""
    return next(row for row in sorted(rows(table)) if row[3] == number(address))


OWNERS = {name: "Observation/new" for name in NAMES} | {"fhir_stringindex": "Patient/ann"}


def test_what_the_store_wrote_has_no_differences() -> None:
    counts, found = run()
    assert found == []
    assert counts.resources == Resource.objects.count()
    assert counts.superseded == ResourceVersion.objects.count() == 3
    assert counts.rows == sum(len(rows(table)) for table in INDEX_TABLES)
    assert all(rows(table) for table in INDEX_TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_row_is_found_and_mended(name: str) -> None:
    table, address = BY_NAME[name], OWNERS[name]
    before = everything()
    execute(table.removal(), *one_of(table, address)[: table.key])
    _, found = run()
    assert [(each.kind, each.address) for each in found] == [(Kind.MISSING, address)]
    assert found[0].where.startswith(name)
    _mends(before, 1)


def _mends(before: dict[str, Any], count: int) -> None:
    """Mending leaves the repository as it was before the fault, and another check finds nothing."""
    counts, found = run(mend=True)
    assert len(found) == count
    assert all(each.mended for each in found)
    assert counts.left == 0
    assert everything() == before
    assert run()[1] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_surplus_row_is_found_and_mended(name: str) -> None:
    table, address = BY_NAME[name], OWNERS[name]
    before = everything()
    insert(table, (4711, *one_of(table, address)[1:]))
    _, found = run()
    assert [(each.kind, each.address, each.where) for each in found] == [
        (Kind.SURPLUS, address, f"{name} 4711")
    ]
    _mends(before, 1)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("fhir_tokenindex", "high", 5),
        ("fhir_stringindex", "prefix", "someone else"),
        ("fhir_stringindex", "value", "x" * 200),
        ("fhir_quantityindex", "unit", 5),
    ],
)
def test_a_wrong_value_beside_the_key_is_found_and_mended(name: str, column: str, value: object) -> None:
    table, address = BY_NAME[name], OWNERS[name]
    before = everything()
    row = one_of(table, address)
    match = " AND ".join(f"{each} = %s" for each, _ in table.columns[: table.key])
    execute(f"UPDATE {name} SET {column} = %s WHERE {match}", value, *row[: table.key])
    assert [(each.kind, each.address) for each in run()[1]] == [(Kind.VALUE, address)]
    _mends(before, 1)


@pytest.mark.parametrize("column", ["patient", "date"])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_with_another_patient_or_date_is_one_too_many_and_one_too_few(name: str, column: str) -> None:
    table, address = BY_NAME[name], OWNERS[name]
    before = everything()
    row = one_of(table, address)
    match = " AND ".join(f"{each} = %s" for each, _ in table.columns[: table.key])
    execute(f"UPDATE {name} SET {column} = %s WHERE {match}", 4711, *row[: table.key])
    assert sorted(each.kind for each in run()[1]) == [Kind.MISSING, Kind.SURPLUS]
    _mends(before, 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("owner", [-5, 999_999_999])
def test_a_row_without_a_resource_is_found_and_removed(name: str, owner: int) -> None:
    table = BY_NAME[name]
    before = everything()
    row = one_of(table, OWNERS[name])
    insert(table, (*row[:3], owner, *row[4:]))
    assert [(each.kind, each.address) for each in run()[1]] == [(Kind.ORPHAN, f"row {owner}")]
    _mends(before, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_a_deleted_resource_is_found_and_removed(name: str) -> None:
    table = BY_NAME[name]
    before = everything()
    row = one_of(table, OWNERS[name])
    insert(table, (*row[:3], number("Observation/undated"), *row[4:]))
    assert [(each.kind, each.address) for each in run()[1]] == [(Kind.OF_DELETED, "Observation/undated")]
    _mends(before, 1)


@pytest.mark.parametrize("column", ["key", "patient", "date"])
@pytest.mark.parametrize("address", ["Observation/new", "Observation/undated"])
def test_a_wrong_column_of_a_resource_is_found_and_mended(column: str, address: str) -> None:
    before = everything()
    Resource.objects.filter(id=number(address)).update(**{column: 4711})
    assert [(each.kind, each.address, each.where) for each in run()[1]] == [(Kind.COLUMN, address, column)]
    _mends(before, 1)


def test_a_text_without_its_rows_stamp_is_found_and_left_to_people() -> None:
    Resource.objects.filter(id=number("Observation/new")).update(version=4)
    before = everything()
    for mend in (False, True):
        counts, found = run(mend=mend)
        assert sorted((each.kind, each.address) for each in found) == [
            (Kind.VERSIONS, "Observation/new"),
            (Kind.STAMP, "Observation/new"),
        ]
        assert counts.left == 2
    assert everything() == before


def test_a_superseded_text_without_its_rows_stamp_is_found() -> None:
    held = ResourceVersion.objects.filter(resource_id=number("Observation/new"), version=2)
    held.update(last_updated=held.get().last_updated + 1)
    assert [(each.kind, each.where) for each in run()[1]] == [(Kind.STAMP, "text of version 2")]


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_is_not_there_is_found(version: int) -> None:
    ResourceVersion.objects.filter(resource_id=number("Observation/new"), version=version).delete()
    _, found = run()
    assert [(each.kind, each.address) for each in found] == [(Kind.VERSIONS, "Observation/new")]
    assert found[0].where == "1 versions before version 3"


@pytest.mark.parametrize("text", ['{"resourceType":"Observation","id":', "[]", '{"resourceType":"Basic"}'])
def test_an_unreadable_text_is_found_and_its_rows_are_left_alone(text: str) -> None:
    Resource.objects.filter(id=number("Observation/new")).update(text=text)
    before = everything()
    kinds = {each.kind for each in run(mend=True)[1]}
    assert kinds == {Kind.UNREADABLE, Kind.STAMP}
    assert everything() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_surplus_row_does_not_stand_in_the_way_of_a_write(name: str) -> None:
    """The row that the next version will have is there already, and differs beside its key."""
    table = BY_NAME[name]
    changes = observation(
        "new", "ben", effectiveDateTime="2022-03-01", valueQuantity={"value": 7, "unit": "g"}
    )
    put(changes)
    (row,) = [row for row in sorted(rows(table)) if row[3] == number("Observation/new")][:1]
    put(observation("new", "ann"))
    insert(table, row)
    put(changes)
    assert run()[1] == []


def test_a_whole_index_is_built_anew_from_the_texts() -> None:
    before = everything()
    for name in NAMES:
        execute(f"DELETE FROM {name}")
    assert ids("Observation?subject=Patient/ann") == []
    counts, _ = run(mend=True)
    assert counts.left == 0
    assert everything() == before
    assert set(ids("Observation?subject=Patient/ann")) == {"old", "new"}


def test_after_a_change_of_extraction_the_index_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade: every row of a code's is another one by now."""
    before = everything()
    token._known_digest.cache_clear()
    with monkeypatch.context() as changed:
        changed.setattr(token, "digest", lambda *parts: len("".join(parts)))
        assert run()[0].differences[Kind.SURPLUS] > 5
        assert run(mend=True)[0].left == 0
        assert rows(BY_NAME["fhir_tokenindex"]) != before["fhir_tokenindex"]
        token._known_digest.cache_clear()
    assert run(mend=True)[0].left == 0
    assert everything() == before


def test_a_check_of_one_type_leaves_the_others_alone() -> None:
    execute("DELETE FROM fhir_stringindex")
    counts, found = run("Patient", "Organization", mend=True)
    assert counts.resources == 4
    assert {each.address.partition("/")[0] for each in found} == {"Patient", "Organization"}
    assert {each.address.partition("/")[0] for each in run()[1]}.isdisjoint({"Patient", "Organization"})


def test_many_ranges_and_batches_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies at the borders is looked at once."""
    monkeypatch.setattr(scanning, "RANGE", 5)
    monkeypatch.setattr(scanning, "BATCH", 2)
    monkeypatch.setattr(settling, "TOGETHER", 2)
    monkeypatch.setattr(versions, "BATCH", 1)
    counts, found = run()
    assert (found, counts.resources) == ([], Resource.objects.count())
    assert counts.superseded == 3
    expected = sum(len(rows(table)) for table in INDEX_TABLES)
    assert counts.rows == expected
    for name in NAMES:
        execute(f"DELETE FROM {name}")
    assert run()[0].differences == {Kind.MISSING: expected}
    assert run(mend=True)[0].left == 0
    assert run()[1] == []


def test_the_command_says_what_it_found_and_fails_unless_all_is_mended() -> None:
    out, error = command()
    assert (error, "No differences." in out) == ("", True)
    execute("DELETE FROM fhir_dateindex")
    lost = run()[0].differences[Kind.MISSING]
    out, error = command("--show", "2")
    assert error == f"{lost:,} differences."
    assert len(re.findall(r"^missing row: \w+/\w+ in fhir_dateindex -?\d+$", out, re.MULTILINE)) == 2
    assert f"… and {lost - 2} more" in out
    out, error = command("--repair", "--show", "1")
    assert error == ""
    assert re.search(rf"^missing row +{lost} +mended {lost}$", out, re.MULTILINE)
    assert "(mended)" in out
    assert command()[1] == ""


class Terminal(StringIO):
    """Where somebody is looking."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "BATCH", 4)
    err, whole = Terminal(), Resource.objects.count()
    call_command("check_fhir_index", stdout=StringIO(), stderr=err, no_color=True)
    assert f"] 4/{whole} resources\r[" in err.getvalue()
    assert f"[{'#' * 30}] {whole}/{whole} resources\n" in err.getvalue()


def test_the_command_never_shows_what_is_in_a_record() -> None:
    execute("DELETE FROM fhir_stringindex")
    out, _ = command("--show", "1000")
    assert "Clinic" not in out
    assert "clinic in" in out
    assert "doctor in" in out


def test_the_command_says_where_others_were_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(work: Callable[[], Any]) -> Any:
        raise Conflict("Others were changing the same resources.")

    monkeypatch.setattr(settling, "in_transaction", busy)
    assert command()[1] == ""
    execute("DELETE FROM fhir_dateindex")
    assert command("--repair")[1].startswith("Not finished: Others were changing the same resources.")


def test_the_command_names_a_type_that_it_does_not_know() -> None:
    assert command("--type", "Patients")[1] == "'Patients' is no resource type of FHIR R4."


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored._replace(version=9),
        lambda stored: stored._replace(fhir_id="other"),
        lambda stored: stored._replace(type="Basic"),
        lambda stored: stored._replace(last_updated=stored.last_updated + 1),
        lambda stored: stored._replace(deleted=True),
    ],
)
def test_a_stamp_is_the_rows_own(change: Callable[[Stored], Stored]) -> None:
    (row,) = execute(f"SELECT {COLUMNS} FROM fhir_resource r WHERE r.fhir_id = 'new'")
    stored = Stored(*row)
    assert stored.is_stamped
    assert not change(stored).is_stamped
    assert is_stamped("Basic", "x", 1, 0, True, "")

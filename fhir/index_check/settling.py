"""Suspects are looked at again, and mended, while their rows are locked as writers lock them.

Whoever writes one of these resources meanwhile waits, and then finds it as it is here; what is taken out of
the index and put back is so in one transaction, and no search sees it in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import connection

from fhir import jsontext
from fhir.condition import ALWAYS
from fhir.hashing import reference_key
from fhir.index_check.differences import Difference, Kind
from fhir.index_check.staging import NUMBER
from fhir.index_check.stored import COLUMNS, Stored, UnreadableError, extracted, wrong_columns
from fhir.indexing import IndexRows
from fhir.rows import ON_POSTGRESQL
from fhir.search.rowsets import among
from fhir.store import in_transaction
from fhir.store.statements import Rows, write
from fhir.tables import INDEX_TABLES, Row, Table, first_of_each_key, row_array, spread

TOGETHER = 100
"""How many suspects share a transaction: others who write them wait that long."""


def settle(numbers: Collection[int], candidates: Rows, *, mend: bool) -> list[Difference]:
    """What really is wrong with the resources of these row numbers, each looked at under its lock.

    `candidates` are index rows that were seen and should perhaps not be there. With `mend`, what can be put
    right from the stored text is. Raises fhir.outcome.Conflict where others were in the way again and again.
    """
    found: list[Difference] = []
    ordered = sorted(numbers)
    for start in range(0, len(ordered), TOGETHER):
        some = frozenset(ordered[start : start + TOGETHER])
        theirs = {table: [row for row in rows if row[NUMBER] in some] for table, rows in candidates.items()}
        found += in_transaction(partial(_settle, some, theirs, mend))
    return found


def _settle(numbers: frozenset[int], candidates: Rows, mend: bool) -> list[Difference]:
    stored = _locked(sorted(numbers))
    contents: dict[int, IndexRows] = {}
    found: list[Difference] = []
    for number, each in stored.items():
        if not each.is_stamped:
            found.append(Difference(Kind.STAMP, each.address, "text"))
        try:
            contents[number] = extracted(each, jsontext.parse)
        except UnreadableError:
            found.append(Difference(Kind.UNREADABLE, each.address, "text"))
    found += _columns(stored, contents, mend)
    unreadable = stored.keys() - contents.keys()
    removed: Rows = {}
    added: Rows = {}
    spreads = [spread(stored[number].type, number, rows) for number, rows in contents.items()]
    for place, table in enumerate(INDEX_TABLES):
        seen = [row for row in candidates[table] if row[NUMBER] not in unreadable]
        wanted = first_of_each_key(table, [row for each in spreads for row in each[place][1]])
        there = _present(table, [*wanted.values(), *seen])
        removed[table] = [row for key, row in there.items() if wanted.get(key) != row]
        added[table] = [row for key, row in wanted.items() if there.get(key) != row]
        found += (_difference(table, row, stored, wanted, mend) for row in removed[table])
        found += (
            Difference(Kind.MISSING, stored[_number(row)].address, _where(table, row), mend)
            for row in added[table]
            if row[: table.key] not in there
        )
    if mend:
        write(ALWAYS, [], [], removed, added, ())
    return found


def _locked(numbers: list[int]) -> dict[int, Stored]:
    """These resources by number, deleted ones included, locked until the transaction ends, in the order in
    which writers lock."""
    chosen = among(numbers)
    lock = " FOR UPDATE OF r" if ON_POSTGRESQL else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM fhir_resource r WHERE r.id {chosen.sql} ORDER BY r.id{lock}",
            chosen.params,
        )
        return {row[0]: Stored(*row) for row in cursor.fetchall()}


def _columns(stored: dict[int, Stored], contents: dict[int, IndexRows], mend: bool) -> Iterator[Difference]:
    for number, rows in contents.items():
        each = stored[number]
        wrong = wrong_columns(each, rows)
        if wrong and mend:
            right = (reference_key(each.type, each.fhir_id), rows.patient, rows.date, number)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE fhir_resource SET key = %s, patient = %s, date = %s WHERE id = %s", right
                )
        yield from (Difference(Kind.COLUMN, each.address, name, mend) for name in wrong)


def _present(table: Table, rows: Sequence[Row]) -> dict[Row, Row]:
    """The rows of an index that have the keys of these, by key."""
    keys = [name for name, _ in table.columns[: table.key]]
    with connection.cursor() as cursor:
        if ON_POSTGRESQL:
            names = ", ".join(f"i.{name}" for name, _ in table.columns)
            match = " AND ".join(f"i.{name} = u.{name}" for name in keys)
            cursor.execute(
                f"SELECT {names} FROM {table.by_row} u JOIN {table.name} i ON {match}",
                [row_array(table, rows)],
            )
            found: list[Any] = cursor.fetchall()
        else:
            found = []
            match = " AND ".join(f"{name} = %s" for name in keys)
            for row in rows:
                key: list[Any] = list(row[: table.key])
                cursor.execute(f"SELECT {table.names} FROM {table.name} WHERE {match}", key)
                found += cursor.fetchall()
    return {row[: table.key]: row for row in found}


def _difference(
    table: Table, row: Row, stored: dict[int, Stored], wanted: dict[Row, Row], mend: bool
) -> Difference:
    """What it means that this row is there."""
    owner = stored.get(_number(row))
    if owner is None:
        return Difference(Kind.ORPHAN, f"row {row[NUMBER]}", _where(table, row), mend)
    kind = Kind.OF_DELETED if owner.deleted else Kind.SURPLUS
    if row[: table.key] in wanted:
        kind = Kind.VALUE
    return Difference(kind, owner.address, _where(table, row), mend)


def _number(row: Row) -> int:
    number = row[NUMBER]
    assert isinstance(number, int)  # noqa: S101 — resource_id
    return number


def _where(table: Table, row: Row) -> str:
    """The table and the row's first column: its hash (of a compartment, the patient's). Never its text."""
    return f"{table.name} {row[0]}"

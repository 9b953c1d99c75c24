"""Writing resources: any number of changes at once, with their index rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from fhir.access import Access
from fhir.enforcement import AccessLapsed, guard
from fhir.hashing import reference_key
from fhir.rows import ON_POSTGRESQL
from fhir.store import identifiers, statements
from fhir.store.changes import Change, Current
from fhir.store.events import events_of
from fhir.store.statements import Rows
from fhir.tables import INDEX_TABLES, Row, first_of_each_key, spread, text_array


def lock(access: Access, addresses: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Current]:
    """The resources at these (type, id), deleted ones included, locked until the transaction ends.

    Rights are the caller's to check: nothing of this may be shown before. Raises AccessLapsed.
    """
    alive = guard(access)
    found: dict[tuple[str, str], Current] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {alive.sql}", alive.params)
        if not cursor.fetchone()[0]:
            raise AccessLapsed
        for resource_type, fhir_id, *row in _locked_rows(cursor, addresses):
            number, version, updated, deleted, text = row
            found[resource_type, fhir_id] = Current(
                resource_type, number, version, updated, bool(deleted), text
            )
    return found


def _locked_rows(cursor: Any, addresses: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    if not addresses:
        return []
    columns = "r.type, r.fhir_id, r.id, r.version, r.last_updated, r.deleted, r.text"
    if ON_POSTGRESQL:
        cursor.execute(
            f"SELECT {columns} FROM unnest(%s::text[], %s::text[]) AS w(type, fhir_id) "
            "JOIN fhir_resource r "
            'ON r.type = w.type COLLATE "C" AND r.fhir_id = w.fhir_id COLLATE "C" '
            "ORDER BY r.id FOR UPDATE OF r",
            [text_array(part) for part in zip(*addresses, strict=True)],
        )
        return list(cursor.fetchall())
    rows: list[tuple[Any, ...]] = []
    for address in addresses:
        cursor.execute(f"SELECT {columns} FROM fhir_resource r WHERE r.type = %s AND r.fhir_id = %s", address)
        rows.extend(cursor.fetchall())
    return rows


def apply(access: Access, changes: Sequence[Change]) -> None:
    """Write the changes that change something: all, or none if an exception leaves this function. With them
    goes what the audit trail is to know of all changes: nothing is written without.

    Only inside `transaction`, and not twice for one resource. Superseded versions are kept, index rows
    follow. Raises AccessLapsed, and IntegrityError where somebody else has made a resource with the same id
    meanwhile.
    """
    real = [change for change in changes if change.changed]
    new = [change for change in real if change.current is None]
    for change, number in zip(new, identifiers.next_numbers(len(new)), strict=True):
        change.number = number
    for change in real:
        if change.current is not None:
            change.number = change.current.number
    removed, added = _index_differences(real)
    superseded = [change.number for change in real if change.current is not None]
    resources = [_resource_row(change) for change in real]
    statements.write(guard(access), superseded, resources, removed, added, events_of(access, changes))


def _index_differences(changes: list[Change]) -> tuple[Rows, Rows]:
    """The index rows to be removed and to be added."""
    removed: Rows = {table: [] for table in INDEX_TABLES}
    added: Rows = {table: [] for table in INDEX_TABLES}
    for change in changes:
        after = spread(change.type, change.number, change.rows)
        if change.current is None:
            for table, rows in after:
                added[table].extend(first_of_each_key(table, rows).values())
            continue
        before = spread(change.type, change.number, change.current.rows)
        for (table, rows), (_, old) in zip(after, before, strict=True):
            # Compared by key and content, since two rows may differ in a column outside the key.
            is_now, was = first_of_each_key(table, rows), first_of_each_key(table, old)
            new = [row for key, row in is_now.items() if was.get(key) != row]
            removed[table].extend(row for key, row in was.items() if is_now.get(key) != row)
            # A row that the old text does not account for would stand in the way of every write.
            removed[table].extend(new)
            added[table].extend(new)
    return removed, added


def _resource_row(change: Change) -> Row:
    deletes = change.resource is None
    return (
        change.number,
        change.type,
        change.fhir_id,
        reference_key(change.type, change.fhir_id),
        change.version,
        change.last_updated,
        change.method,
        deletes,
        # A deleted resource keeps its last patient, so that a patient's history finds it.
        (change.current.rows if deletes and change.current else change.rows).patient,
        change.rows.date,
        change.text,
    )

"""Writing resources: any number of changes at once, with their index rows, in as few statements as there can be."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from fhir import jsontext
from fhir.access import Access
from fhir.enforcement import TYPE_NUMBERS, AccessLapsed, Condition, guard
from fhir.exchange import instant
from fhir.hashing import reference_key
from fhir.indexing import IndexRows, index_rows
from fhir.store import identifiers
from fhir.store.tables import (
    COMPARTMENTS,
    DATES,
    INDEX_TABLES,
    QUANTITIES,
    REFERENCES,
    RESOURCES,
    STRINGS,
    TOKENS,
    Row,
    Table,
    array,
    literals,
    text_array,
)


@dataclass(frozen=True, slots=True)
class Current:
    """A resource as it stands, locked by the transaction that asked. `rows` belong to `text`."""

    number: int
    version: int
    last_updated: int
    deleted: bool
    text: str
    rows: IndexRows

    @property
    def compartments(self) -> Set[int] | None:
        """The digests of the patients it belongs to; None if it is deleted."""
        return None if self.deleted else self.rows.compartments


@dataclass(slots=True)
class Change:
    """What is to become of one resource: its new content, or None to delete it.

    `method` is POST, PUT, PATCH or DELETE. `apply` fills in what comes out of it: version, last_updated (in
    microseconds since 1970) and text; where the content is what it was, `changed` is False and they stay.
    """

    type: str
    fhir_id: str
    method: str
    resource: dict[str, Any] | None
    current: Current | None = None
    version: int = 0
    last_updated: int = 0
    text: str = ""
    changed: bool = True
    rows: IndexRows = field(default_factory=IndexRows)
    number: int = 0

    @property
    def compartments(self) -> Set[int] | None:
        """The digests of the patients that the resource will belong to; None if it will be deleted."""
        return None if self.resource is None else self.rows.compartments


def draft(
    resource_type: str, fhir_id: str, method: str, resource: dict[str, Any] | None, current: Current | None = None
) -> Change:
    """The change that gives a resource this content (None: that deletes it), stamped and indexed, not yet written.

    Whatever the resource says of its own id, version and time is overwritten. Content that is the same to the byte
    changes nothing, and deleting what is deleted neither.
    Raises fhir.search.types.date.DateError for a date that no calendar has.
    """
    change = Change(resource_type, fhir_id, method, resource, current)
    if current is not None and _same(change, current):
        change.version, change.last_updated, change.text = current.version, current.last_updated, current.text
        change.changed, change.rows = False, current.rows
        return change
    now = time.time_ns() // 1000
    change.version = current.version + 1 if current else 1
    change.last_updated = max(now, current.last_updated + 1) if current else now
    if resource is None:
        return change
    stamped = _stamp(resource, fhir_id, change.version, change.last_updated)
    change.text = jsontext.serialise(stamped).decode()
    change.rows = index_rows(resource_type, stamped)
    return change


def _same(change: Change, current: Current) -> bool:
    if change.resource is None or current.deleted:
        return change.resource is None and current.deleted
    stamped = _stamp(change.resource, change.fhir_id, current.version, current.last_updated)
    return jsontext.serialise(stamped).decode() == current.text


def _stamp(resource: dict[str, Any], fhir_id: str, version: int, last_updated: int) -> dict[str, Any]:
    """https://hl7.org/fhir/R4/resource.html#Meta: versionId and lastUpdated are the server's, the rest the client's."""
    own = {"versionId": str(version), "lastUpdated": instant(last_updated)}
    meta = {**own, **{key: value for key, value in resource.get("meta", {}).items() if key not in own}}
    head = {"resourceType": resource["resourceType"], "id": fhir_id, "meta": meta}
    return {**head, **{key: value for key, value in resource.items() if key not in head}}


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
            rows = IndexRows() if deleted else index_rows(resource_type, jsontext.parse(text.encode()))
            found[resource_type, fhir_id] = Current(number, version, updated, bool(deleted), text, rows)
    return found


def _locked_rows(cursor: Any, addresses: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    columns = "r.type, r.fhir_id, r.id, r.version, r.last_updated, r.deleted, r.text"
    if connection.vendor == "postgresql":
        cursor.execute(
            f"SELECT {columns} FROM unnest(%s::text[], %s::text[]) AS w(type, fhir_id) JOIN fhir_resource r "  # noqa: S608
            'ON r.type = w.type COLLATE "C" AND r.fhir_id = w.fhir_id COLLATE "C" ORDER BY r.id FOR UPDATE OF r',
            [text_array(part) for part in zip(*addresses, strict=True)] if addresses else ["{}", "{}"],
        )
        return list(cursor.fetchall())
    rows: list[tuple[Any, ...]] = []
    for address in addresses:
        cursor.execute(f"SELECT {columns} FROM fhir_resource r WHERE r.type = %s AND r.fhir_id = %s", address)  # noqa: S608
        rows.extend(cursor.fetchall())
    return rows


def apply(access: Access, changes: Sequence[Change]) -> None:
    """Write the changes that change something: all, or none if an exception leaves this function.

    Only inside `transaction`, and not twice for one resource. Superseded versions are kept, index rows follow.
    Raises AccessLapsed, and IntegrityError where somebody else has made a resource with the same id meanwhile.
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
    alive = guard(access)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _write_arrays(cursor, alive, superseded, resources, removed, added)
        else:
            _write_rows(cursor, alive, superseded, resources, removed, added)


Rows = dict[Table, list[Row]]


def _index_differences(changes: list[Change]) -> tuple[Rows, Rows]:
    """The index rows to be removed and to be added."""
    removed: Rows = {table: [] for table in INDEX_TABLES}
    added: Rows = {table: [] for table in INDEX_TABLES}
    for change in changes:
        after = _spread(change, change.rows)
        if change.current is None:
            for table, rows in after:
                added[table].extend(rows)
            continue
        for (table, rows), (_, old) in zip(after, _spread(change, change.current.rows), strict=True):
            # Compared by key and content, since two rows may differ in a column outside the key.
            is_now = {row[: table.key]: row for row in reversed(rows)}
            was = {row[: table.key]: row for row in reversed(old)}
            removed[table].extend(row for key, row in was.items() if is_now.get(key) != row)
            added[table].extend(row for key, row in is_now.items() if was.get(key) != row)
    return removed, added


def _spread(change: Change, rows: IndexRows) -> list[tuple[Table, list[Row]]]:
    """The rows of each index table, whole."""
    patient, date, number = rows.patient, rows.date, change.number
    kind = TYPE_NUMBERS[change.type]
    return [
        (TOKENS, [(key, patient, date, number, system, rows.high) for key, system in rows.tokens]),
        (REFERENCES, [(key, patient, date, number, target) for key, target in rows.references]),
        (STRINGS, [(key, patient, date, number, *rest) for key, *rest in rows.strings]),
        (DATES, [(key, patient, date, number, low, high) for key, low, high in rows.dates]),
        (QUANTITIES, [(key, patient, date, number, *rest) for key, *rest in sorted(rows.quantities)]),
        (COMPARTMENTS, [(key, kind, date, number) for key in rows.compartments]),
    ]


def _resource_row(change: Change) -> Row:
    return (
        change.number,
        change.type,
        change.fhir_id,
        reference_key(change.type, change.fhir_id),
        change.version,
        change.last_updated,
        change.method,
        change.resource is None,
        change.rows.patient,
        change.rows.date,
        change.text,
    )


_UPSERT = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name, _ in RESOURCES.columns if name not in ("id", "type", "fhir_id", "key")
)
_KEEP = (
    "INSERT INTO fhir_resourceversion (resource_id, version, last_updated, method, deleted, text) "
    "SELECT o.id, o.version, o.last_updated, o.method, o.deleted, o.text FROM fhir_resource o"
)


def _array_statement(alive: str) -> str:
    """One statement that keeps superseded versions, writes resources and adds index rows, if the guard holds."""
    parts = [
        f"g AS MATERIALIZED (SELECT {alive} AS alive)",
        f"v AS ({_KEEP}, g WHERE g.alive AND o.id = ANY(%s::bigint[]))",
        f"r AS (INSERT INTO {RESOURCES.name} ({RESOURCES.names}) "  # noqa: S608
        f"SELECT u.* FROM {RESOURCES.unnested(len(RESOURCES.columns))} u, g WHERE g.alive {_UPSERT})",
    ]
    parts += [
        f"i{position} AS (INSERT INTO {table.name} ({table.names}) "  # noqa: S608
        f"SELECT u.* FROM {table.unnested(len(table.columns))} u, g WHERE g.alive ON CONFLICT DO NOTHING)"
        for position, table in enumerate(INDEX_TABLES)
    ]
    return f"WITH {', '.join(parts)} SELECT alive FROM g"  # noqa: S608


def _removal_statement() -> str:
    """One statement that deletes the index rows with given keys from all tables."""
    parts = []
    for position, table in enumerate(INDEX_TABLES):
        names = [name for name, _ in table.columns[: table.key]]
        match = " AND ".join(f"i.{name} = u.{name}" for name in names)
        parts.append(
            f"d{position} AS (DELETE FROM {table.name} i USING {table.unnested(table.key)} "  # noqa: S608
            f"AS u({', '.join(names)}) WHERE {match})"
        )
    return f"WITH {', '.join(parts)} SELECT 1"


_REMOVAL = _removal_statement()


def _write_arrays(
    cursor: Any, alive: Condition, superseded: list[int], resources: list[Row], removed: Rows, added: Rows
) -> None:
    """PostgreSQL: removals first, in a statement of their own, since a key may come again."""
    if any(removed.values()):
        cursor.execute(_REMOVAL, [value for table, rows in removed.items() for value in literals(table, rows, table.key)])
    params: list[object] = [*alive.params, array(superseded)]
    params += literals(RESOURCES, resources, len(RESOURCES.columns))
    params += [value for table, rows in added.items() for value in literals(table, rows, len(table.columns))]
    cursor.execute(_array_statement(alive.sql), params)
    if not cursor.fetchone()[0]:
        raise AccessLapsed


def _write_rows(
    cursor: Any, alive: Condition, superseded: list[int], resources: list[Row], removed: Rows, added: Rows
) -> None:
    """SQLite: many rows of one table at a time."""
    cursor.execute(f"SELECT {alive.sql}", alive.params)
    if not cursor.fetchone()[0]:
        raise AccessLapsed
    for table, rows in removed.items():
        if rows:
            cursor.executemany(table.removal(), [row[: table.key] for row in rows])
    if superseded:
        cursor.executemany(f"{_KEEP} WHERE o.id = %s", [(number,) for number in superseded])
    if resources:
        marks = ", ".join(["%s"] * len(RESOURCES.columns))
        cursor.executemany(
            f"INSERT INTO {RESOURCES.name} ({RESOURCES.names}) VALUES ({marks}) {_UPSERT}",  # noqa: S608
            resources,
        )
    for table, rows in added.items():
        if rows:
            cursor.executemany(table.insertion(), rows)

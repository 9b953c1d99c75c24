"""Reading resources and their versions, never without an Access."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection

from fhir import jsontext
from fhir.access import Access
from fhir.condition import NEVER, Condition
from fhir.enforcement import AccessLapsed, guard, sees, visible
from fhir.exchange import Shown
from fhir.hashing import MIXED
from fhir.indexing import IndexRows, index_rows
from fhir.rows import fetched


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource: `number` counts from 1, `last_updated` is in microseconds since 1970.

    `text` is the JSON as it is served; empty where this version is a deletion. `patient` is the digest of the
    one patient that it belongs to, NONE, or MIXED where its text has to be asked.
    """

    number: int
    last_updated: int
    method: str
    deleted: bool
    text: str
    patient: int

    def shown(self, resource_type: str, fhir_id: str) -> Shown:
        """This version as one that an answer tells of."""
        text = self.text if self.patient == MIXED else ""
        return resource_type, fhir_id, self.number, self.patient, text


def read(access: Access, resource_type: str, fhir_id: str, known: Condition = NEVER) -> Version | None:
    """The current version if it is there and visible; a deletion only if what was deleted was visible.

    Where the condition `known` holds for its row `r` the text stays behind and is empty. One statement: the
    guard, the visibility and the text. Raises AccessLapsed where the guard does not hold.
    """
    reach = visible(access, resource_type, "r")
    row = _one(guard(access), reach, known, resource_type, fhir_id)
    if row is None:
        return None
    version = _version(row[1:])
    if version.deleted and not _saw_last(access, resource_type, fhir_id):
        return None
    return version


def _version(row: tuple[Any, ...]) -> Version:
    number, updated, method, deleted, text, patient = row
    return Version(number, updated, method, bool(deleted), text, patient)


def _saw_last(access: Access, resource_type: str, fhir_id: str) -> bool:
    """Whether a deleted resource was visible before it was deleted."""
    last = last_content(resource_type, fhir_id)
    return last is not None and sees(access, resource_type, fhir_id, lambda: last)


def _one(
    alive: Condition, reach: Condition, known: Condition, resource_type: str, fhir_id: str
) -> tuple[Any, ...] | None:
    statement = _statement(alive.sql, reach.sql, known.sql)
    [row] = fetched(statement, (*known.params, *alive.params, resource_type, fhir_id, *reach.params))
    if not row[0]:
        raise AccessLapsed
    return None if row[1] is None else row


@lru_cache(maxsize=512)
def _statement(alive: str, reach: str, known: str) -> str:
    """One and the same text for the same conditions: the database's library finds what it has prepared by
    it."""
    text = "r.text" if known == NEVER.sql else f"CASE WHEN {known} THEN '' ELSE r.text END"
    return (
        f"SELECT g.alive, r.version, r.last_updated, r.method, r.deleted, {text}, r.patient "
        f"FROM (SELECT {alive} AS alive LIMIT 1) g LEFT JOIN fhir_resource r "
        f"ON g.alive AND r.type = %s AND r.fhir_id = %s AND (r.deleted OR {reach})"
    )


def versions(
    access: Access,
    resource_type: str,
    fhir_id: str,
    *,
    before: int | None = None,
    only: int | None = None,
    since: int = 0,
    at: tuple[int, int] | None = None,
) -> list[Version] | None:
    """The versions that this access may see, newest first, or None if the resource itself is out of its
    reach.

    Each is judged on its own content, and the resource on what it is now (or was last, if it is deleted).
    `before` leaves out that version and all above it, `only` all but that one, `since` all older than these
    microseconds, `at` all that were current at no moment between these (both included). A deletion is shown
    where the version that it ended is.
    """
    current = read(access, resource_type, fhir_id)
    if current is None:
        return None
    found: list[Version] = []
    seen = False
    past = _past(resource_type, fhir_id)
    ended = {old.number: new.last_updated for old, new in zip(past, (current, *past), strict=False)}
    for version in reversed((current, *past)):
        seen = seen if version.deleted else _sees(access, resource_type, fhir_id, version)
        wanted = (before is None or version.number < before) and only in (None, version.number)
        in_time = version.last_updated >= since and _was_current(version, ended.get(version.number), at)
        if seen and wanted and in_time:
            found.append(version)
    return found[::-1]


def _was_current(version: Version, ended: int | None, at: tuple[int, int] | None) -> bool:
    return at is None or (version.last_updated <= at[1] and (ended is None or ended > at[0]))


def _sees(access: Access, resource_type: str, fhir_id: str, version: Version) -> bool:
    return sees(access, resource_type, fhir_id, lambda: _content(resource_type, version))


def _content(resource_type: str, version: Version) -> IndexRows:
    return index_rows(resource_type, jsontext.parse(version.text.encode()))


def last_content(resource_type: str, fhir_id: str) -> IndexRows | None:
    """The index rows of what a deleted resource was before, None if there is no such thing. For decisions
    only."""
    last = next((version for version in _past(resource_type, fhir_id) if not version.deleted), None)
    return _content(resource_type, last) if last else None


def _past(resource_type: str, fhir_id: str) -> list[Version]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT v.version, v.last_updated, v.method, v.deleted, v.text, {MIXED} "
            "FROM fhir_resourceversion v JOIN fhir_resource r ON r.id = v.resource_id "
            "WHERE r.type = %s AND r.fhir_id = %s ORDER BY v.version DESC",
            (resource_type, fhir_id),
        )
        return [_version(row) for row in cursor.fetchall()]

"""What was deleted since the last export, as far as the caller could see it before.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---output-manifest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection

from fhir import store
from fhir.access import Access
from fhir.enforcement import AccessLapsed, guard, sees
from fhir.export.models import ExportJob
from fhir.indexing import IndexRows
from fhir.jsontext import serialise

ENTRIES = 500
"""How many deletions one Bundle names."""


def gone(access: Access, job: ExportJob, members: frozenset[int] | None) -> list[tuple[str, str]]:
    """Type and id of each resource that was deleted since `job.since`.

    Judged on the content that was deleted: by the rights, and by whose it was. Raises AccessLapsed.
    """
    return [place for place in _deleted(access, job) if _concerns(access, job, members, place)]


def bundles(gone: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Bundles of type transaction with a DELETE for each of these."""
    for start in range(0, len(gone), ENTRIES):
        entries = [
            {"request": {"method": "DELETE", "url": f"{kind}/{fhir_id}"}}
            for kind, fhir_id in gone[start : start + ENTRIES]
        ]
        yield serialise({"resourceType": "Bundle", "type": "transaction", "entry": entries}).decode()


def _deleted(access: Access, job: ExportJob) -> list[tuple[str, str]]:
    alive = guard(access)
    names = ", ".join(["%s"] * len(job.types))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT g.alive, r.type, r.fhir_id "
            f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g LEFT JOIN fhir_resource r "
            f"ON g.alive AND r.type IN ({names}) AND r.last_updated >= %s AND r.deleted "
            "ORDER BY r.type, r.id",
            (*alive.params, *job.types, job.since),
        )
        rows = cursor.fetchall()
    if not rows[0][0]:
        raise AccessLapsed
    return [row[1:] for row in rows if row[1] is not None]


def _concerns(access: Access, job: ExportJob, members: frozenset[int] | None, place: tuple[str, str]) -> bool:
    last = store.last_content(*place)
    if last is None:
        return False
    if job.level != ExportJob.Level.SYSTEM and not _is_theirs(last, members):
        return False
    return sees(access, *place, lambda: last)


def _is_theirs(last: IndexRows, members: frozenset[int] | None) -> bool:
    """Whether it belonged to one of the patients that the export is about (None: to any)."""
    return bool(last.compartments if members is None else last.compartments & members)

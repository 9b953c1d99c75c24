"""Superseded versions: one for each number below the current one, each with its own stamp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection

from fhir.index_check.differences import Difference, Kind
from fhir.index_check.staging import of_types
from fhir.index_check.stored import is_stamped

Version = tuple[int, str, str, int, int, bool, str]
"""The resource's row, its type and id, version, last_updated, deleted, and the beginning of the text."""

BATCH = 5000
HEAD = 300
"""How many characters of a text are looked at: its stamp is shorter."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A batch of versions: how many, and what is wrong with them."""

    looked_at: int
    differences: list[Difference]


def gaps(low: int, high: int, types: Sequence[str]) -> list[Difference]:
    """The resources with these row numbers, `high` excluded, whose superseded versions are not exactly those
    from 1 to the one before the current."""
    chosen = of_types("r.type", types)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.type, r.fhir_id, r.version, coalesce(v.held, 0) FROM fhir_resource r LEFT JOIN "
            "(SELECT resource_id, count(*) AS held, min(version) AS least, max(version) AS most "
            "FROM fhir_resourceversion WHERE resource_id >= %s AND resource_id < %s GROUP BY resource_id) v "
            f"ON v.resource_id = r.id WHERE r.id >= %s AND r.id < %s AND {chosen.sql} "
            "AND (coalesce(v.held, 0) <> r.version - 1 OR v.least <> 1 OR v.most <> r.version - 1) "
            "ORDER BY r.id",
            (low, high, low, high, *chosen.params),
        )
        rows = cursor.fetchall()
    return [
        Difference(Kind.VERSIONS, f"{kind}/{fhir_id}", f"{held} versions before version {version}")
        for kind, fhir_id, version, held in rows
    ]


def wrong_stamps(low: int, high: int, types: Sequence[str]) -> Iterator[Looked]:
    """The superseded versions of the resources with these row numbers, batch by batch."""
    place = (low, 0)
    while True:
        rows = _batch(place, high, types)
        wrong = [
            Difference(Kind.STAMP, f"{row[1]}/{row[2]}", f"text of version {row[3]}")
            for row in rows
            if not is_stamped(*row[1:])
        ]
        yield Looked(len(rows), wrong)
        if len(rows) < BATCH:
            return
        place = rows[-1][0], rows[-1][3]


def _batch(behind: tuple[int, int], high: int, types: Sequence[str]) -> list[Version]:
    chosen = of_types("r.type", types)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.resource_id, r.type, r.fhir_id, v.version, v.last_updated, v.deleted, "
            f"substr(v.text, 1, {HEAD}) FROM fhir_resourceversion v "
            "JOIN fhir_resource r ON r.id = v.resource_id "
            f"WHERE (v.resource_id, v.version) > (%s, %s) AND v.resource_id < %s AND {chosen.sql} "
            f"ORDER BY v.resource_id, v.version LIMIT {BATCH}",
            (*behind, high, *chosen.params),
        )
        rows: list[Version] = cursor.fetchall()
    return rows

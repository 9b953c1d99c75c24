"""What belongs to no patient, and is needed to understand a patient's data: practitioners, organizations,
medications.

Only what resources that the caller gets refer to, so that nothing is learned of resources that the caller
may not see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache

from fhir.access import Access
from fhir.condition import NEVER, Condition
from fhir.enforcement import AccessLapsed, guard
from fhir.hashing import digest
from fhir.registry import SHARED_TYPES, search_parameters
from fhir.search.engine import Hit
from fhir.search.rowsets import among, rows_of
from fhir.search.time_limit import fetch

ROUNDS = 3
"""How far references between such resources are followed: role, its practitioner, that one's organization."""

Place = tuple[str, int, int, int]
"""A resource's type and the columns (id, patient, date) that its index rows share."""


@cache
def _hashes(resource_type: str) -> tuple[int, ...]:
    """What the index rows of the references from this type to shared types are found by."""
    return tuple(
        digest(resource_type, parameter.code)
        for parameter in search_parameters(resource_type).values()
        if parameter.type == "reference" and not SHARED_TYPES.isdisjoint(parameter.targets)
    )


def targets(places: Iterable[Place]) -> set[int]:
    """The digests of what these resources refer to by their references to shared types."""
    rows = [
        (hashed, patient, date, number)
        for resource_type, number, patient, date in places
        for hashed in _hashes(resource_type)
    ]
    if not rows:
        return set()
    wanted = rows_of("p(hash, patient, date, id)", rows)
    found = fetch(
        f"SELECT DISTINCT x.target FROM {wanted.sql} JOIN fhir_referenceindex x ON x.hash = p.hash "
        "AND x.patient = p.patient AND x.date = p.date AND x.resource_id = p.id",
        wanted.params,
    )
    return {row[0] for row in found}


def resources(access: Access, keys: Collection[int], reach: Condition, since: int = 0) -> list[Hit]:
    """The resources with these digests that lie within `reach`, a condition on `r`. Raises AccessLapsed.

    Those that were not changed since then (microseconds since 1970) come without their text.
    """
    if not keys or reach is NEVER:
        return []
    alive, chosen = guard(access), among(sorted(keys))
    rows = fetch(
        "SELECT g.alive, r.id, r.patient, r.date, r.type, r.fhir_id, "
        "CASE WHEN r.last_updated >= %s THEN r.text ELSE '' END, r.version "
        f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g LEFT JOIN fhir_resource r "
        f"ON g.alive AND r.key {chosen.sql} AND NOT r.deleted AND {reach.sql} ORDER BY r.type, r.id",
        (since, *alive.params, *chosen.params, *reach.params),
    )
    if not rows[0][0]:
        raise AccessLapsed
    return [Hit(*row[1:]) for row in rows if row[1] is not None]


def place(hit: Hit) -> Place:
    """Where the index rows of a found resource are."""
    return hit.type, hit.number, hit.patient, hit.date


def follow(access: Access, start: Iterable[Hit], reach: Condition, limit: int) -> tuple[list[Hit], bool]:
    """What these resources refer to, and what that refers to, none twice; and whether this is all.

    At most `limit` resources, and two statements for each of three rounds, whatever there is.
    """
    found: list[Hit] = []
    seen: set[int] = set()
    latest = list(start)
    for _ in range(ROUNDS):
        keys = targets(map(place, latest)) - seen
        seen |= keys
        latest = resources(access, keys, reach)
        found += latest
        if len(found) > limit:
            return found[:limit], False
        if not latest:
            break
    return found, True

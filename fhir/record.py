"""A patient's record, read page by page along the rows of the patient's compartment.

The key of these rows is the order of the pages: type, main date, number. A page is one statement however
long the record is, and begins behind the last row of the page before, whatever was added or removed
meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from fhir.access import Access
from fhir.condition import NEVER, Condition
from fhir.enforcement import AccessLapsed, guard
from fhir.hashing import digest
from fhir.reach import Reach, one_of
from fhir.registry import main_date
from fhir.search.criteria import all_of
from fhir.search.engine import Hit
from fhir.search.rowsets import among, rows_of
from fhir.search.sorting import Key, Order
from fhir.search.time_limit import fetch
from fhir.tables import TYPE_NUMBERS

_PEOPLE = ("Patient", "Person", "RelatedPerson")
"""Types whose main date is a birth, which is no date of care."""

Place = tuple[int, int, int]
"""Where a page ends: the number of the type, the main date in microseconds since 1970, the row's number."""


@dataclass(frozen=True, slots=True)
class Care:
    """Which part of a record is wanted, in microseconds since 1970: `since` when it was last changed,
    `start` and `end` when the care took place. What has no date of care, as a person has none, is part of
    every period."""

    since: int = 0
    start: int | None = None
    end: int | None = None


def order(fingerprint: int) -> Order:
    """The order of the pages, for cursors that are good for one question, named by its fingerprint."""
    return Order((Key(Condition("c.type"), False, int), Key(Condition("c.date"), False, int)), fingerprint)


def page(
    access: Access, patient: int, reaches: Reach, care: Care, behind: tuple[object, ...] | None, size: int
) -> tuple[list[Hit], Place | None]:
    """Up to `size` resources in the compartment of the patient with this digest, and the place where more
    follow.

    Raises AccessLapsed where the guard does not hold, FhirError (504) where it takes too long.
    """
    reach = one_of(reaches)
    if reach is NEVER:
        return [], None
    kinds = among(sorted(TYPE_NUMBERS[name] for name in reaches))
    where = all_of(
        [
            Condition(f"c.patient = %s AND c.type {kinds.sql}", (patient, *kinds.params)),
            *([Condition("(c.type, c.date, c.resource_id) > (%s, %s, %s)", behind)] if behind else []),
            *([Condition("r.last_updated >= %s", (care.since,))] if care.since else []),
            *_period(care),
            reach,
        ]
    )
    alive = guard(access)
    rows = fetch(
        "SELECT g.alive, p.kind, p.date, p.id, p.patient, p.type, p.fhir_id, p.text, p.version "
        f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g LEFT JOIN ("
        "SELECT c.type AS kind, c.date, r.id, r.patient, r.type, r.fhir_id, r.text, r.version "
        "FROM fhir_compartment c JOIN fhir_resource r ON r.id = c.resource_id "
        f"WHERE {where.sql} AND NOT r.deleted ORDER BY c.type, c.date, c.resource_id LIMIT {size + 1}"
        ") p ON g.alive ORDER BY p.kind, p.date, p.id",
        (*alive.params, *where.params),
    )
    if not rows[0][0]:
        raise AccessLapsed
    found = [row for row in rows if row[1] is not None]
    hits = [Hit(row[3], row[4], row[2], *row[5:]) for row in found[:size]]
    return hits, found[size - 1][1:4] if len(found) > size else None


def _period(care: Care) -> list[Condition]:
    people = among([TYPE_NUMBERS[name] for name in _PEOPLE])
    undated = Condition(f"c.date = 0 OR c.type {people.sql}", people.params)
    found = []
    if care.end is not None:
        found.append(Condition(f"({undated.sql} OR c.date <= %s)", (*undated.params, care.end)))
    if care.start is not None:
        dates = rows_of("m(type, hash)", _main_dates())
        found.append(
            Condition(
                f"({undated.sql} OR c.date >= %s OR EXISTS (SELECT 1 "
                f"FROM {dates.sql} JOIN fhir_dateindex d ON d.hash = m.hash WHERE m.type = c.type "
                "AND d.patient = r.patient AND d.date = r.date AND d.resource_id = r.id AND d.high >= %s))",
                (*undated.params, care.start, *dates.params, care.start),
            )
        )
    return found


@cache
def _main_dates() -> tuple[tuple[int, int], ...]:
    """For each type with a main date its number, and the hash of that date's index rows."""
    return tuple(
        (number, digest(name, main.code))
        for name, number in TYPE_NUMBERS.items()
        if (main := main_date(name))
    )

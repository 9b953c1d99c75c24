"""The versions of many resources, newest first: those that there are, and those that were superseded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from fhir import jsontext
from fhir.access import Access
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.enforcement import AccessLapsed, guard, sees, visible
from fhir.hashing import MIXED, NONE, reference_key
from fhir.indexing import IndexRows, index_rows
from fhir.reach import one_of
from fhir.registry import compartment_class
from fhir.search.criteria import all_of
from fhir.search.rowsets import among
from fhir.search.time_limit import end_of_time, fetch
from fhir.store.reading import Version
from fhir.tables import TYPE_NUMBERS

BATCH = 100
"""How many versions the first statement looks at, at least, where each has to be judged; the next ones look
at ever more."""
LARGEST_BATCH = 2000
FEW = 20
"""Of so many patients the records are small beside the repository."""

_COLUMNS = "type, fhir_id, id, version, last_updated, method, deleted, text, patient, gone, latest"


class Moment(NamedTuple):
    """A place in the order of a history: microseconds since 1970, the resource's row, the version."""

    last_updated: int
    row: int
    version: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which versions are wanted: made at `since` or later, current at some moment of `at`, and older in the
    order than `behind`. In microseconds since 1970."""

    since: int = 0
    at: tuple[int, int] | None = None
    behind: Moment | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A version and the resource that it is one of; `row` is the number of the resource's row."""

    type: str
    fhir_id: str
    row: int
    version: Version


def changes(access: Access, types: tuple[str, ...], window: Window, size: int) -> list[Found]:
    """Up to `size` versions of resources of these types that this access may find, newest first.

    Each is judged on its own content, and its resource on what it is now, or was last if it is deleted. A
    deletion is shown where what it ended is. Raises AccessLapsed where the guard does not hold, FhirError
    (504) where it takes too long.
    """
    whole = frozenset(name for name in types if visible(access, name, "s") is ALWAYS)
    found: list[Found] = []
    until = end_of_time()
    wanted = max(size, BATCH)
    while True:
        rows = _rows(access, types, window, size if len(whole) == len(types) else wanted, until)
        found += (_found(row) for row in rows if row[0] in whole or _judge(access, row))
        if len(found) >= size or not rows or len(rows) < wanted:
            return found[:size]
        last = rows[-1]
        wanted = min(2 * wanted, LARGEST_BATCH)
        window = Window(window.since, window.at, Moment(last[4], last[2], last[3]))


def _found(row: tuple[Any, ...]) -> Found:
    kind, fhir_id, number, version, updated, method, deleted, text, patient = row[:9]
    return Found(kind, fhir_id, number, Version(version, updated, method, bool(deleted), text, patient))


def _judge(access: Access, row: tuple[Any, ...]) -> bool:
    """Whether a version may be seen; of resources that are there only those within reach have come so far."""
    kind, fhir_id, deleted, text, gone, latest, ended = row[0], row[1], row[6], row[7], *row[9:12]
    texts = [ended if deleted else text, *([latest] if gone else [])]
    return all(_sees(access, kind, fhir_id, each) for each in texts)


def _sees(access: Access, resource_type: str, fhir_id: str, text: str | None) -> bool:
    def content() -> IndexRows:
        return index_rows(resource_type, jsontext.parse((text or "").encode()))

    return bool(text) and sees(access, resource_type, fhir_id, content, letter="s")


def _rows(
    access: Access, types: tuple[str, ...], window: Window, limit: int, until: float
) -> list[tuple[Any, ...]]:
    """The next versions whose resources are within reach as they are now, or deleted.

    The last column is what a deletion ended, `latest` what a deleted resource was last.
    """
    parts = [part for reach, few in _reaches(access, types) for part in _sources(reach, few, window, limit)]
    union = " UNION ALL ".join(f"SELECT * FROM ({part.sql}) u{place}" for place, part in enumerate(parts))
    alive = guard(access)
    rows = fetch(
        "SELECT g.alive, h.*, CASE WHEN h.deleted THEN (SELECT e.text FROM fhir_resourceversion e "
        "WHERE e.resource_id = h.id AND e.version = h.version - 1) END AS ended "
        f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g LEFT JOIN (SELECT {_COLUMNS} FROM ({union}) a "
        f"ORDER BY last_updated DESC, id DESC, version DESC LIMIT {limit}) h ON g.alive "
        "ORDER BY h.last_updated DESC, h.id DESC, h.version DESC",
        (*alive.params, *(value for part in parts for value in part.params)),
        until,
    )
    if not rows[0][0]:
        raise AccessLapsed
    return [row[1:] for row in rows if row[1] is not None]


def _reaches(access: Access, types: tuple[str, ...]) -> Iterator[tuple[Condition, bool]]:
    """The conditions that a resource `r` is one whose versions are to be looked at; together they are all.
    With each, whether such resources are few."""
    reaches = {name: visible(access, name, "s") for name in types}
    whole = {name: reach for name, reach in reaches.items() if reach is ALWAYS}
    if len(whole) == len(types) > 1 and len(types) == len(TYPE_NUMBERS):
        yield ALWAYS, False
        return
    if whole:
        yield one_of(whole), False
    limited = {name: reach for name, reach in reaches.items() if reach not in (ALWAYS, NEVER)}
    within = {name: reach for name, reach in limited.items() if _lies_in_compartments(access, name)}
    others = {name: reach for name, reach in limited.items() if name not in within}
    if within:
        few = len(_patients(access, within)) <= FEW
        yield all_of((Condition("NOT r.deleted"), _compartments(access, within), one_of(within))), few
        yield all_of((_ended(access, within), one_of(dict.fromkeys(within, ALWAYS)))), few
    if others:
        yield all_of((Condition("NOT r.deleted"), one_of(others))), False
        yield all_of((Condition("r.deleted"), one_of(dict.fromkeys(others, ALWAYS)))), False
    if not limited and not whole:
        # The guard still has to be asked.
        yield NEVER, False


def _lies_in_compartments(access: Access, resource_type: str) -> bool:
    """Whether all that may be found of this type lies in the compartments of patients that are named."""
    rules = access.rules_for(resource_type, "s")
    return compartment_class(resource_type) == "compartment" and all(
        rule.patients is not None for rule in rules
    )


def _patients(access: Access, limited: dict[str, Condition]) -> list[int]:
    """The digests of the patients whose compartments hold what is within reach of these types."""
    rules = [rule for name in limited for rule in access.rules_for(name, "s")]
    patients = frozenset[str]().union(*(rule.patients or () for rule in rules))
    return sorted(reference_key("Patient", patient) for patient in patients)


def _ended(access: Access, limited: dict[str, Condition]) -> Condition:
    """What was deleted and may have been in the patients' compartments.

    A deleted resource keeps its last patient; MIXED tells of several. NONE has what was nobody's, or was
    deleted before deletions kept it, unless `manage.py check_fhir_index --repair` has put it in since.
    """
    keys = among([NONE, MIXED, *_patients(access, limited)])
    return Condition(f"r.deleted AND r.patient {keys.sql}", keys.params)


def _compartments(access: Access, limited: dict[str, Condition]) -> Condition:
    """What lets the search begin at the patients' compartments."""
    keys = among(_patients(access, limited))
    kinds = among(sorted(TYPE_NUMBERS[name] for name in limited))
    return Condition(
        "r.id IN (SELECT c.resource_id FROM fhir_compartment c "
        f"WHERE c.patient {keys.sql} AND c.type {kinds.sql})",
        (*keys.params, *kinds.params),
    )


def _sources(reach: Condition, few: bool, window: Window, limit: int) -> Iterator[Condition]:
    """The current and the superseded versions of these resources, the newest of each.

    The versions of `few` resources are found by these and sorted: the sum is in no index, else PostgreSQL
    would walk through the versions of all resources, newest first, until it has met enough of theirs.
    """
    newest_first = "+ 0 DESC" if few else "DESC"
    latest = (
        "CASE WHEN r.deleted THEN (SELECT l.text FROM fhir_resourceversion l "
        "WHERE l.resource_id = r.id AND l.version = r.version - 1) END AS latest"
    )
    for alias, row, past in (("r", "r.id", ""), ("v", "v.resource_id", "fhir_resourceversion v JOIN ")):
        # Whose a superseded version was only its text says.
        patient = MIXED if past else "r.patient"
        where = all_of((reach, *_within(alias, row, window)))
        join = " ON r.id = v.resource_id" if past else ""
        yield Condition(
            f"SELECT r.type, r.fhir_id, r.id, {alias}.version, {alias}.last_updated, {alias}.method, "
            f"{alias}.deleted, {alias}.text, {patient} AS patient, r.deleted AS gone, {latest} "
            f"FROM {past}fhir_resource r{join} WHERE {where.sql} "
            f"ORDER BY {alias}.last_updated {newest_first}, {row} DESC, {alias}.version DESC LIMIT {limit}",
            where.params,
        )


def _within(alias: str, row: str, window: Window) -> Iterator[Condition]:
    if window.since:
        yield Condition(f"{alias}.last_updated >= %s", (window.since,))
    if window.behind:
        place = f"({alias}.last_updated, {row}, {alias}.version)"
        yield Condition(f"{place} < (%s, %s, %s)", tuple(window.behind))
    if window.at is None:
        return
    yield Condition(f"{alias}.last_updated <= %s", (window.at[1],))
    if alias == "v":
        successor = (
            "SELECT n.last_updated FROM fhir_resourceversion n "
            "WHERE n.resource_id = v.resource_id AND n.version = v.version + 1"
        )
        yield Condition(f"COALESCE(({successor}), r.last_updated) > %s", (window.at[0],))

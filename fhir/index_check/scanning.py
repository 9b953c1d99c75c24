"""Walks through all resources in the order of their rows, range by range, and finds the suspects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import orjson
from django.db import connection

from fhir.index_check import staging, versions
from fhir.index_check.differences import Difference, Kind
from fhir.index_check.settling import settle
from fhir.index_check.stored import COLUMNS, Stored, UnreadableError, extracted, wrong_columns
from fhir.tables import INDEX_TABLES, Row, Table, spread

RANGE = 250_000
"""How many row numbers are copied together: each range reads the index tables once."""
BATCH = 1000
"""How many resources are in memory together, with their index rows."""

_FIRST, _LAST = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Counts:
    """What has been looked at, and the differences by kind: all, and those that were mended."""

    resources: int = 0
    rows: int = 0
    superseded: int = 0
    differences: Counter[Kind] = field(default_factory=Counter)
    mended: Counter[Kind] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How many differences there still are."""
        return self.differences.total() - self.mended.total()


def check(
    types: Sequence[str],
    *,
    mend: bool,
    report: Callable[[Difference], None],
    progress: Callable[[Counts], None],
) -> Counts:
    """Check all resources of these types (none: all resources, and all index rows), and mend them if asked.

    `report` gets each difference, `progress` the counts so far, after each batch. Memory and temporary space
    do not grow with the repository. What others write meanwhile is no difference.
    """
    counts = Counts()
    staging.prepare()
    try:
        for low, high in _ranges():
            counts.rows += staging.fill(low, high, types)
            for difference in _differences(low, high, types, mend, counts, progress):
                counts.differences[difference.kind] += 1
                counts.mended[difference.kind] += difference.mended
                report(difference)
    finally:
        staging.drop()
    return counts


def total(types: Sequence[str]) -> int:
    """How many resources there are to check, deleted ones included."""
    chosen = staging.of_types("type", types)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM fhir_resource WHERE {chosen.sql}", chosen.params)
        (count,) = cursor.fetchone()
    return int(count)


def _ranges() -> Iterator[tuple[int, int]]:
    """Ranges of row numbers that together hold every number there can be; of each the end is excluded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM fhir_resource")
        least, most = cursor.fetchone()
    cuts = [_FIRST, *range(least + RANGE, most + 1, RANGE), _LAST]
    yield from pairwise(cuts)


def _differences(
    low: int,
    high: int,
    types: Sequence[str],
    mend: bool,
    counts: Counts,
    progress: Callable[[Counts], None],
) -> Iterator[Difference]:
    yield from versions.gaps(low, high, types)
    for found in versions.wrong_stamps(low, high, types):
        counts.superseded += found.looked_at
        yield from found.differences
    while low < high:
        resources = _batch(low, high, types)
        # What lies between the last one of this batch and the next one belongs to no resource.
        behind = resources[-1].number + 1 if len(resources) == BATCH else high
        numbers, surplus = _suspects(resources, staging.rows(low, behind))
        yield from settle(numbers, surplus, mend=mend)
        counts.resources += len(resources)
        progress(counts)
        low = behind


def _batch(low: int, high: int, types: Sequence[str]) -> list[Stored]:
    chosen = staging.of_types("r.type", types)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM fhir_resource r WHERE r.id >= %s AND r.id < %s AND {chosen.sql} "
            f"ORDER BY r.id LIMIT {BATCH}",
            (low, high, *chosen.params),
        )
        return [Stored(*row) for row in cursor.fetchall()]


def _suspects(
    resources: Sequence[Stored], found: dict[Table, set[Row]]
) -> tuple[set[int], dict[Table, list[Row]]]:
    """The numbers of resources that are not as they should be, and the rows that should not be there."""
    numbers: set[int] = set()
    expected: dict[Table, set[Row]] = {table: set() for table in INDEX_TABLES}
    for stored in resources:
        try:
            # What reading gives exactly, with each number's digits, makes no difference to index rows.
            rows = extracted(stored, orjson.loads)
        except UnreadableError:
            numbers.add(stored.number)
            continue
        if not stored.is_stamped or wrong_columns(stored, rows):
            numbers.add(stored.number)
        for table, made in spread(stored.type, stored.number, rows):
            expected[table].update(made)
    surplus: dict[Table, list[Row]] = {table: [] for table in INDEX_TABLES}
    for table, rows_there in found.items():
        if rows_there == expected[table]:
            continue
        surplus[table] = list(rows_there - expected[table])
        for different in (surplus[table], expected[table] - rows_there):
            numbers.update(row[staging.NUMBER] for row in different)  # type: ignore[misc]
    return numbers, surplus

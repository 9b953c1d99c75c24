"""Which resources an export is about: their row numbers, sorted, in a temporary file.

They are listed by one statement and fetched later, so that each is exported once whatever others change
meanwhile. Eight bytes each on disk instead of in memory: the worker stays small however much there is.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO

from django.db import connection

from fhir.condition import Condition
from fhir.registry import RESOURCE_TYPES
from fhir.search.rowsets import among
from fhir.tables import TYPE_NUMBERS

_FETCHED = 20_000


@dataclass
class Listing:
    """Row numbers by type. A context manager: the file goes when it is left."""

    runs: list[tuple[str, int]] = field(default_factory=list)
    _file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __enter__(self) -> Listing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.runs)

    def add(self, resource_type: str, numbers: Collection[int]) -> None:
        """Append numbers of one type."""
        array("q", numbers).tofile(self._file)
        if self.runs and self.runs[-1][0] == resource_type:
            self.runs[-1] = (resource_type, self.runs[-1][1] + len(numbers))
        else:
            self.runs.append((resource_type, len(numbers)))

    def chunks(self, size: int) -> Iterator[tuple[str, list[int]]]:
        """The numbers again, up to `size` of one type at a time."""
        self._file.seek(0)
        for resource_type, count in self.runs:
            for start in range(0, count, size):
                numbers = array("q")
                numbers.fromfile(self._file, min(size, count - start))
                yield resource_type, numbers.tolist()


def of_system(types: Collection[str], since: int) -> Listing:
    """All resources of these types, or those changed since then (microseconds since 1970)."""
    names = sorted(types)
    where = Condition(f"r.type IN ({', '.join(['%s'] * len(names))})", tuple(names))
    if since:
        where = Condition(f"{where.sql} AND r.last_updated >= %s", (*where.params, since))
    return _list(
        Condition(
            f"SELECT r.type, r.id FROM fhir_resource r WHERE {where.sql} ORDER BY r.type, r.id",
            where.params,
        )
    )


def of_patients(types: Collection[str], patients: Collection[int] | None) -> Listing:
    """The resources of these types in the compartments of the patients with these digests, or (None) of
    all."""
    kinds = among(sorted(TYPE_NUMBERS[name] for name in types))
    where = Condition(f"c.type {kinds.sql}", kinds.params)
    if patients is not None:
        chosen = among(sorted(patients))
        where = Condition(f"{where.sql} AND c.patient {chosen.sql}", (*where.params, *chosen.params))
    return _list(
        Condition(
            f"SELECT DISTINCT c.type, c.resource_id FROM fhir_compartment c WHERE {where.sql} ORDER BY 1, 2",
            where.params,
        )
    )


def _list(query: Condition) -> Listing:
    listing = Listing()
    # A server-side cursor: what is found is never in memory as a whole.
    with connection.chunked_cursor() as cursor:
        cursor.execute(query.sql, query.params)
        while rows := cursor.fetchmany(_FETCHED):
            _add(listing, rows)
    return listing


def _add(listing: Listing, rows: list[tuple[str | int, int]]) -> None:
    first = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end][0] != rows[first][0]:
            kind = rows[first][0]
            name = kind if isinstance(kind, str) else RESOURCE_TYPES[kind]
            listing.add(name, [number for _, number in rows[first:end]])
            first = end

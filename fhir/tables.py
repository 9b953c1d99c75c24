"""The columns of our tables, and the SQL that writes and removes many of their rows in one statement.

On PostgreSQL rows travel as one array for each column, written as array literals: the text of a statement,
and the types of its parameters, are then the same for one row and for thousands, and it is prepared once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir.indexing import IndexRows
from fhir.registry import RESOURCE_TYPES

Row = tuple[object, ...]

TYPE_NUMBERS = {name: number for number, name in enumerate(RESOURCE_TYPES)}
"""The number of each type in Compartment.type."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns with their PostgreSQL types, and how many of them, from the left, are its key."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: int

    @property
    def names(self) -> str:
        """The columns, joined by commas."""
        return ", ".join(name for name, _ in self.columns)

    def unnested(self, width: int) -> str:
        """The first `width` columns as a PostgreSQL set of rows, with one placeholder for each column."""
        return f"unnest({', '.join(f'%s::{kind}[]' for _, kind in self.columns[:width])})"

    def insertion(self) -> str:
        """SQLite: insert one row; one that is there already (a doubled value) is left as it is."""
        return (
            f"INSERT INTO {self.name} ({self.names}) VALUES ({', '.join(['%s'] * len(self.columns))}) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        )

    def removal(self) -> str:
        """SQLite: delete the row with this key."""
        match = " AND ".join(f"{name} = %s" for name, _ in self.columns[: self.key])
        return f"DELETE FROM {self.name} WHERE {match}"  # noqa: S608


_SHARED = (("hash", "bigint"), ("patient", "bigint"), ("date", "bigint"), ("resource_id", "bigint"))

TOKENS = Table("fhir_tokenindex", (*_SHARED, ("system", "bigint"), ("high", "bigint")), 5)
REFERENCES = Table("fhir_referenceindex", (*_SHARED, ("target", "bigint")), 5)
STRINGS = Table("fhir_stringindex", (*_SHARED, ("exact", "bigint"), ("prefix", "text"), ("value", "text")), 5)
DATES = Table("fhir_dateindex", (*_SHARED, ("low", "bigint"), ("high", "bigint")), 6)
QUANTITIES = Table(
    "fhir_quantityindex",
    (
        *_SHARED,
        ("low", "double precision"),
        ("high", "double precision"),
        ("system", "bigint"),
        ("code", "bigint"),
        ("unit", "bigint"),
    ),
    8,
)
COMPARTMENTS = Table(
    "fhir_compartment",
    (("patient", "bigint"), ("type", "smallint"), ("date", "bigint"), ("resource_id", "bigint")),
    4,
)
INDEX_TABLES = (TOKENS, REFERENCES, STRINGS, DATES, QUANTITIES, COMPARTMENTS)


def spread(resource_type: str, number: int, rows: IndexRows) -> list[tuple[Table, list[Row]]]:
    """The rows of each index table, whole, for the resource with this row number."""
    patient, date, kind = rows.patient, rows.date, TYPE_NUMBERS[resource_type]
    return [
        (TOKENS, [(key, patient, date, number, system, rows.high) for key, system in rows.tokens]),
        (REFERENCES, [(key, patient, date, number, target) for key, target in rows.references]),
        (STRINGS, [(key, patient, date, number, *rest) for key, *rest in rows.strings]),
        (DATES, [(key, patient, date, number, low, high) for key, low, high in rows.dates]),
        (QUANTITIES, [(key, patient, date, number, *rest) for key, *rest in sorted(rows.quantities)]),
        (COMPARTMENTS, [(key, kind, date, number) for key in rows.compartments]),
    ]


RESOURCES = Table(
    "fhir_resource",
    (
        ("id", "bigint"),
        ("type", "text"),
        ("fhir_id", "text"),
        ("key", "bigint"),
        ("version", "integer"),
        ("last_updated", "bigint"),
        ("method", "text"),
        ("deleted", "boolean"),
        ("patient", "bigint"),
        ("date", "bigint"),
        ("text", "text"),
    ),
    1,
)


def array(values: Iterable[object]) -> str:
    """A PostgreSQL array literal of numbers or booleans."""
    return f"{{{','.join(map(str, values))}}}"


def text_array(values: Iterable[str]) -> str:
    """A PostgreSQL array literal of texts: https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def literals(table: Table, rows: Sequence[Row], width: int) -> list[str]:
    """The first `width` columns of these rows as one array literal each."""
    columns: Iterable[Sequence[object]] = zip(*rows, strict=True) if rows else ((),) * width
    return [
        text_array(map(str, values)) if kind == "text" else array(values)
        for (_, kind), values in zip(table.columns[:width], columns, strict=False)
    ]

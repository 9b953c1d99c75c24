"""The columns of our tables, and the SQL that writes and removes many of their rows in one statement.

On PostgreSQL the rows of an index travel as one array of its table's row type, and resources, with their
long texts, as one array for each column; both written as array literals. The text of a statement, and the
types of its parameters, are then the same for one row and for thousands, and it is prepared once. It has to
be short and have few parameters: over 4,096 bytes or 50 parameters psycopg reads it anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fhir.indexing import IndexRows
from fhir.registry import RESOURCE_TYPES

Row = tuple[object, ...]

TYPE_NUMBERS = {name: number for number, name in enumerate(RESOURCE_TYPES)}
"""The number of each type in Compartment.type."""


@dataclass(frozen=True)
class Table:
    """A table: its columns, in the database's order and with their PostgreSQL types, and how many of them,
    from the left, are its key."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: int

    @cached_property
    def names(self) -> str:
        """The columns, joined by commas."""
        return ", ".join(name for name, _ in self.columns)

    @cached_property
    def has_texts(self) -> bool:
        """Whether any column is of type text."""
        return any(kind == "text" for _, kind in self.columns)

    @cached_property
    def by_row(self) -> str:
        """A PostgreSQL set of rows from one placeholder, for what `row_array` returns."""
        return f"unnest(%s::{self.name}[])"

    @cached_property
    def by_column(self) -> str:
        """A PostgreSQL set of rows from one placeholder for each column, for what `column_arrays` returns."""
        return f"unnest({', '.join(f'%s::{kind}[]' for _, kind in self.columns)})"

    def insertion(self) -> str:
        """SQLite: insert one row."""
        return f"INSERT INTO {self.name} ({self.names}) VALUES ({', '.join(['%s'] * len(self.columns))})"

    def removal(self) -> str:
        """SQLite: delete the row with this key."""
        match = " AND ".join(f"{name} = %s" for name, _ in self.columns[: self.key])
        return f"DELETE FROM {self.name} WHERE {match}"


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


def first_of_each_key(table: Table, rows: Sequence[Row]) -> dict[Row, Row]:
    """The first row of each key, by key: values that differ in other columns only are one in the index."""
    return {row[: table.key]: row for row in reversed(rows)}


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


def column_arrays(table: Table, rows: Sequence[Row]) -> list[str]:
    """The columns of these rows as one array literal each."""
    columns: Iterable[Sequence[object]] = zip(*rows, strict=True) if rows else ((),) * len(table.columns)
    return [
        text_array(map(str, values)) if kind == "text" else array(values)
        for (_, kind), values in zip(table.columns, columns, strict=True)
    ]


def row_array(table: Table, rows: Sequence[Row]) -> str:
    """These rows as one array literal of the table's row type.

    https://www.postgresql.org/docs/15/rowtypes.html#ROWTYPES-IO-SYNTAX
    """
    if table.has_texts:
        return text_array(f"({','.join(_field(value) for value in row)})" for row in rows)
    # Python writes a tuple of numbers as PostgreSQL reads a row of them.
    return "{" + ",".join([f'"{row}"' for row in rows]) + "}"


def _field(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

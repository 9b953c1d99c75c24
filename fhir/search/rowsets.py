"""What PostgreSQL and SQLite write differently: many numbers as one parameter, and the index to use.

The text of a statement stays the same however many numbers there are, and so is prepared once.
"""

import json
from collections.abc import Sequence

from fhir.condition import Condition
from fhir.rows import ON_POSTGRESQL


def among(values: Sequence[int]) -> Condition:
    """A comparison with any of these numbers, whose text does not depend on how many there are."""
    if ON_POSTGRESQL:
        return Condition("= ANY(%s::bigint[])", (f"{{{','.join(map(str, values))}}}",))
    return Condition("IN (SELECT value FROM json_each(%s))", (json.dumps(values),))


def rows_of(name: str, rows: Sequence[tuple[int, ...]]) -> Condition:
    """A table of these rows, `name` its alias with its columns; its text does not depend on how many there
    are.
    """
    width = name.count(",") + 1
    if ON_POSTGRESQL:
        columns = tuple(f"{{{','.join(map(str, column))}}}" for column in zip(*rows, strict=True))
        return Condition(f"unnest({', '.join(['%s::bigint[]'] * width)}) AS {name}", columns)
    alias, _, words = name.rstrip(")").partition("(")
    picked = ", ".join(f"value ->> {place} AS {word.strip()}" for place, word in enumerate(words.split(",")))
    return Condition(f"(SELECT {picked} FROM json_each(%s)) {alias}", (json.dumps(rows),))  # noqa: S608


def by_key(table: str, alias: str) -> str:
    """A table that is to be read by its primary key: SQLite keeps no statistics and is told so."""
    if ON_POSTGRESQL:
        return f"{table} {alias}"
    return f"{table} {alias} INDEXED BY sqlite_autoindex_{table}_1"

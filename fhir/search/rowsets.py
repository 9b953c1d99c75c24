"""What PostgreSQL and SQLite write differently: many values as one parameter, and the index to use.

The text of a statement stays the same however many numbers there are, and so is prepared once.
"""

import json
from collections.abc import Collection, Sequence

from fhir.condition import Condition
from fhir.rows import ON_POSTGRESQL
from fhir.tables import array, text_array


def among(values: Sequence[int]) -> Condition:
    """A comparison with any of these numbers, whose text does not depend on how many there are."""
    if ON_POSTGRESQL:
        return Condition("= ANY(%s::bigint[])", (f"{{{','.join(map(str, values))}}}",))
    return Condition("IN (SELECT value FROM json_each(%s))", (json.dumps(values),))


def among_texts(values: Collection[str]) -> Condition:
    """A comparison with any of these texts, whose text does not depend on how many there are."""
    if ON_POSTGRESQL:
        return Condition("= ANY(%s::text[])", (text_array(values),))
    return Condition("IN (SELECT value FROM json_each(%s))", (json.dumps(list(values)),))


def rows_of(name: str, rows: Sequence[tuple[int | str, ...]]) -> Condition:
    """A table of these rows, `name` its alias with its columns; its text does not depend on how many there
    are. There is one row at least, and a column has numbers only or texts only.
    """
    if ON_POSTGRESQL:
        kinds = ["text" if isinstance(value, str) else "bigint" for value in rows[0]]
        columns = tuple(
            text_array(map(str, column)) if kind == "text" else array(column)
            for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)
        )
        return Condition(f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)}) AS {name}", columns)
    alias, _, words = name.rstrip(")").partition("(")
    picked = ", ".join(f"value ->> {place} AS {word.strip()}" for place, word in enumerate(words.split(",")))
    return Condition(f"(SELECT {picked} FROM json_each(%s)) {alias}", (json.dumps(rows),))


def by_key(table: str, alias: str) -> str:
    """A table that is to be read by its primary key: SQLite keeps no statistics and is told so."""
    if ON_POSTGRESQL:
        return f"{table} {alias}"
    return f"{table} {alias} INDEXED BY sqlite_autoindex_{table}_1"

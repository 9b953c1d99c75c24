"""Rules that reach only what a query finds, as scopes with a query part give them.

The query is read by the same parser as a search, strictly, and becomes the same conditions as in a search. So
`patient/Observation.rs?category=laboratory` reaches exactly what a search for `category=laboratory` finds.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import parse_qsl

from django.db import connection

from fhir.condition import Condition
from fhir.hashing import NONE
from fhir.indexing import IndexRows
from fhir.outcome import BadRequest
from fhir.rows import ON_POSTGRESQL
from fhir.search.criteria import Asked, all_of
from fhir.search.holding import holds
from fhir.search.plain import plain
from fhir.search.query import parse
from fhir.search.types import date
from fhir.tables import Row, Table, row_array, spread

_OWN = frozenset({"token", "string", "uri", "date", "number", "quantity", "reference", "composite"})
"""Types of parameters that ask for a resource's own content."""


def is_understood(resource_type: str, criteria: str) -> bool:
    """Whether a rule with these criteria can be enforced, so that it gives anything at all.

    Chains, `_has` and lists are not: what they say of a resource depends on others, which others may change.
    """
    return _asked(resource_type, criteria) is not None


@lru_cache(maxsize=4096)
def _asked(resource_type: str, criteria: str) -> tuple[Asked, ...] | None:
    """The parameters of these criteria, None unless each of them is one that says what is reached."""
    try:
        query = parse(resource_type, criteria, strict=True)
        asked = tuple(part for part in query.asked if isinstance(part, Asked))
        for part in asked:
            plain(part)
    except BadRequest:
        return None
    if len(asked) != len(parse_qsl(criteria, keep_blank_values=True)):
        return None
    is_own = all(part.parameter.type in _OWN and part.parameter.code != "_list" for part in asked)
    return asked if is_own else None


def found_by(resource_type: str, criteria: str, row: str, home: str) -> Condition:
    """The condition that the resource with the alias `row` is found by these criteria, which are understood.

    `home` is the alias of its row in fhir_resource, or `{home}` if whoever asks puts that in.
    """
    asked = _asked(resource_type, criteria)
    if asked is None:
        raise ValueError(f"These criteria are not understood: {criteria}")
    found = all_of(holds(plain(part), row) for part in asked)
    return Condition(f"({found.sql})".replace("{home}", home), found.params)


def satisfied(resource_type: str, criteria: Iterable[str], content: IndexRows) -> frozenset[str]:
    """Those of these criteria that find a resource with this content, whether it is stored or not.

    One statement, in which the resource's rows stand in for the tables: what decides is the very condition
    that a search has.
    """
    asked = tuple(dict.fromkeys(criteria))
    if not asked:
        return frozenset()
    conditions = [found_by(resource_type, each, "r", "r") for each in asked]
    wanted = {value for each in conditions for value in each.params}
    tables = [_resource(content), *_indexes(resource_type, content, wanted)]
    answers = Condition(
        ", ".join(f"CASE WHEN {each.sql} THEN 1 ELSE 0 END" for each in conditions),
        tuple(value for each in conditions for value in each.params),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(table.sql for table in tables)} SELECT {answers.sql} FROM fhir_resource r",
            (*(value for table in tables for value in table.params), *answers.params),
        )
        (row,) = cursor.fetchall()
    return frozenset(each for each, holding in zip(asked, row, strict=True) if holding)


def _resource(content: IndexRows) -> Condition:
    """A table named fhir_resource with this one resource, for a WITH clause."""
    return Condition(
        "fhir_resource(id, patient, date, fhir_id, last_updated) AS (SELECT CAST(%s AS bigint), "
        "CAST(%s AS bigint), CAST(%s AS bigint), CAST(%s AS text), CAST(%s AS bigint))",
        (NONE, content.patient, content.date, content.fhir_id, date.span(content.updated)[0]),
    )


def _indexes(resource_type: str, content: IndexRows, wanted: Collection[object]) -> Iterable[Condition]:
    """The index tables with those of its rows that the conditions look for, each by its hash."""
    for table, rows in spread(resource_type, NONE, content):
        if table.columns[0][0] == "hash":
            yield _stand_in(table, [row for row in rows if row[0] in wanted])


def _stand_in(table: Table, rows: list[Row]) -> Condition:
    """A table of the same name and columns with just these rows, for a WITH clause."""
    head = f"{table.name}({table.names}) AS"
    if ON_POSTGRESQL:
        columns = ", ".join(
            f'u.{name} COLLATE "C"' if kind == "text" else f"u.{name}" for name, kind in table.columns
        )
        return Condition(
            f"{head} (SELECT {columns} FROM {table.by_row} u)",
            (row_array(table, rows),),
        )
    nulls = ", ".join(["NULL"] * len(table.columns))
    marks = f"({', '.join(['%s'] * len(table.columns))})"
    values = f"VALUES {', '.join([marks] * len(rows))}" if rows else f"SELECT {nulls} WHERE 1 = 0"
    return Condition(f"{head} ({values})", tuple(value for row in rows for value in row))

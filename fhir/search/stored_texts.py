"""Texts that no index has, read from the resources as they are stored: to sort by identifiers, references and
the like, of which the index knows digests only.

Slower than an index, and needed by few; so nothing is stored for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fhir.condition import Condition
from fhir.expression_paths import Get, Move, RefersTo, Route, Where
from fhir.registry import SearchParameter
from fhir.rows import ON_POSTGRESQL
from fhir.search.criteria import all_of
from fhir.search.rowsets import among_texts
from fhir.search.types.string import PREFIX

_PROPERTIES = {"Identifier": "value", "ContactPoint": "value", "Reference": "reference"}
"""The property that has the text, by the type of the value; in a primitive it is the value itself."""
_PRIMITIVES = frozenset({"canonical", "code", "id", "string", "uri", "url"})


def has_texts(parameter: SearchParameter) -> bool:
    """Whether the values of a token or reference parameter have a text of this kind."""
    return any(True for _ in _readable(parameter))


def is_any_of(parameter: SearchParameter, texts: Collection[str]) -> Condition:
    """The condition that one of the texts of the row `r` is one of these, whole."""
    parts = [_texts(route) for route in _readable(parameter)]
    union = " UNION ALL ".join(part.sql for part in parts)
    chosen = among_texts(texts)
    return Condition(
        f"EXISTS (SELECT 1 FROM ({union}) v WHERE v.text {chosen.sql})",
        (*(value for part in parts for value in part.params), *chosen.params),
    )


def extreme(parameter: SearchParameter, pick: str) -> Condition:
    """The least (`pick` MIN) or greatest (MAX) of the texts of the row `r` as they stand, by their first
    characters; NULL where there is none.
    """
    parts = [_texts(route) for route in _readable(parameter)]
    union = " UNION ALL ".join(part.sql for part in parts)
    return Condition(
        f"(SELECT {pick}(substr(v.text, 1, {PREFIX})) FROM ({union}) v)",
        tuple(value for part in parts for value in part.params),
    )


def _readable(parameter: SearchParameter) -> Iterator[Route]:
    for route in parameter.routes:
        known = route.kind in _PROPERTIES or route.kind in _PRIMITIVES
        if known and all(isinstance(move, Get | Where | RefersTo) for move in route.moves):
            yield route


def _texts(route: Route) -> Condition:
    """The SELECT of the texts that a route leads to, in the column `text`."""
    write = _Postgres() if ON_POSTGRESQL else _SQLite()
    place, tables, conditions = write.start, ["fhir_resource t"], [Condition("t.id = r.id")]
    moves = route.moves
    if route.single:
        # Where there can be one value only, the way there is one step.
        names = [move.name for move in moves if isinstance(move, Get)]
        tables.append(write.only(names))
        place, moves = "e", tuple(move for move in moves if not isinstance(move, Get))
    for number, move in enumerate(moves):
        if isinstance(move, Get):
            tables.append(write.each(place, move.name, f"e{number}"))
            place = f"e{number}"
        else:
            conditions.append(_condition(write, place, move))
    text = write.text(place, _PROPERTIES.get(route.kind, ""))
    where = all_of(conditions)
    return Condition(
        f"SELECT {text}{write.collation} AS text FROM {', '.join(tables)} WHERE {where.sql}",
        where.params,
    )


def _condition(write: _Postgres | _SQLite, place: str, move: Move) -> Condition:
    """What a move asks of the value where it stands."""
    if isinstance(move, Where):
        return Condition(f"{write.text(place, move.name)} = %s", (move.text,))
    if isinstance(move, RefersTo):
        reference, declared = write.text(place, "reference"), write.text(place, "type")
        return Condition(
            f"('/' || {reference} LIKE %s OR {declared} = %s)",
            (f"%/{move.resource_type}/%", move.resource_type),
        )
    raise TypeError(f"{move} is no condition")


class _Postgres:
    """https://www.postgresql.org/docs/15/functions-json.html. As json, not jsonb, which no number is too
    large for."""

    start = "t"
    collation = ' COLLATE "C"'

    def only(self, names: list[str]) -> str:
        """A table `e` of the one value that these properties lead to."""
        path = ",".join(names)
        return f"LATERAL (SELECT t.text::json #> '{{{path}}}' AS value OFFSET 0) e"

    def each(self, place: str, name: str, alias: str) -> str:
        """A table of the value, or of each of the values, of a property."""
        # OFFSET 0: else what is named three times is also worked out three times.
        return (
            f"LATERAL (SELECT {self._whole(place)} -> '{name}' AS found OFFSET 0) {alias}f, "
            f"json_array_elements(CASE json_typeof({alias}f.found) WHEN 'array' THEN {alias}f.found "
            f"ELSE json_build_array({alias}f.found) END) {alias}(value)"
        )

    def text(self, place: str, name: str) -> str:
        """The text of a property, or of the value itself."""
        return f"({self._whole(place)} ->> '{name}')" if name else f"({place}.value #>> '{{}}')"

    def _whole(self, place: str) -> str:
        return "t.text::json" if place == self.start else f"{place}.value"


class _SQLite:
    """https://www.sqlite.org/json1.html"""

    start = "t"
    collation = ""

    def only(self, names: list[str]) -> str:
        """A table `e` of the one value that these properties lead to."""
        return f"json_each(json_array(json(t.text -> '$.{'.'.join(names)}'))) e"

    def each(self, place: str, name: str, alias: str) -> str:
        """A table of the value, or of each of the values, of a property."""
        value = f"({self._whole(place)} -> '{name}')"
        return (
            f"json_each(CASE json_type({value}) WHEN 'array' THEN {value} "
            f"ELSE json_array(json({value})) END) {alias}"
        )

    def text(self, place: str, name: str) -> str:
        """The text of a property, or of the value itself."""
        return f"({self._whole(place)} ->> '{name}')" if name else f"{place}.atom"

    def _whole(self, place: str) -> str:
        # What is no object has no properties, and is no JSON either.
        return (
            "t.text" if place == self.start else f"(CASE {place}.type WHEN 'object' THEN {place}.value END)"
        )

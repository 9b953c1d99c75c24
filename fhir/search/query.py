"""Reads a query string: what is asked of resources, and how the answer is to look.

https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl

from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, search_parameter
from fhir.search.criteria import Asked, Part
from fhir.search.include_values import Include, parse_include
from fhir.search.modifiers import is_supported
from fhir.search.parts import parse_part, weight
from fhir.search.subset import WHOLE, Subset

Total = Literal["none", "accurate", "estimate"]

LARGEST_QUERY = 200
"""How many parameters a query may have."""
MOST_CHAINS = 20
"""How many chains, `_has` and lists a query may have: each is a search of its own."""
LONGEST_QUERY = 1_000_000
LONGEST_NAME = 1_000
LONGEST_VALUE = 20_000
"""How many characters a query may have, the name of a parameter with its modifier or chain, and its value."""
MOST_VALUES = 4000
"""How many values all parameters of a query may have, counted in each type that they are compared in."""
MOST_SORT_KEYS = 10
"""How many keys one order may have."""

ELSEWHERE = frozenset({"_format", "_pretty"})
"""Parameters of the answer's form, which others read."""
RESULT = frozenset(
    [
        "_sort",
        "_count",
        "_include",
        "_revinclude",
        "_summary",
        "_total",
        "_elements",
        "_contained",
        "_containedType",
        "_cursor",
    ]
)
"""Parameters about the answer."""
_NO_EFFECT = {"_summary": "false", "_contained": "false", "_containedType": "container"}
"""Values that ask for what is done anyway."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key to sort by: a search parameter, and whether the greatest comes first."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one resource type. `count` None means the usual page size; 0 or `_summary=count` only the
    number.

    `ignored` are sentences about what was left out of account, `used` the parameters that were not, as
    they were written, without `_cursor`, for links. `at_base`: it was asked without a type in the address;
    then `others` is the same question as put to further types.
    """

    type: str
    asked: tuple[Part, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int | None = None
    total: Total = "none"
    includes: tuple[Include, ...] = ()
    cursor: str = ""
    subset: Subset = WHOLE
    ignored: tuple[str, ...] = ()
    used: tuple[tuple[str, str], ...] = field(default=())
    at_base: bool = False
    others: tuple[Query, ...] = ()

    @property
    def place(self) -> str:
        """The path below the FHIR base that was asked."""
        return "" if self.at_base else self.type

    @property
    def each(self) -> tuple[Query, ...]:
        """The question as put to each type."""
        return (self, *self.others)


def parse(resource_type: str, text: str, *, strict: bool) -> Query:
    """Return what the query string `text` asks of `resource_type`.

    `strict`: for queries that decide what is written or who sees what, where every word must count. An
    unknown parameter and a query without criteria are then refused; otherwise they are named in `ignored`,
    or mean all. Raises BadRequest for those, for a value that is malformed, and, always, for a modifier
    that does not work here.
    """
    query = read(resource_type, pairs(text))
    if strict and query.ignored:
        raise BadRequest(" ".join(query.ignored), code="not-supported")
    if strict and not query.asked:
        raise BadRequest(f"A condition on {resource_type} needs at least one search parameter with a value.")
    return query


def read(resource_type: str, asked: Iterable[tuple[str, str]]) -> Query:
    """Return what these parameters ask of `resource_type`. Raises BadRequest as `parse` does."""
    query = Query(resource_type)
    for name, value in asked:
        query = _take(query, name, value)
    if sum(not isinstance(part, Asked) for part in query.asked) > MOST_CHAINS:
        raise BadRequest(f"A query may have {MOST_CHAINS} chains at most.", code="too-costly")
    check_weight((query,))
    if query.subset.summary == "text" and query.includes:
        raise BadRequest("'_summary=text' does not go with '_include' or '_revinclude'.")
    if query.subset.summary and query.subset.elements:
        raise BadRequest("'_summary' and '_elements' do not go together.")
    return query


def check_weight(queries: Iterable[Query]) -> None:
    """Raise BadRequest for queries that together have more values than one statement should ask for."""
    if sum(weight(part) for query in queries for part in query.asked) > MOST_VALUES:
        raise BadRequest(
            f"A query may have {MOST_VALUES} values at most, each counted in every type that it is asked of.",
            code="too-costly",
        )


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a query string: name, with modifier, and value. Raises BadRequest for what is
    no text, for too many, and for any that is longer than anybody needs.
    """
    if len(text) > LONGEST_QUERY:
        raise BadRequest(f"The query has more than {LONGEST_QUERY} characters.", code="too-costly")
    try:
        found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=LARGEST_QUERY)
    except UnicodeDecodeError as error:
        raise BadRequest("The query is not valid UTF-8.") from error
    except ValueError as error:
        raise BadRequest(f"The query has more than {LARGEST_QUERY} parameters.", code="too-costly") from error
    for name, value in found:
        if "\x00" in name or "\x00" in value:
            raise BadRequest("The query contains the character NUL.")
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise BadRequest(
                f"'{name[:64]}' has more than {LONGEST_NAME} characters, or {LONGEST_VALUE} in its value.",
                code="too-costly",
            )
        yield name, value


def _take(query: Query, name: str, value: str) -> Query:
    """Return the query with one more parameter of the query string."""
    base = name.partition(":")[0]
    if base in ELSEWHERE:
        return query
    if base in RESULT:
        return _take_result(query, name, value)
    part = parse_part(query.type, name, value)
    if part is None:
        return _ignore(query, unknown(query.type, base))
    if value == "":
        return _ignore(query, f"'{name}' was given without a value.")
    return replace(query, asked=(*query.asked, part), used=(*query.used, (name, value)))


def unknown(resource_type: str, code: str) -> str:
    """Return the sentence that says of a parameter that it is not there."""
    return f"{resource_type} has no search parameter '{code}' that is supported here."


def _ignore(query: Query, sentence: str) -> Query:
    return replace(query, ignored=(*query.ignored, sentence))


def _take_result(query: Query, name: str, value: str) -> Query:
    """Return the query with one more parameter about the answer. https://hl7.org/fhir/R4/search.html#return"""
    base, _, modifier = name.partition(":")
    if base in ("_include", "_revinclude"):
        found = parse_include(query.type, name, value)
        if found in query.includes:
            return query
        return replace(query, includes=(*query.includes, found), used=(*query.used, (name, value)))
    if modifier:
        raise BadRequest(f"'{base}' has no modifier ':{modifier}'.", code="not-supported")
    if base == "_cursor":
        return replace(query, cursor=value)
    used = (*query.used, (name, value))
    match base, value:
        case "_sort", _:
            return replace(query, sort=_sorted(query, value), used=used)
        case "_count", _:
            return replace(query, count=_count(value), used=used)
        case "_summary", "count":
            return replace(query, count=0, used=used)
        case "_summary", "true" | "text" | "data":
            return replace(query, subset=replace(query.subset, summary=value), used=used)
        case "_elements", _ if value:
            names = frozenset(name.strip() for name in value.split(","))
            return replace(
                query, subset=replace(query.subset, elements=query.subset.elements | names), used=used
            )
        case "_total", "none" | "accurate" | "estimate":
            return replace(query, total=value, used=used)
        case "_total", _:
            raise BadRequest("'_total' takes none, accurate or estimate.")
        case _ if _NO_EFFECT.get(base) == value:
            return replace(query, used=used)
        case _:
            return _ignore(query, f"'{name}={value}' is not supported: whole resources are returned.")


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadRequest(f"'_count' takes a number from 0, not '{value}'.")
    return int(value)


def _sorted(query: Query, value: str) -> tuple[SortKey, ...]:
    keys = (*query.sort, *_sort_keys(query.type, value))
    if len(keys) > MOST_SORT_KEYS:
        raise BadRequest(f"'_sort' takes {MOST_SORT_KEYS} keys at most.", code="too-costly")
    return keys


def _sort_keys(resource_type: str, value: str) -> Iterator[SortKey]:
    """Yield the keys of a `_sort`, the first one counting most. https://hl7.org/fhir/R4/search.html#sort"""
    for word in value.split(","):
        code = word.removeprefix("-")
        parameter = search_parameter(resource_type, code)
        if parameter is None or not is_supported(parameter):
            raise BadRequest(f"{resource_type} has no search parameter '{code}' to sort by.")
        yield SortKey(parameter, descending=word.startswith("-"))

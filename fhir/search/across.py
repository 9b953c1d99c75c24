"""A search of several types at once, asked at the FHIR base: https://hl7.org/fhir/R4/http.html#search

It is the same question put to each of the types, and the answers in one order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir.access import Access
from fhir.condition import NEVER
from fhir.elements import is_resource_type
from fhir.enforcement import permits, require, visible
from fhir.outcome import BadRequest, Forbidden
from fhir.registry import RESOURCE_TYPES, search_parameters
from fhir.search.criteria import Asked
from fhir.search.parts import MOST_WAYS, parse_part, ways
from fhir.search.query import ELSEWHERE, RESULT, Query, SortKey, check_weight, pairs, read, unknown

TYPE = "_type"
"""The parameter that names the types: https://hl7.org/fhir/R4/search.html#type"""

MOST_QUESTIONS = 2_000
"""How many parameters may be asked of how many types: so many for all of them together."""

Pair = tuple[str, str]


def parse_at_base(access: Access, text: str) -> Query:
    """Return what the query string `text`, asked at the base, asks of the types that it names; of all that
    `access` may search if it names none.

    A parameter that is not the same for all these types is left out of account for all of them. Raises
    Forbidden for a type that is named and may not be searched (if none is named, where no type may be), and
    BadRequest for what is not understood.
    """
    asked = list(pairs(text))
    names = _named(asked)
    types = _within_reach(access, names) if names else _all_within_reach(access)
    there = [pair for pair in asked if pair[0] != TYPE]
    if len(there) * len(types) > MOST_QUESTIONS:
        raise BadRequest(
            "So many parameters cannot be asked of so many types: name fewer with '_type'.", code="too-costly"
        )
    said = {pair: sentence for pair in there if (sentence := _not_common(types, *pair))}
    first, *others = (_read(each, [pair for pair in there if pair not in said]) for each in types)
    check_weight((first, *others))
    return replace(
        first,
        others=tuple(others),
        includes=tuple(dict.fromkeys(include for each in (first, *others) for include in each.includes)),
        ignored=(*said.values(), *first.ignored),
        used=(*((name, value) for name, value in asked if name == TYPE), *first.used),
    )


def _read(resource_type: str, asked: Iterable[Pair]) -> Query:
    query = read(resource_type, asked)
    newest = SortKey(search_parameters(resource_type)["_lastUpdated"], descending=True)
    return replace(query, sort=query.sort or (newest,), at_base=True)


def _named(asked: Iterable[Pair]) -> tuple[str, ...]:
    """The types that `_type` names, each once; none if it is not there."""
    values = [value for name, value in asked if name.partition(":")[0] == TYPE]
    if any(name.startswith(f"{TYPE}:") for name, _ in asked):
        raise BadRequest(f"'{TYPE}' has no modifiers.", code="not-supported")
    if len(values) > 1:
        raise BadRequest(f"'{TYPE}' is given once, with all types that are meant.")
    names = tuple(dict.fromkeys(values[0].split(","))) if values else ()
    for name in names:
        if not is_resource_type(name):
            raise BadRequest(f"'{TYPE}' names '{name[:64]}', which is no resource type.", code="value")
    return names


def _within_reach(access: Access, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of which anything can be found; one, so that there is something to ask, if there is none."""
    for name in names:
        require(access, name, "s")
    return tuple(name for name in names if visible(access, name, "s") is not NEVER) or names[:1]


def _all_within_reach(access: Access) -> tuple[str, ...]:
    allowed = tuple(name for name in RESOURCE_TYPES if permits(access, name, "s"))
    if not allowed:
        raise Forbidden("The token's scopes do not allow 's' on any type.")
    return _within_reach(access, allowed)


def _not_common(types: Iterable[str], name: str, value: str) -> str:
    """Why a parameter cannot be asked of all these types, empty if it can."""
    code = name.partition(":")[0]
    if code in RESULT or code in ELSEWHERE:
        return ""
    kinds: dict[str, str] = {}
    leading = 0
    for resource_type in types:
        part = parse_part(resource_type, name, value)
        if part is None:
            return unknown(resource_type, code)
        leading += ways(part) if not isinstance(part, Asked) else 0
        if leading > MOST_WAYS:
            raise BadRequest(
                f"'{name}' leads from too many types to too many: name fewer.", code="too-costly"
            )
        kinds.setdefault(part.parameter.type if isinstance(part, Asked) else "chain", resource_type)
    if len(kinds) > 1:
        return f"'{code}' is not the same search parameter in {' and '.join(kinds.values())}."
    return ""

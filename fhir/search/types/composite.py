"""Composite parameters: values that stand together in one place, such as a component's code and its quantity.

The first component goes into the hash, so that the rest is a look-up in the index of the last one's type.
Places and components, not the parameter, make the hash: parameters that look at the same pairs share their
rows. https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache

from fhir.condition import Condition
from fhir.expressions import Found
from fhir.hashing import NONE, digest
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, search_parameter
from fhir.search.criteria import QUANTITIES, REFERENCES, Asked, Criterion, Probe, all_of, any_of
from fhir.search.escapes import split, unescape
from fhir.search.modifiers import unknown_modifier
from fhir.search.types import date, quantity, reference, string, token
from fhir.search.types.quantity import QuantityRow
from fhir.search.types.reference import ReferenceRow
from fhir.search.types.string import StringRow
from fhir.search.types.token import TokenRow

MOST_PAIRS = 100_000
"""How many pairs of values one parameter may find in a resource: at one place each of a code's codings goes
with each of a value's."""


class TooManyPairs(Exception):
    """A resource in which a composite parameter would find more pairs than can be indexed."""


@dataclass(slots=True)
class CompositeRows:
    """The rows of composites, in the tables that their last components belong to."""

    tokens: set[TokenRow] = field(default_factory=set)
    references: set[ReferenceRow] = field(default_factory=set)
    strings: list[StringRow] = field(default_factory=list)
    dates: set[tuple[int, int, int]] = field(default_factory=set)
    quantities: set[QuantityRow] = field(default_factory=set)


def index(parameter: SearchParameter, found: list[Found]) -> CompositeRows:
    """Return the rows of the places that a composite parameter finds; only whole ones count.

    Raises TooManyPairs.
    """
    rows = CompositeRows()
    pairs = 0
    for (first, *rest), place in found:
        if not first or not all(rest):
            continue
        heads = dict.fromkeys(_heads(parameter, first))
        pairs += len(heads) * sum(map(_width, rest[-1]))
        if pairs > MOST_PAIRS:
            raise TooManyPairs(f"There are more than {MOST_PAIRS} pairs of values for '{parameter.code}'.")
        for head in heads:
            _add(rows, parameter, _key(parameter.resource_type, parameter.code, place, head), rest)
    return rows


def _width(found: Found) -> int:
    """How many values one found element may stand for."""
    value, _ = found
    codings = value.get("coding") if isinstance(value, dict) else None
    return len(codings) if isinstance(codings, list) else 1


def _add(rows: CompositeRows, parameter: SearchParameter, key: int, rest: list[list[Found]]) -> None:
    last = component(parameter, -1)
    match last.type:
        case "token":
            rows.tokens |= token.index(last.resource_type, last.code, rest[-1], str(key))
        case "reference":
            rows.references |= reference.index(key, rest[-1])
        case "quantity":
            rows.quantities |= quantity.index(key, rest[-1])
        case "date":
            rows.dates |= date.index(key, rest[-1])
        case "string":
            rows.strings += string.index(key, rest[-1]).values()
        case "number":
            # Two numbers, a start and an end, are the two ends of one row.
            [[(start, _)], [(end, _)]] = rest
            ends = quantity.double(start), quantity.double(end)
            rows.quantities.add((key, *ends, NONE, NONE, NONE))


def component(parameter: SearchParameter, position: int) -> SearchParameter:
    """Return the parameter that says how a component is compared; LookupError if the tables lack it."""
    return _components(parameter.resource_type, parameter.code)[position]


@cache
def _components(resource_type: str, code: str) -> tuple[SearchParameter, ...]:
    parameter = search_parameter(resource_type, code)
    if parameter is None:
        raise LookupError(code)
    return tuple(_component(parameter, position) for position in range(len(parameter.components)))


def _component(parameter: SearchParameter, position: int) -> SearchParameter:
    """Return the parameter that really goes with a component.

    R4 has the two of DocumentReference's `relationship` the wrong way round: where another component's
    parameter reads the element that this one's expression names, that is the one.
    """
    expression = parameter.components[position].expression
    found = [search_parameter(parameter.resource_type, each.code) for each in parameter.components]
    own = found[position]
    if own is None:
        raise LookupError(parameter.components[position].code)
    if own.expression.endswith(f".{expression}"):
        return own
    return next((each for each in found if each and each.expression.endswith(f".{expression}")), own)


@lru_cache(maxsize=16384)
def _key(resource_type: str, code: str, place: str, head: str) -> int:
    """The hash of pairs with this first component at this kind of place."""
    parameter = search_parameter(resource_type, code)
    expressions = [each.expression for each in parameter.components] if parameter else []
    return digest(resource_type, place, *expressions, head)


def _heads(parameter: SearchParameter, first: list[Found]) -> Iterator[str]:
    """Yield how the first component can be asked for: with its system or the lack of one, and without."""
    asked = component(parameter, 0)
    for value, kind in first:
        for system, code in token.tokens(value, kind, asked.resource_type, asked.code):
            if code:
                yield f"|{code}"
                yield f"{system}||{code}"


def criterion(asked: Asked) -> Criterion:
    """What a composite asks: values for its components, joined by `$`, each in the form that its type has.

    Raises BadRequest for too few or too many values, for one that is not understood, and for a modifier.
    """
    if asked.modifier:
        raise unknown_modifier(asked)
    parameter = asked.parameter
    probes = []
    for value in asked.values:
        first, *rest = split(value, "$")
        if len(rest) != len(parameter.components) - 1:
            raise BadRequest(f"'{asked.name}' takes {len(parameter.components)} values joined by '$'.")
        head = _asked_head(parameter, first)
        probes += [
            _probe(parameter, _key(parameter.resource_type, parameter.code, place, head), rest)
            for place in parameter.element_types
        ]
    return Criterion(tuple(probes), rank=28)


def _asked_head(parameter: SearchParameter, value: str) -> str:
    parts = [unescape(part) for part in split(value, "|")]
    if len(parts) > 2 or not parts[-1]:
        raise BadRequest(f"'{value}' is not a code for '{parameter.code}': it should be code or system|code.")
    return f"|{parts[0]}" if len(parts) == 1 else f"{parts[0]}||{parts[1]}"


def _probe(parameter: SearchParameter, key: int, rest: list[str]) -> Probe:
    last = component(parameter, -1)
    asked = Asked(last, "", (rest[-1],))
    match last.type:
        case "token":
            return token.probe(rest[-1], str(key))
        case "reference":
            keys = reference.targets(asked, unescape(rest[-1]))
            return Probe(
                REFERENCES,
                any_of(Condition("(x.hash = %s AND x.target = %s)", (key, target)) for target in keys),
            )
        case "quantity":
            return quantity.probe(key, asked, rest[-1])
        case "date":
            return date.probe(key, asked)
        case "string":
            return string.begins_with(key, string.fold(unescape(rest[-1])))
        case _:
            start = quantity.compare(
                Asked(component(parameter, 1), "", (rest[0],)), rest[0], "x.low", "x.low"
            )
            end = quantity.compare(asked, rest[-1], "x.high", "x.high")
            return Probe(QUANTITIES, all_of((Condition("x.hash = %s", (key,)), start, end)))

"""Quantity parameters: a number with a unit, or a range of them.

https://hl7.org/fhir/R4/search.html#quantity
"""

import math
import re
import sys
from decimal import Decimal
from functools import lru_cache
from typing import Any

from fhir.condition import Condition
from fhir.expressions import Found
from fhir.hashing import NONE, digest
from fhir.outcome import BadRequest
from fhir.search.criteria import QUANTITIES, Asked, Criterion, Probe, all_of
from fhir.search.escapes import split, unescape
from fhir.search.modifiers import unknown_modifier
from fhir.search.prefixes import split_prefix

LARGEST = sys.float_info.max
"""Stands for no upper limit; its negative for no lower one."""

QuantityRow = tuple[int, float, float, int, int, int]
"""(hash, low, high, system, code, unit)"""

_CURRENCIES = "urn:iso:std:iso:4217"


def index(parameter_hash: int, found: list[Found]) -> set[QuantityRow]:
    """Return the rows of the quantities found; what has no number gives none."""
    rows: set[QuantityRow] = set()
    for value, kind in found:
        match kind:
            case "Range":
                low, high = value.get("low", {}), value.get("high", {})
                limits = _range(low, high)
                unit = low or high
            case "SampledData":
                unit = value.get("origin", {})
                limits = _samples(value)
            case "Money":
                currency = value.get("currency", "")
                unit = {"system": _CURRENCIES, "code": currency, "unit": currency}
                limits = _single(value)
            case _:
                unit = value
                limits = _single(value)
        if limits:
            rows.add((parameter_hash, *limits, _key(unit, "system"), _key(unit, "code"), _key(unit, "unit")))
    return rows


def _key(unit: dict[str, Any], name: str) -> int:
    text = unit.get(name)
    return _known_digest(text) if text else NONE


@lru_cache(maxsize=4096)
def _known_digest(text: str) -> int:
    """`digest`, remembered: units come again and again."""
    return digest(text)


def _single(value: dict[str, Any]) -> tuple[float, float] | None:
    """Return the limits of one quantity; a comparator makes it one-sided."""
    number = value.get("value")
    if number is None:
        return None
    exact = double(number)
    comparator = value.get("comparator", "")
    return (-LARGEST if comparator[:1] == "<" else exact), (LARGEST if comparator[:1] == ">" else exact)


def _range(low: dict[str, Any], high: dict[str, Any]) -> tuple[float, float] | None:
    least, most = low.get("value"), high.get("value")
    if least is None and most is None:
        return None
    return (-LARGEST if least is None else double(least)), (LARGEST if most is None else double(most))


def double(number: Any) -> float:
    """Return a number of JSON as the index holds it. Raises TypeError for a text, which could say "nan"."""
    if isinstance(number, str):
        raise TypeError(number)
    return float(number)


def _samples(value: dict[str, Any]) -> tuple[float, float] | None:
    """Return the least and the greatest of a series. https://hl7.org/fhir/R4/datatypes.html#SampledData"""
    origin = value.get("origin", {}).get("value")
    numbers = [float(word) for word in value.get("data", "").split() if word not in ("E", "U", "L")]
    if origin is None or not numbers:
        return None
    factor = double(value.get("factor", 1))
    ends = sorted(double(origin) + factor * number for number in (min(numbers), max(numbers)))
    return (ends[0], ends[1]) if all(map(math.isfinite, (*numbers, *ends))) else None


def criterion(asked: Asked) -> Criterion:
    """What a quantity parameter asks: number, number|system|code, or number||code, where code may be the
    unit.

    Raises BadRequest for a value of another form, and for a modifier.
    """
    if asked.modifier:
        raise unknown_modifier(asked)
    key = digest(asked.parameter.resource_type, asked.parameter.code)
    return Criterion(tuple(probe(key, asked, value) for value in asked.values), rank=55)


def probe(key: int, asked: Asked, value: str) -> Probe:
    """Return where the index has one value under this hash. Raises BadRequest for a value of another form."""
    parts = [unescape(part) for part in split(value, "|")]
    if len(parts) not in (1, 3):
        raise BadRequest(
            f"'{value}' is not a quantity for '{asked.name}': number, number|system|code, number||code."
        )
    conditions = [Condition("x.hash = %s", (key,)), compare(asked, parts[0])]
    if len(parts) == 3:
        conditions.append(_unit(parts[1], parts[2]))
    return Probe(QUANTITIES, all_of(conditions))


def _unit(system: str, code: str) -> Condition:
    if system and code:
        return Condition("x.system = %s AND x.code = %s", (digest(system), digest(code)))
    if system:
        return Condition("x.system = %s", (digest(system),))
    if code:
        return Condition("(x.code = %s OR x.unit = %s)", (digest(code), digest(code)))
    return Condition("1 = 1")


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_COMPARISONS = {
    "eq": ("({low} >= %s AND {low} < %s AND {high} < %s)", "low", "high", "high"),
    "ne": ("({low} < %s OR {high} >= %s)", "low", "high"),
    "gt": ("{high} > %s", "exact"),
    "lt": ("{low} < %s", "exact"),
    "ge": ("{high} >= %s", "exact"),
    "le": ("{low} <= %s", "exact"),
    "sa": ("{low} > %s", "exact"),
    "eb": ("{high} < %s", "exact"),
    "ap": ("({high} >= %s AND {low} <= %s)", "near", "far"),
}


def compare(asked: Asked, text: str, low: str = "x.low", high: str = "x.high") -> Condition:
    """The condition that the number in these columns compares as a value with its prefix says.

    `eq` and `ne` count half a unit of the last digit written to either side, `ap` a tenth of the value;
    the others take the number as exact. Raises BadRequest if it is no number.
    https://hl7.org/fhir/R4/search.html#number
    """
    prefix, digits = split_prefix(text)
    if not _NUMBER.fullmatch(digits) or abs(float(digits)) > LARGEST:
        raise BadRequest(f"'{text}' is not a number for '{asked.name}'.")
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1)
    tenth = abs(number) / 10
    ends = {
        "exact": number,
        "low": number - half,
        # With more digits than a double has, half a unit is nothing; the number itself has to lie inside.
        "high": max(number + half, Decimal(math.nextafter(float(number), math.inf))),
        "near": number - tenth,
        "far": number + tenth,
    }
    sql, *names = _COMPARISONS[prefix]
    return Condition(sql.format(low=low, high=high), tuple(float(ends[name]) for name in names))

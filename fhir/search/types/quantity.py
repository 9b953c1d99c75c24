"""Quantity parameters: a number with a unit, or a range of them.

https://hl7.org/fhir/R4/search.html#quantity
"""

import sys
from typing import Any

from fhir.expressions import Found
from fhir.hashing import NONE, digest

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
    return digest(text) if text else NONE


def _single(value: dict[str, Any]) -> tuple[float, float] | None:
    """Return the limits of one quantity; a comparator makes it one-sided."""
    number = value.get("value")
    if number is None:
        return None
    exact = float(number)
    comparator = value.get("comparator", "")
    return (-LARGEST if comparator[:1] == "<" else exact), (LARGEST if comparator[:1] == ">" else exact)


def _range(low: dict[str, Any], high: dict[str, Any]) -> tuple[float, float] | None:
    least, most = low.get("value"), high.get("value")
    if least is None and most is None:
        return None
    return (-LARGEST if least is None else float(least)), (LARGEST if most is None else float(most))


def _samples(value: dict[str, Any]) -> tuple[float, float] | None:
    """Return the least and the greatest of a series. https://hl7.org/fhir/R4/datatypes.html#SampledData"""
    origin = value.get("origin", {}).get("value")
    numbers = [float(word) for word in value.get("data", "").split() if word not in ("E", "U", "L")]
    if origin is None or not numbers:
        return None
    factor = float(value.get("factor", 1))
    ends = sorted(float(origin) + factor * number for number in (min(numbers), max(numbers)))
    return ends[0], ends[1]

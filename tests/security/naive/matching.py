"""Which resources a query names, worked out by looking into plain dicts.

Only the raw tables of R4 are read. It is as slow and as simple as it can be, and knows just what the
generated requests need.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Pair = tuple[str, str]

_TABLES = Path(__file__).parents[3] / "fhir" / "definitions"
COMPARTMENT: dict[str, list[str]] = json.loads((_TABLES / "patient-compartment.json").read_text())
SHARED: frozenset[str] = frozenset(json.loads((_TABLES / "shared-types.json").read_text()))
_PARAMETERS: dict[str, dict[str, Json]] = json.loads((_TABLES / "search-parameters.json").read_text())
TYPES = sorted({*_PARAMETERS, *COMPARTMENT, *SHARED, "Binary"} - {"Resource", "DomainResource"})
"""The resource types, but for some that nobody asks for here."""

BASE = ""
"""The FHIR base under which absolute references are references to resources here; set by the tests."""


class NotUnderstood(Exception):
    """A parameter that does not exist, or one about the answer where only criteria may stand."""


def parameter(resource_type: str, code: str) -> Json | None:
    """The row of a search parameter in R4's table."""
    for owner in (resource_type, "DomainResource", "Resource"):
        if code in _PARAMETERS.get(owner, {}):
            return _PARAMETERS[owner][code]
    return None


def references(resource: Json) -> list[tuple[Json, Json]]:
    """(parameter, Reference) for all that a resource refers to."""
    return [
        (row, value)
        for row in _PARAMETERS.get(resource["resourceType"], {}).values()
        if row["type"] == "reference"
        for value in found(resource, row["expression"])
        if isinstance(value, dict)
    ]


def found(resource: Json, expression: str) -> list[Any]:
    """The values at an expression of the kinds that the tables have for the types used here."""
    return [value for branch in expression.split(" | ") for value in _branch(resource, branch)]


def _branch(resource: Json, branch: str) -> list[Any]:
    kind = target = ""
    if cast := re.fullmatch(r"\((\S+) as (\w+)\)", branch):
        branch, kind = cast[1], cast[2]
    if limit := re.fullmatch(r"(\S+)\.where\(resolve\(\) is (\w+)\)", branch):
        branch, target = limit[1], limit[2]
    nodes: list[Any] = [resource]
    for name in branch.split(".")[1:]:
        nodes = [inner for node in nodes if isinstance(node, dict) for inner in _step(node, name, kind)]
    return [node for node in nodes if not target or type_named(node.get("reference", "")) == target]


def _step(node: Json, name: str, kind: str) -> list[Any]:
    forms = [name + kind] if kind and name not in node else [name]
    if not kind:
        forms += [key for key in node if key.startswith(name) and key[len(name) : len(name) + 1].isupper()]
    out: list[Any] = []
    for form in forms:
        value = node.get(form, [])
        out += value if isinstance(value, list) else [value]
    return out


def type_named(text: str) -> str:
    """The resource type in a reference, wherever that points."""
    match = re.search(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]+(?:/_history/.+)?$", text)
    return match[1] if match else ""


def address(text: str) -> str:
    """ "Type/id" of a reference to a resource here, else empty."""
    match = re.fullmatch(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]+)(?:/_history/.+)?", text.removeprefix(f"{BASE}/"))
    return match[1] if match else ""


def patients_of(resource: Json) -> set[str]:
    """The ids of the patients in whose compartments a resource lies."""
    kind = resource["resourceType"]
    if kind == "Patient":
        return {resource["id"]}
    places = {
        address(value.get("reference", ""))
        for code in COMPARTMENT.get(kind, [])
        for value in found(resource, _PARAMETERS[kind][code]["expression"])
    }
    return {place.removeprefix("Patient/") for place in places if place.startswith("Patient/")}


def understood(resource_type: str, query: str) -> list[Pair]:
    """The criteria of a query, of which each must be a search parameter of the type."""
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, _ in pairs:
        if parameter(resource_type, name.partition(":")[0]) is None:
            raise NotUnderstood(name)
    return pairs


def is_understood(resource_type: str, query: str) -> bool:
    """Whether a query holds criteria only."""
    try:
        understood(resource_type, query)
    except NotUnderstood:
        return False
    return True


def matches(resource: Json, pairs: list[Pair]) -> bool:
    """Whether a resource meets all of these criteria."""
    return all(_meets(resource, name, value) for name, value in pairs)


def _meets(resource: Json, name: str, text: str) -> bool:
    code, _, modifier = name.partition(":")
    row = parameter(resource["resourceType"], code)
    assert row is not None, name
    if code == "_lastUpdated":
        return text == "gt2000"
    values = found(resource, row["expression"])
    if modifier == "missing":
        return (not values) == (text == "true")
    compare = {
        "token": _token,
        "reference": _reference,
        "date": _date,
        "quantity": _quantity,
        "string": _string,
    }
    hit = any(
        compare[row["type"]](value, word, row, modifier) for value in values for word in text.split(",")
    )
    return not hit if modifier == "not" else hit


def _token(value: Any, word: str, row: Json, modifier: str) -> bool:
    if isinstance(value, dict):
        pairs = [
            (each.get("system", ""), each.get("code", each.get("value", "")))
            for each in value.get("coding", [value])
        ]
    else:
        pairs = [("", str(value))]
    system, bar, code = word.rpartition("|")
    return any((not bar or own == system) and (not code or each == code) for own, each in pairs)


def _reference(value: Any, word: str, row: Json, modifier: str) -> bool:
    text = value.get("reference", "")
    here = address(text)
    if "/" in word:
        return bool(text) and (here or text) == (address(word) or word)
    kind, _, fhir_id = here.partition("/")
    if row["url"].endswith("clinical-patient"):
        return here == f"Patient/{word}"
    return bool(here) and fhir_id == word and (row["targets"] == ["*"] or kind in row["targets"])


def _span(text: str) -> tuple[float, float]:
    """First and last day, as ordinals; the last one half a day on, so that ends differ from beginnings."""
    parts = [int(part) for part in text.split("-")]
    first = dt.date(parts[0], *[*parts[1:], 1, 1][:2])
    if len(parts) == 1:
        last = dt.date(parts[0], 12, 31)
    elif len(parts) == 2:
        last = (first + dt.timedelta(31)).replace(day=1) - dt.timedelta(1)
    else:
        last = first
    return first.toordinal(), last.toordinal() + 0.5


def _date(value: Any, word: str, row: Json, modifier: str) -> bool:
    if isinstance(value, dict):
        low = _span(value["start"])[0] if "start" in value else -math.inf
        high = _span(value["end"])[1] if "end" in value else math.inf
    else:
        low, high = _span(value)
    prefix, rest = (word[:2], word[2:]) if word[0].isalpha() else ("eq", word)
    first, last = _span(rest)
    return {
        "eq": first <= low and high <= last,
        "ne": not (first <= low and high <= last),
        "gt": high > last,
        "lt": low < first,
        "ge": low >= first or high > last,
        "le": low < first or high <= last,
        "sa": low > last,
        "eb": high < first,
    }[prefix]


def _quantity(value: Any, word: str, row: Json, modifier: str) -> bool:
    number, _, unit = word.partition("|")
    system, _, code = unit.rpartition("|")
    if (system and value.get("system") != system) or (
        code and code not in (value.get("code"), value.get("unit"))
    ):
        return False
    prefix, rest = (number[:2], number[2:]) if number[0].isalpha() else ("eq", number)
    own: float = value["value"]
    asked = int(rest)
    return {
        "eq": own == asked,
        "ne": own != asked,
        "gt": own > asked,
        "lt": own < asked,
        "ge": own >= asked,
        "le": own <= asked,
    }[prefix]


def _string(value: Any, word: str, row: Json, modifier: str) -> bool:
    parts = [value] if isinstance(value, str) else [value.get("family", ""), *value.get("given", [])]
    texts = [part for part in parts if part]
    if modifier == "exact":
        return word in texts
    folded = [text.casefold() for text in texts]
    if modifier == "contains":
        return any(word.casefold() in text for text in folded)
    return any(text.startswith(word.casefold()) for text in folded)

"""Whether resources stand in the order that `_sort` asks for."""

import datetime as dt
from itertools import pairwise
from typing import Any

from tests.fhir.search.naive.comparing import folded, interval, period, strings, texts
from tests.fhir.search.naive.parameters import PARAMETERS, values

ORDERS = {
    "Patient": [
        *("family", "given", "gender", "active", "birthdate", "death-date", "_id", "_lastUpdated"),
        *("identifier", "telecom", "phone", "general-practitioner"),
    ],
    "Observation": [
        *("date", "code", "category", "status", "value-string", "value-quantity", "subject", "_id"),
        *("identifier", "patient", "performer", "encounter", "value-concept"),
    ],
    "Condition": [
        *("onset-date", "recorded-date", "abatement-date", "code", "patient", "_lastUpdated"),
        *("asserter", "encounter", "onset-info"),
    ],
    "Encounter": ["date", "class", "status", "length", "_id", "part-of", "participant", "type"],
    "MedicationRequest": ["authoredon", "intent", "status", "code", "requester", "_id", "encounter"],
}
"""What can be sorted by."""

_MAIN_DATES = {
    "Patient": "birthdate",
    "Observation": "date",
    "Condition": "recorded-date",
    "Encounter": "date",
    "MedicationRequest": "authoredon",
}
"""Resources without this date stand where the beginning of 1970 stands."""


def in_order(resources: list[dict[str, Any]], sort: list[str]) -> bool:
    """Whether no resource comes before one that should come earlier."""
    return all(_may_follow(first, second, sort) for first, second in pairwise(resources))


def _may_follow(first: dict[str, Any], second: dict[str, Any], sort: list[str]) -> bool:
    for word in sort:
        code, down = word.removeprefix("-"), word.startswith("-")
        one, other = _key(first, code, down), _key(second, code, down)
        if one == other:
            continue
        if one is None or other is None:
            # What has no value comes last, in either direction.
            return other is None
        return bool(one > other) if down else bool(one < other)
    return True


def _key(resource: dict[str, Any], code: str, down: bool) -> Any:
    """The least value, or the greatest one; None without any."""
    kind, places = PARAMETERS[resource["resourceType"]][code]
    found = values(resource, places)
    if code == "patient":
        found = [pair for pair in found if "Patient/" in pair[0].get("reference", "")]
    keys = [key for value, own in found for key in _keys(kind, value, own)]
    if not keys and kind == "reference":
        # Where nothing is written for people to read, what is written for machines counts.
        keys = [value["reference"][:100] for value, _ in found if "reference" in value]
    # From the greatest on, a quantity of which only an upper limit is told stands with those without any.
    keys = [key for key in keys if not (down and key == float("-inf"))]
    if not keys:
        is_main = _MAIN_DATES.get(resource["resourceType"]) == code
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) if is_main else None
    return max(keys) if down else min(keys)


def _keys(kind: str, value: Any, own: str) -> list[Any]:
    match kind:
        case "date":
            return [_start(value, own)]
        case "quantity":
            below = value.get("comparator", "").startswith("<")
            return [float("-inf") if below else float(value["value"])]
        case "string":
            return [folded(text) for text in strings(value, own)]
        case _ if own in ("Identifier", "ContactPoint"):
            return [value["value"]] if "value" in value else []
        case _ if own in ("CodeableConcept", "Coding", "Reference"):
            return [folded(text) for text in texts(value, own)]
        case _:
            return [str(value).lower() if own == "boolean" else value]


def _start(value: Any, own: str) -> dt.datetime:
    return period(value)[0] if own == "Period" else interval(value)[0]

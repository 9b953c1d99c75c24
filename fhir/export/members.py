"""Whose data a Group stands for. https://hl7.org/fhir/R4/group-definitions.html#Group.member"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from fhir import jsontext
from fhir.search.types import date
from fhir.search.types.reference import own_address


def patients_of(group: str) -> frozenset[str]:
    """The ids of the patients here that are members of a Group (its JSON text) at this moment.

    Members that are inactive, whose period has ended or not begun, or that are no patients here do not count.
    """
    resource = jsontext.parse(group.encode())
    now = time.time_ns() // 1000
    return frozenset(_patients(resource.get("member", ()), now))


def _patients(members: list[dict[str, Any]], now: int) -> Iterator[str]:
    for member in members:
        address = own_address(member.get("entity", {}).get("reference", "")) or ""
        resource_type, _, fhir_id = address.partition("/")
        period = member.get("period", {})
        begun = "start" not in period or date.span(period["start"])[0] <= now
        ended = "end" in period and date.span(period["end"])[1] < now
        if resource_type == "Patient" and begun and not ended and member.get("inactive") is not True:
            yield fhir_id

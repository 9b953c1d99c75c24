"""Every published example is found by what stands in it, by each search parameter that finds something."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from fhir import jsontext, registry
from fhir.access import EVERYTHING
from fhir.expressions import Found
from fhir.search import engine
from fhir.search.modifiers import is_supported
from fhir.search.query import parse
from tests.fhir.published import hl7_examples
from tests.fhir.search.shelf import put

pytestmark = [pytest.mark.django_db, pytest.mark.corpus]


def escaped(text: Any) -> str:
    """A text with what separates values escaped."""
    found = str(text).replace("\\", "\\\\")
    for letter in ",|$":
        found = found.replace(letter, f"\\{letter}")
    return found


def token(value: Any, kind: str) -> str | None:
    """What asks for a token, by our own reading of the table in the specification."""
    if kind == "CodeableConcept":
        return token(value["coding"][0], "Coding") if value.get("coding") else None
    if kind in ("Coding", "Identifier"):
        code = value.get("code" if kind == "Coding" else "value")
        return None if code is None else f"{escaped(value.get('system', ''))}|{escaped(code)}"
    if kind == "ContactPoint":
        return escaped(value["value"]) if "value" in value else None
    return str(value).lower() if kind == "boolean" else escaped(value)


def text(value: Any, kind: str) -> str | None:
    """What asks for a text: the beginning of it, or of a part."""
    if isinstance(value, dict):
        value = next(
            (part for part in (value.get("family"), value.get("city"), value.get("text")) if part), None
        )
    return None if value is None else escaped(value[:30].upper())


def when(value: Any, kind: str) -> str | None:
    """What asks for a date: the moment itself, or the start of a period."""
    if kind == "Period":
        return f"ge{value['start']}" if "start" in value else None
    return value if kind in ("date", "dateTime", "instant") else None


def amount(value: Any, kind: str) -> str | None:
    """What asks for a number, and for the unit it has."""
    if kind in ("decimal", "integer"):
        return str(value)
    if kind not in ("Quantity", "Age", "Duration") or "value" not in value or "comparator" in value:
        return None
    unit = value.get("code", value.get("unit", ""))
    return f"{value['value']}|{escaped(value.get('system', ''))}|{escaped(unit)}"


def whole(value: Any, kind: str) -> str:
    """What asks for a URI: all of it."""
    return escaped(value)


def target(value: Any, kind: str) -> str | None:
    """What asks for a reference."""
    found = value.get("reference") if kind == "Reference" else value
    return escaped(found) if isinstance(found, str) and not found.startswith("#") else None


def queries(resource: dict[str, Any]) -> Iterator[str]:
    """A query for the first value of each search parameter that finds one."""
    ways = {
        "token": token,
        "string": text,
        "date": when,
        "number": amount,
        "quantity": amount,
        "reference": target,
        "uri": whole,
    }
    for parameter, found in registry.extract(resource):
        if not is_supported(parameter) or parameter.type not in ways or parameter.code == "_lastUpdated":
            continue
        first: Found = found[0]
        asked = ways[parameter.type](*first)
        if asked:
            yield urlencode({parameter.code: asked})


def test_each_example_is_found_by_each_value_in_it() -> None:
    examples = {}
    for _, content in hl7_examples():
        try:
            resource = jsontext.parse(content)
        except jsontext.JsonTextError:
            continue
        if registry.is_resource_type(resource.get("resourceType", "")) and "id" in resource:
            examples[resource["resourceType"], resource["id"]] = resource
    put(*examples.values())
    asked = 0
    for (resource_type, fhir_id), resource in examples.items():
        for query in queries(resource):
            page = engine.page(EVERYTHING, parse(resource_type, query, strict=True), 1000, counted=False)
            assert fhir_id in {hit.fhir_id for hit in page.hits}, f"{resource_type}/{fhir_id}: {query}"
            asked += 1
    assert asked > 3000

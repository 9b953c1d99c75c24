"""_summary and _elements: parts of resources, marked as such, wherever resources are looked at."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.elements import RESOURCE_TYPES, children
from fhir.jsontext import parse
from fhir.search.subset import Subset, cut, marked
from fhir.validation import validate
from tests.fhir.callers import Caller
from tests.fhir.published import hl7_examples

SUMMARY = pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#summary")
ELEMENTS = pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#elements")
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
RESULT: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "r",
    "meta": {"tag": [{"code": "mine"}]},
    "language": "en",
    "text": NARRATIVE,
    "extension": [{"url": "http://example.org/e", "valueString": "x"}],
    "modifierExtension": [{"url": "http://example.org/m", "valueString": "changes all"}],
    "status": "final",
    "_status": {"id": "s"},
    "code": {
        "coding": [{"system": "http://loinc.org", "code": "4548-4", "userSelected": True}],
        "text": "HbA1c",
    },
    "valueQuantity": {"value": 6.1, "unit": "%"},
    "note": [{"text": "n"}],
    "component": [
        {"code": {"text": "part"}, "valueInteger": 1, "interpretation": [{"text": "high"}], "id": "c"}
    ],
}
ALWAYS = {"resourceType", "id", "meta"}


@pytest.fixture
def result(api: Caller) -> str:
    """The address of an Observation with much in it."""
    assert api.send("PUT", "Observation/r", RESULT).status_code == 201
    return "Observation/r"


def looks(api: Caller, result: str, wish: str) -> list[dict[str, Any]]:
    """The resource as every way of looking at it shows it under this wish."""
    bundles = [
        api.get(f"{place}?{wish}").json() for place in ("Observation", f"{result}/_history", "_history")
    ]
    alone = [api.get(f"{place}?{wish}").json() for place in (result, f"{result}/_history/1")]
    return alone + [bundle["entry"][0]["resource"] for bundle in bundles]


@SUMMARY
def test_a_summary_has_what_r4_marks_for_it_and_what_must_be_there(api: Caller, result: str) -> None:
    for found in looks(api, result, "_summary=true"):
        assert set(found) == ALWAYS | {
            "modifierExtension",
            "status",
            "_status",
            "code",
            "valueQuantity",
            "component",
        }
        assert found["modifierExtension"] == RESULT["modifierExtension"]
        assert found["code"] == RESULT["code"]
        assert found["component"] == [{"code": {"text": "part"}, "valueInteger": 1}]
        assert [tag["code"] for tag in found["meta"]["tag"]] == ["mine", "SUBSETTED"]
        assert validate(found) == []


@SUMMARY
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("text", {"text", "status", "_status", "code", "modifierExtension"}),
        ("data", set(RESULT) - ALWAYS - {"text"}),
    ],
)
def test_text_and_data_are_parts_too(api: Caller, result: str, kind: str, parts: set[str]) -> None:
    for found in looks(api, result, f"_summary={kind}"):
        assert set(found) == ALWAYS | parts
        assert found["meta"]["tag"][-1]["code"] == "SUBSETTED"


def test_without_a_summary_the_stored_text_comes_as_it_is(api: Caller, result: str) -> None:
    whole = api.get(result)
    assert api.get(f"{result}?_summary=false").content == whole.content
    assert "SUBSETTED" not in whole.content.decode()


@ELEMENTS
def test_elements_come_with_the_mandatory_and_the_modifying_ones(api: Caller, result: str) -> None:
    for found in looks(api, result, "_elements=note,value"):
        assert set(found) == ALWAYS | {
            "modifierExtension",
            "status",
            "_status",
            "code",
            "note",
            "valueQuantity",
        }
        assert found["meta"]["versionId"] == "1"


@SUMMARY
def test_a_count_is_for_searches_only(api: Caller, result: str) -> None:
    bundle = api.get("Observation?_summary=count").json()
    assert (bundle["total"], "entry" in bundle) == (1, False)
    assert api.get(f"{result}?_summary=count").status_code == 400


@pytest.mark.parametrize("wish", ["_summary=much", "_summary=text&_elements=code", "_summary="])
def test_a_wish_that_is_not_understood_is_refused(api: Caller, result: str, wish: str) -> None:
    assert api.get(f"{result}?{wish}").status_code == 400


def test_digits_and_versions_are_those_of_the_whole(api: Caller) -> None:
    text = b"""{"resourceType": "Observation", "id": "d", "status": "final", "code": {"text": "x"},
               "valueQuantity": {"value": 1.500}}"""
    api.send("PUT", "Observation/d", text)
    response = api.get("Observation/d?_summary=true")
    assert b'"value":1.500' in response.content
    assert response["ETag"] == 'W/"1"'
    assert api.get("Observation/d?_summary=true", If_None_Match='W/"1"').status_code == 304


def test_every_type_has_a_summary_and_only_of_elements_that_there_are() -> None:
    for resource_type in RESOURCE_TYPES:
        assert marked().get(resource_type), resource_type
    for context, names in marked().items():
        assert names <= children(context).keys(), context


@pytest.mark.corpus
@SUMMARY
def test_the_summary_of_every_published_example_is_itself_valid() -> None:
    checked = 0
    for name, text in hl7_examples():
        if name.endswith(".json") and validate(parse(text)) == []:
            assert validate(parse(cut(text.decode(), Subset(summary="true")).encode())) == [], name
            checked += 1
    assert checked > 700

"""Every published example goes in, comes back with all its digits, and leaves nothing behind in any index."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir.models import Compartment, DateIndex, QuantityIndex, ReferenceIndex, StringIndex, TokenIndex
from tests.fhir.callers import Caller
from tests.fhir.published import hl7_examples, zipped

INDEXES = (TokenIndex, ReferenceIndex, StringIndex, DateIndex, QuantityIndex, Compartment)
INVALID = {"Questionnaire-qs1.json", "diagnosticreport-cbc.json"}


def _examples() -> Iterator[tuple[str, bytes]]:
    for name, text in (*hl7_examples(), *zipped("us-core/us-core-6.1.0-examples.zip")):
        if name.endswith(".json") and name not in INVALID:
            yield name, text


def _content(text: bytes) -> dict[str, Any]:
    """The JSON value with numbers as their digits, without what the server says of itself."""
    value: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    meta = {
        key: inner for key, inner in value.pop("meta", {}).items() if key not in ("versionId", "lastUpdated")
    }
    return {**value, **({"meta": meta} if meta else {})}


@pytest.mark.corpus
def test_published_examples_come_back_as_they_went_in(api: Caller) -> None:
    count = 0
    for name, text in _examples():
        given = json.loads(text)
        place = f"{given['resourceType']}/{given['id']}"
        assert api.send("PUT", place, text).status_code == 201, name
        assert _content(api.get(place).content) == _content(text), name
        assert api.send("DELETE", place).status_code == 204, name
        assert not any(model._default_manager.exists() for model in INDEXES), name
        count += 1
    assert count > 900


def test_our_own_example_comes_back_as_it_went_in(api: Caller) -> None:
    text = (
        b'{"resourceType":"Observation","id":"o","meta":{"profile":["http://example.org/p"]},"status":"final",'
        b'"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}],"text":"HbA\xe2\x82\x81c"},'
        b'"subject":{"reference":"Patient/a"},"effectiveDateTime":"2026-03","performer":[{"display":"x"}],'
        b'"valueQuantity":{"value":6.10,"unit":"%"},"note":[{"text":"a"}]}'
    )
    assert api.send("PUT", "Observation/o", text).status_code == 201
    assert _content(api.get("Observation/o").content) == _content(text)
    assert all(model._default_manager.exists() for model in INDEXES)
    assert api.send("DELETE", "Observation/o").status_code == 204
    assert not any(model._default_manager.exists() for model in INDEXES)

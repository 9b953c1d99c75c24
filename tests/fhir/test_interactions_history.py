"""history of one resource."""

from typing import Any

import pytest

from tests.fhir.callers import Caller

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "ada"}


def _three_versions(api: Caller) -> None:
    api.send("PUT", "Patient/ada", PATIENT)
    api.send("PUT", "Patient/ada", {**PATIENT, "active": True})
    api.send("DELETE", "Patient/ada")


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#history")
def test_the_history_has_all_versions_newest_first(api: Caller) -> None:
    _three_versions(api)
    bundle = api.get("Patient/ada/_history").json()
    assert bundle["type"] == "history"
    assert bundle["total"] == 3
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [entry["response"]["etag"] for entry in bundle["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert [entry["response"]["status"][:3] for entry in bundle["entry"]] == ["204", "200", "201"]
    assert "resource" not in bundle["entry"][0]
    assert bundle["entry"][1]["resource"]["active"] is True


def test_the_history_comes_in_pages(api: Caller) -> None:
    _three_versions(api)
    seen: list[str] = []
    place = "Patient/ada/_history?_count=2"
    while place:
        bundle = api.get(place).json()
        seen += [entry["response"]["etag"] for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        place = links.get("next", "").partition("/fhir/")[2]
    assert seen == ['W/"3"', 'W/"2"', 'W/"1"']


def test_a_count_of_nothing_gives_the_number(api: Caller) -> None:
    _three_versions(api)
    bundle = api.get("Patient/ada/_history?_count=0").json()
    assert bundle["total"] == 3
    assert "entry" not in bundle


def test_since_leaves_out_what_is_older(api: Caller) -> None:
    _three_versions(api)
    times = [entry["response"]["lastModified"] for entry in api.get("Patient/ada/_history").json()["entry"]]
    bundle = api.get(f"Patient/ada/_history?_since={times[1]}").json()
    assert [entry["response"]["etag"] for entry in bundle["entry"]] == ['W/"3"', 'W/"2"']


@pytest.mark.parametrize("query", ["_count=x", "_count=-1", "_since=soon", "_list=1", "_count=1&_count=2"])
def test_a_parameter_that_is_not_understood_is_refused(api: Caller, query: str) -> None:
    _three_versions(api)
    assert api.get(f"Patient/ada/_history?{query}").status_code == 400


def test_what_never_was_has_no_history(api: Caller) -> None:
    assert api.get("Patient/nobody/_history").status_code == 404

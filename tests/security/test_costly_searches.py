"""Searches that are cheap to ask and were dear to answer."""

import pytest

from fhir.search.query import parse
from tests.fhir.callers import everyone

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
def test_what_is_to_be_included_a_hundred_times_is_included_once(name: str) -> None:
    asked = "&".join([f"{name}=Observation:subject"] * 100)
    assert len(parse("Observation", asked, strict=False).includes) == 1


def test_different_includes_all_count() -> None:
    query = parse(
        "Observation", "_include=Observation:subject&_include:iterate=Observation:subject", strict=False
    )
    assert len(query.includes) == 2


@pytest.mark.parametrize(
    "query",
    ["&".join(["name=x"] * 201), "_id=" + ",".join(["x"] * 201), "&".join(["_include=Patient:link"] * 201)],
)
def test_more_parameters_or_values_than_anybody_needs_are_refused(query: str) -> None:
    response = everyone().get(f"Patient?{query}")
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "too-costly"

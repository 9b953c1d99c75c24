"""docs/conformance.md is what the marks say, and leaves no requirement out."""

import dataclasses
from collections import Counter

import pytest
from django.test import Client

from tests.conformance.faults import faults, outgrown
from tests.conformance.marks import collected_elsewhere
from tests.conformance.page import PAGE, page
from tests.conformance.requirements import OPTIONAL, PAGES, Requirement, requirements

PROVEN = Requirement("SMART-1", "app-launch.html#response", "SHALL", "Something works", "")
SPARED = Requirement("SMART-2", "brands.html#brand", "SHALL", "Brands have names", "user_access_brand_bundle")
TESTS = {"SMART-1": ["tests/test_something.py::test_it_works"]}


def test_every_requirement_has_a_test_or_a_reason_and_the_page_is_what_the_marks_say() -> None:
    marks = collected_elsewhere()
    assert faults(requirements(), marks) == []
    is_current = PAGE.read_text(encoding="utf-8") == page(requirements(), marks)
    assert is_current, "docs/conformance.md is out of date: make conformance writes it anew"


@pytest.mark.django_db
def test_nothing_is_spared_that_the_server_offers(client: Client) -> None:
    document = client.get("/fhir/.well-known/smart-configuration").json()
    assert outgrown(requirements(), document) == []


def test_the_list_is_that_of_the_specification() -> None:
    listed = requirements()
    assert len({one.mark for one in listed}) == len(listed)
    assert Counter(one.rule for one in listed) == {
        "SHALL": 167, "SHALL NOT": 5, "SHOULD": 45, "SHOULD NOT": 3, "MAY": 43, "DEPRECATED": 2,
    }  # fmt: skip
    assert {one.page for one in listed if one.is_demanded} == set(PAGES)
    assert {one.needs for one in listed if one.needs} == set(OPTIONAL)
    assert all(one.summary and "|" not in one.summary for one in listed)


def test_a_requirement_without_a_test_is_a_fault() -> None:
    assert faults([PROVEN, SPARED], TESTS) == []
    assert faults([PROVEN], {}) == ["SMART-1 has no test: Something works"]
    assert faults([PROVEN], {"SMART-1": []}) == ["SMART-1 has no test: Something works"]


def test_a_recommendation_needs_no_test() -> None:
    advice = dataclasses.replace(PROVEN, mark="SMART-5", rule="SHOULD")
    assert faults([PROVEN, advice], TESTS) == []
    text = page([PROVEN, advice], TESTS)
    assert "1 requirements: 1 proven by tests" in text
    assert "SHOULD | Something works | No test |" in text.partition("## Recommendations and options")[2]


def test_a_mark_of_an_unknown_number_is_a_fault() -> None:
    assert faults([PROVEN], {**TESTS, "SMART-99999": ["x"]}) == ["SMART-99999 is no requirement of the list"]


def test_only_brands_and_optional_capabilities_are_spared() -> None:
    elsewhere = dataclasses.replace(PROVEN, needs="smart-app-state")
    of_our_making = dataclasses.replace(SPARED, needs="time")
    for one in (elsewhere, of_our_making):
        assert faults([one], {}) == [f"{one.mark} may not be spared for want of {one.needs}"]


def test_a_spared_requirement_that_has_a_test_is_a_fault() -> None:
    assert faults([SPARED], {"SMART-2": ["x"]}) == ["SMART-2 does not apply, and yet tests prove it"]


@pytest.mark.parametrize(
    "document",
    [{"capabilities": ["smart-app-state"]}, {"capabilities": [], "user_access_brand_bundle": "https://x"}],
)
def test_what_is_offered_later_is_no_longer_spared(document: dict[str, object]) -> None:
    kept = dataclasses.replace(SPARED, mark="SMART-3", needs="smart-app-state")
    assert len(outgrown([PROVEN, SPARED, kept], document)) == 1


def test_the_page_shows_proofs_reasons_and_gaps() -> None:
    text = page([PROVEN, dataclasses.replace(PROVEN, mark="SMART-4"), SPARED], TESTS)
    assert "3 requirements: 1 proven by tests, 1 that do not apply, 1 unproven." in text
    assert "[`tests/test_something.py::test_it_works`](../tests/test_something.py)" in text
    assert "SHALL | Something works | **Unproven** |" in text
    assert f"Does not apply: {OPTIONAL['user_access_brand_bundle']}" in text

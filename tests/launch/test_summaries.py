"""Patients and encounters in a few words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.summaries import summarize_encounter, summarize_patient, summarize_resource

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (
            [{"family": "Shaw", "given": ["Amy", "V."], "prefix": ["Dr"], "suffix": ["PhD"]}],
            "Dr Amy V. Shaw PhD",
        ),
        ([{"use": "old", "family": "Baxter"}, {"use": "official", "family": "Shaw"}], "Shaw"),
        ([{"use": "nickname", "given": ["Ames"]}, {"family": "Shaw"}], "Shaw"),
        ([{"use": "old", "family": "Baxter"}], "Baxter"),
        ([{"text": "Amy Shaw"}], "Amy Shaw"),
        ([{"use": "official"}, {"use": "usual", "given": ["Amy"]}], "Amy"),
        ([], "Name not known"),
    ],
)
def test_the_best_name_is_shown(names: list[dict[str, Any]], shown: str) -> None:
    assert summarize_patient({"id": "1", "name": names}).name == shown


@pytest.mark.parametrize(
    ("element", "deceased"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2020-01-01"}, True),
    ],
)
def test_whoever_died_is_marked(element: dict[str, Any], deceased: bool) -> None:
    assert summarize_patient({"id": "1", **element}).deceased is deceased


@pytest.mark.parametrize(
    ("element", "label"),
    [
        (
            {"period": {"start": "2025-06-07T10:00:00Z"}, "type": [{"text": "Check-up"}]},
            "2025-06-07 · Check-up",
        ),
        ({"type": [{"coding": [{"code": "1"}, {"display": "Visit"}]}]}, "Date not known · 1"),
        ({"type": [{}], "class": {"display": "ambulatory"}}, "Date not known · ambulatory"),
        ({"class": {"code": "AMB"}, "status": "planned"}, "Date not known · AMB · planned"),
        ({}, "Date not known"),
    ],
)
def test_an_encounter_is_named_by_day_kind_and_status(element: dict[str, Any], label: str) -> None:
    assert summarize_encounter({"id": "1", **element}).label == label


@given(JSON, JSON)
def test_nothing_in_a_resource_upsets_a_list(one: Any, other: Any) -> None:
    resource = {"id": one, "name": [other, one], "birthDate": other, "deceasedBoolean": one, "gender": other}
    assert summarize_patient(resource).name
    assert summarize_resource({**resource, "code": other, "period": one, "date": other}) is not None
    visit = {
        "id": one,
        "period": other,
        "type": [one, {"coding": other, "text": one}],
        "class": other,
        "status": one,
    }
    assert summarize_encounter(visit).label


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"code": {"text": "Potassium"}, "effectiveDateTime": "2026-05-03T10:00Z"}, "Potassium, 2026-05-03"),
        ({"medicationCodeableConcept": {"coding": [{"code": "6809", "display": "Metformin"}]}}, "Metformin"),
        (
            {"type": [{"text": "Check-up"}], "period": {"start": "2026-05-03", "end": "2026-05-04"}},
            "Check-up, 2026-05-03",
        ),
        ({"name": [{"use": "official", "family": "Shaw", "given": ["Amy"]}]}, "Amy Shaw"),
        ({"name": "Ward 3"}, "Ward 3"),
        ({"class": {"code": "AMB", "display": "ambulatory"}}, "ambulatory"),
        ({"code": {"text": "x" * 500}}, "x" * 100 + " …"),
        ({"resourceType": "Flag", "status": "active"}, ""),
        ({"code": 5, "type": [[]], "name": {"text": 1}, "date": ["2026"], "period": {"start": None}}, ""),
    ],
)
def test_any_resource_is_told_by_what_it_is_about_and_its_day(resource: dict[str, Any], words: str) -> None:
    assert summarize_resource(resource) == words

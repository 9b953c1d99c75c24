"""Deletions in histories that are limited to patients: found by the patient that the deleted resource had."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.hashing import MIXED, NONE, reference_key
from fhir.models import Resource
from fhir.store import histories
from tests.fhir.callers import Caller, for_patients
from tests.fhir.records import observation, patient
from tests.fhir.search.shelf import put, remove
from tests.fhir.test_history_type import told

pytestmark = pytest.mark.django_db
PATHS = ["Observation/_history", "_history?_count=50"]


@pytest.fixture(autouse=True)
def deletions() -> None:
    """One of Ann's observations was deleted, and many of Ben's; one was of both."""
    put(patient("ann"), patient("ben"), observation("anns", "ann"))
    put(*(observation(f"bens-{number}", "ben") for number in range(5)))
    put(observation("both", "ann", performer=[{"reference": "Patient/ben"}]))
    for name in ("anns", "both", *(f"bens-{number}" for number in range(5))):
        remove("Observation", name)


def judged(patch: pytest.MonkeyPatch) -> list[str]:
    """A list that will hold the id of every version that is judged by its content."""
    found: list[str] = []
    judge = histories._judge

    def note(access: Any, row: tuple[Any, ...]) -> bool:
        found.append(row[1])
        return judge(access, row)

    patch.setattr(histories, "_judge", note)
    return found


def test_a_deleted_resource_keeps_its_patient() -> None:
    kept = dict(Resource.objects.filter(deleted=True).values_list("fhir_id", "patient"))
    assert kept["anns"] == reference_key("Patient", "ann")
    assert kept["bens-1"] == reference_key("Patient", "ben")
    assert kept["both"] == MIXED


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#history")
@pytest.mark.parametrize("path", PATHS)
def test_only_deletions_that_may_be_the_patients_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    found = judged(monkeypatch)
    entries = [each for each in told(for_patients("ann").get(path).json()) if "Observation" in each]
    assert sorted(entries) == [
        "DELETE Observation/anns 2",
        "DELETE Observation/both 2",
        "PUT Observation/anns 1",
        "PUT Observation/both 1",
    ]
    assert {"anns", "both"} <= set(found)
    assert not any(name.startswith("bens") for name in found)


@pytest.mark.parametrize("path", PATHS)
def test_deletions_from_before_they_kept_their_patient_are_judged_by_their_content(path: str) -> None:
    before = {patient: told(for_patients(patient).get(path).json()) for patient in ("ann", "ben")}
    Resource.objects.filter(deleted=True).update(patient=NONE)
    assert {patient: told(for_patients(patient).get(path).json()) for patient in before} == before


@pytest.mark.parametrize("path", PATHS)
def test_what_was_deleted_and_is_there_again_for_another_is_nobody_elses(api: Caller, path: str) -> None:
    put(observation("anns", "ben"))
    entries = [each for each in told(for_patients("ann").get(path).json()) if "anns" in each]
    assert entries == []
    remove("Observation", "anns")
    assert [each for each in told(for_patients("ann").get(path).json()) if "anns" in each] == []


def test_many_patients_see_what_each_of_them_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    few = told(for_patients("ann", "ben").get("Observation/_history?_count=50").json())
    monkeypatch.setattr(histories, "FEW", 1)
    assert told(for_patients("ann", "ben").get("Observation/_history?_count=50").json()) == few
    assert len(few) == 14

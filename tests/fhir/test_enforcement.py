"""What several rules, and rules with several patients, add up to."""

from typing import Any

import pytest

from fhir.access import Access, Rule
from tests.fhir.callers import Caller, for_patients


def _observation(*patients: str) -> dict[str, Any]:
    """An Observation about the first of these patients, performed by the others."""
    subject, *performers = [{"reference": f"Patient/{patient}"} for patient in patients]
    facts = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject}
    return {**facts, "performer": performers} if performers else facts


@pytest.fixture
def patients(api: Caller) -> list[str]:
    """The ids of five patients."""
    return [api.create({"resourceType": "Patient"})["id"] for _ in range(5)]


def _statuses(caller: Caller, resource_type: str, ids: list[str]) -> list[int]:
    return [caller.get(f"{resource_type}/{fhir_id}").status_code for fhir_id in ids]


def test_a_rule_with_several_patients_reaches_each_of_them_and_no_other(
    api: Caller, patients: list[str]
) -> None:
    observations = [api.create(_observation(patient))["id"] for patient in patients]
    caller = for_patients(*patients[:3])
    assert _statuses(caller, "Patient", patients) == [200, 200, 200, 404, 404]
    assert _statuses(caller, "Observation", observations) == [200, 200, 200, 404, 404]
    assert caller.get("Observation").json()["total"] == 3


def test_a_resource_of_two_patients_is_read_by_whoever_may_see_one(api: Caller, patients: list[str]) -> None:
    shared = api.create(_observation(patients[0], patients[1]))["id"]
    for reaching in (patients[:1], patients[1:2], patients[:4], patients[1:4]):
        assert for_patients(*reaching).get(f"Observation/{shared}").status_code == 200
    for other in (patients[2:3], patients[2:]):
        assert for_patients(*other).get(f"Observation/{shared}").status_code == 404


def test_a_rule_for_no_patient_at_all_reaches_nothing(api: Caller, patients: list[str]) -> None:
    doctor = api.create({"resourceType": "Practitioner"})["id"]
    caller = for_patients()
    assert set(_statuses(caller, "Patient", patients)) <= {403, 404}
    assert set(_statuses(caller, "Practitioner", [doctor])) <= {403, 404}
    assert caller.send("POST", "Observation", _observation(patients[0])).status_code == 403


def test_rules_add_up(api: Caller, patients: list[str]) -> None:
    """One patient's record as a whole, another's Observations, and all Organizations."""
    first, second = patients[:2]
    conditions = [
        api.create({"resourceType": "Condition", "subject": {"reference": f"Patient/{patient}"}})["id"]
        for patient in (first, second)
    ]
    observations = [api.create(_observation(patient))["id"] for patient in (first, second)]
    group = api.create({"resourceType": "Group", "type": "person", "actual": True})["id"]
    caller = Caller(
        Access(
            (
                Rule(None, frozenset("rs"), frozenset({first})),
                Rule(frozenset({"Observation"}), frozenset("r"), frozenset({second})),
                Rule(frozenset({"Group"}), frozenset("r"), None),
            )
        )
    )
    assert _statuses(caller, "Observation", observations) == [200, 200]
    assert _statuses(caller, "Condition", conditions) == [200, 404]
    assert _statuses(caller, "Group", [group]) == [200]
    assert caller.get("Observation").json()["total"] == 1


def test_letters_are_not_each_other(api: Caller, patients: list[str]) -> None:
    stored = api.create(_observation(patients[0]))
    place = f"Observation/{stored['id']}"
    allowed = {
        "r": ("GET", place),
        "s": ("GET", "Observation"),
        "c": ("POST", "Observation"),
        "u": ("PUT", place),
        "d": ("DELETE", place),
    }
    for letter in "rscud":
        caller = for_patients(patients[0], letters=letter)
        for other, (method, path) in allowed.items():
            if other == letter:
                continue
            response = caller.send(method, path, stored if method in ("PUT", "POST") else None)
            assert response.status_code == 403, (letter, other)
        method, path = allowed[letter]
        body = {**stored, "status": "amended"} if method in ("PUT", "POST") else None
        assert caller.send(method, path, body).status_code in (200, 201, 204), letter

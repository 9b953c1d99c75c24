"""A token of one patient asks for another's data, at every door of the repository; and for what belongs to
nobody."""

from typing import Any

import pytest

from fhir.access import Access, Rule
from fhir.condition import NEVER
from fhir.elements import RESOURCE_TYPES
from fhir.enforcement import visible
from fhir.registry import compartment_class
from tests.fhir.callers import Caller, everyone, for_patients

pytestmark = pytest.mark.django_db
HISTORY_BUNDLE = {"resourceType": "Bundle", "type": "batch"}


def _observation(patient: str, **more: Any) -> dict[str, Any]:
    facts = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return {**facts, "subject": {"reference": f"Patient/{patient}"}, **more}


@pytest.fixture
def clinic() -> dict[str, str]:
    """Two patients with one Observation each, and a Practitioner: their ids by what they are."""
    api = everyone()
    mine = api.create({"resourceType": "Patient"})["id"]
    other = api.create({"resourceType": "Patient"})["id"]
    return {
        "mine": mine,
        "other": other,
        "own": api.create(_observation(mine))["id"],
        "foreign": api.create(_observation(other))["id"],
        "doctor": api.create({"resourceType": "Practitioner"})["id"],
        "group": api.create({"resourceType": "Group", "type": "person", "actual": True})["id"],
        "person": api.create({"resourceType": "Person"})["id"],
    }


def _doors(resource_type: str, fhir_id: str) -> list[str]:
    place = f"{resource_type}/{fhir_id}"
    return [place, f"{place}/_history", f"{place}/_history/1"]


def test_the_own_data_and_the_shared_types_are_readable(clinic: dict[str, str]) -> None:
    caller = for_patients(clinic["mine"])
    own = [("Patient", clinic["mine"]), ("Observation", clinic["own"]), ("Practitioner", clinic["doctor"])]
    for resource_type, fhir_id in own:
        for door in _doors(resource_type, fhir_id):
            assert caller.get(door).status_code == 200, door


def test_another_patients_data_are_not_there(clinic: dict[str, str]) -> None:
    caller = for_patients(clinic["mine"])
    for resource_type, fhir_id in [("Patient", clinic["other"]), ("Observation", clinic["foreign"])]:
        for door in _doors(resource_type, fhir_id):
            response = caller.get(door)
            assert response.status_code == 404, door
            nowhere = caller.get(door.replace(fhir_id, "nowhere"))
            assert response.content.decode().replace(fhir_id, "nowhere") == nowhere.content.decode()


def test_another_patients_data_are_not_there_in_a_batch(clinic: dict[str, str]) -> None:
    caller = for_patients(clinic["mine"])
    doors = _doors("Patient", clinic["other"]) + _doors("Observation", clinic["foreign"])
    foreign = {**_observation(clinic["other"]), "id": clinic["foreign"]}
    entries = [{"request": {"method": "GET", "url": door}} for door in doors]
    entries += [
        {"request": {"method": "DELETE", "url": doors[3]}},
        {"request": {"method": "PUT", "url": doors[3]}, "resource": foreign},
    ]
    answers = caller.send("POST", "", {**HISTORY_BUNDLE, "entry": entries}).json()["entry"]
    assert {answer["response"]["status"][:3] for answer in answers} == {"404"}
    for entry in entries:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert caller.send("POST", "", bundle).status_code == 404
    assert everyone().get(doors[3]).status_code == 200


def test_what_belongs_to_no_patient_and_is_not_shared_is_out_of_reach(clinic: dict[str, str]) -> None:
    caller = for_patients(clinic["mine"])
    for door in (*_doors("Group", clinic["group"]), *_doors("Person", clinic["person"])):
        assert caller.get(door).status_code == 404


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_each_of_the_146_types_is_in_the_compartment_shared_or_out_of_reach(resource_type: str) -> None:
    access = Access((Rule(None, frozenset("cruds"), frozenset({"1"})),))
    kind = compartment_class(resource_type)
    condition = visible(access, resource_type, "r")
    if kind == "compartment" or resource_type == "Binary":
        assert condition.params
    elif kind == "shared":
        assert condition.sql == "1 = 1"
    else:
        assert condition is NEVER


def test_a_version_that_was_another_patients_is_not_shown(clinic: dict[str, str]) -> None:
    """The Observation was recorded for the wrong patient at first."""
    api = everyone()
    place = f"Observation/{clinic['foreign']}"
    api.send("PUT", place, {**_observation(clinic["mine"]), "id": clinic["foreign"]})
    mine, other = for_patients(clinic["mine"]), for_patients(clinic["other"])
    assert mine.get(place).status_code == 200
    assert mine.get(f"{place}/_history/2").status_code == 200
    assert mine.get(f"{place}/_history/1").status_code == 404
    history = mine.get(f"{place}/_history").json()
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"2"']
    assert history["total"] == 1
    for door in (place, f"{place}/_history", f"{place}/_history/1", f"{place}/_history/2"):
        assert other.get(door).status_code == 404


def test_a_deleted_resource_is_gone_for_its_patient_and_unknown_to_others(clinic: dict[str, str]) -> None:
    everyone().send("DELETE", f"Observation/{clinic['foreign']}")
    place = f"Observation/{clinic['foreign']}"
    mine, other = for_patients(clinic["mine"]), for_patients(clinic["other"])
    assert other.get(place).status_code == 410
    assert other.get(f"{place}/_history/1").status_code == 200
    assert other.get(f"{place}/_history").json()["total"] == 2
    for door in (*_doors("Observation", clinic["foreign"]), f"{place}/_history/2"):
        assert mine.get(door).status_code == 404


def test_a_type_that_no_rule_names_is_forbidden(clinic: dict[str, str]) -> None:
    caller = for_patients(clinic["mine"], types=frozenset({"Observation"}), letters="s")
    for door in (*_doors("Observation", clinic["own"]), *_doors("Patient", clinic["mine"])):
        assert caller.get(door).status_code == 403
    assert caller.send("POST", "Observation", _observation(clinic["mine"])).status_code == 403
    assert caller.send("DELETE", f"Observation/{clinic['own']}").status_code == 403


def test_no_rule_at_all_sees_nothing_but_the_own_fhir_user(clinic: dict[str, str]) -> None:
    doctor = Caller(Access((), own=f"Practitioner/{clinic['doctor']}"))
    other = everyone().create({"resourceType": "Practitioner"})["id"]
    for door in _doors("Practitioner", clinic["doctor"]):
        assert doctor.get(door).status_code == 200
    assert doctor.get(f"Practitioner/{other}").status_code == 404
    assert doctor.get("Practitioner").status_code == 403
    assert doctor.get(f"Patient/{clinic['mine']}").status_code == 403
    resource = {"resourceType": "Practitioner", "id": clinic["doctor"]}
    assert doctor.send("PUT", f"Practitioner/{clinic['doctor']}", resource).status_code == 403


def test_another_servers_patient_with_the_same_id_gives_no_access(clinic: dict[str, str]) -> None:
    stored = everyone().create(
        {
            **_observation("x"),
            "subject": {"reference": f"https://elsewhere.example/fhir/Patient/{clinic['mine']}"},
        }
    )
    assert for_patients(clinic["mine"]).get(f"Observation/{stored['id']}").status_code == 404


@pytest.mark.requirement("SMART-139")
def test_a_link_between_patients_gives_no_access(clinic: dict[str, str]) -> None:
    linked = {"other": {"reference": f"Patient/{clinic['mine']}"}, "type": "seealso"}
    stored = everyone().create({"resourceType": "Patient", "link": [linked]})
    assert for_patients(clinic["mine"]).get(f"Patient/{stored['id']}").status_code == 404


@pytest.mark.requirement("https://hl7.org/fhir/R4/binary.html#security")
def test_a_binary_is_seen_where_its_security_context_is(clinic: dict[str, str]) -> None:
    api = everyone()

    def binary(context: str | None) -> str:
        given: dict[str, Any] = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
        if context:
            given["securityContext"] = {"reference": context}
        stored: str = api.create(given)["id"]
        return stored

    caller = for_patients(clinic["mine"])
    reached = [
        f"Patient/{clinic['mine']}",
        f"Observation/{clinic['own']}",
        f"Practitioner/{clinic['doctor']}",
    ]
    refused: list[str | None] = [
        None,
        f"Patient/{clinic['other']}",
        f"Observation/{clinic['foreign']}",
        f"Group/{clinic['group']}",
    ]
    for context in reached:
        for door in _doors("Binary", binary(context)):
            assert caller.get(door).status_code == 200, context
    for foreign in refused:
        for door in _doors("Binary", binary(foreign)):
            assert caller.get(door).status_code == 404, foreign
    without_observations = for_patients(clinic["mine"], types=frozenset({"Binary", "Patient"}))
    assert without_observations.get(f"Binary/{binary(reached[0])}").status_code == 200
    assert without_observations.get(f"Binary/{binary(reached[1])}").status_code == 404


def test_an_if_none_exist_does_not_tell_of_others(clinic: dict[str, str]) -> None:
    """The same condition is met by a foreign resource: it must not count, for a match would prove that it
    exists."""
    named = {"identifier": [{"system": "urn:x", "value": "1"}]}
    everyone().create(_observation(clinic["other"], **named))
    caller = for_patients(clinic["mine"])
    response = caller.send(
        "POST", "Observation", _observation(clinic["mine"], **named), If_None_Exist="identifier=urn:x|1"
    )
    assert response.status_code == 201


def test_a_conditional_reference_does_not_find_others(clinic: dict[str, str]) -> None:
    everyone().create(_observation(clinic["other"], identifier=[{"system": "urn:x", "value": "1"}]))
    given = _observation(clinic["mine"], derivedFrom=[{"reference": "Observation?identifier=urn:x|1"}])
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": given}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    response = for_patients(clinic["mine"]).send("POST", "", bundle)
    assert response.status_code == 412
    assert "no resource" in response.json()["issue"][0]["diagnostics"]

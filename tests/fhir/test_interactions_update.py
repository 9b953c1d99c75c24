"""update and delete: versions, conditions, and whose resource it is."""

from typing import Any

import pytest

from fhir.models import ResourceVersion, StringIndex, TokenIndex
from tests.fhir.callers import Caller, for_patients

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Lovelace"}]}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#update")
def test_an_update_makes_a_new_version_and_keeps_the_old_one(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    response = api.send("PUT", place, {**stored, "active": True})
    assert response.status_code == 200
    assert response["ETag"] == 'W/"2"'
    assert response.json()["meta"]["versionId"] == "2"
    assert response.json()["meta"]["lastUpdated"] > stored["meta"]["lastUpdated"]
    assert api.get(place).json() == response.json()
    assert api.get(f"{place}/_history/1").json() == stored


def test_the_same_content_makes_no_new_version(api: Caller) -> None:
    stored = api.create(PATIENT)
    response = api.send("PUT", f"Patient/{stored['id']}", {**PATIENT, "id": stored["id"]})
    assert response.status_code == 200
    assert response.json() == stored
    assert ResourceVersion.objects.count() == 0


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#upsert")
def test_an_update_under_a_new_id_creates(api: Caller) -> None:
    response = api.send("PUT", "Patient/ada.1-x", {**PATIENT, "id": "ada.1-x"})
    assert response.status_code == 201
    assert response.json()["id"] == "ada.1-x"
    assert response["Location"].endswith("/Patient/ada.1-x/_history/1")


@pytest.mark.parametrize("given", [PATIENT, {**PATIENT, "id": "other"}])
def test_the_id_in_the_resource_is_that_of_the_url(api: Caller, given: dict[str, Any]) -> None:
    assert api.send("PUT", "Patient/ada", given).status_code == 400


@pytest.mark.parametrize("fhir_id", ["a_b", "x" * 65, "%00", "a%20b"])
def test_an_id_that_r4_does_not_allow_is_refused(api: Caller, fhir_id: str) -> None:
    response = api.send("PUT", f"Patient/{fhir_id}", PATIENT)
    assert response.status_code == 400
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_if_match_holds_an_update_to_the_version_it_is_based_on(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    assert api.send("PUT", place, {**stored, "active": True}, If_Match='W/"1"').status_code == 200
    late = api.send("PUT", place, {**stored, "active": False}, If_Match='W/"1"')
    assert late.status_code == 412
    assert api.get(place).json()["active"] is True
    assert api.send("DELETE", place, If_Match='W/"1"').status_code == 412
    assert api.send("PUT", place, {**stored, "active": False}, If_Match="version one").status_code == 400
    assert api.send("DELETE", place, If_Match='W/"2"').status_code == 204


def test_if_match_on_what_is_not_there_is_refused(api: Caller) -> None:
    assert api.send("PUT", "Patient/ada", {**PATIENT, "id": "ada"}, If_Match='W/"1"').status_code == 412


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#delete")
def test_a_delete_can_be_repeated(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    first, again = api.send("DELETE", place), api.send("DELETE", place)
    assert (first.status_code, again.status_code) == (204, 204)
    assert first["ETag"] == again["ETag"] == 'W/"2"'
    told = api.send("DELETE", place, Prefer="return=OperationOutcome")
    assert told.status_code == 200
    assert told.json()["resourceType"] == "OperationOutcome"


def test_nothing_is_found_any_more_by_what_was_deleted(api: Caller) -> None:
    stored = api.create({**PATIENT, "identifier": [{"system": "urn:x", "value": "1"}]})
    api.send("DELETE", f"Patient/{stored['id']}")
    assert TokenIndex.objects.count() == StringIndex.objects.count() == 0


def test_an_update_brings_a_deleted_resource_back_under_the_next_version(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    api.send("DELETE", place)
    response = api.send("PUT", place, stored)
    assert response.status_code == 201
    assert response["ETag"] == 'W/"3"'
    assert api.get(place).status_code == 200


def test_index_rows_follow_the_content(api: Caller) -> None:
    stored = api.create({**PATIENT, "gender": "female"})
    before = set(TokenIndex.objects.values_list("hash", flat=True))
    api.send("PUT", f"Patient/{stored['id']}", {**PATIENT, "id": stored["id"], "gender": "male"})
    after = set(TokenIndex.objects.values_list("hash", flat=True))
    assert len(before) == len(after)
    assert len(before - after) == 1
    api.send("PUT", f"Patient/{stored['id']}", {**PATIENT, "id": stored["id"], "gender": "female"})
    assert set(TokenIndex.objects.values_list("hash", flat=True)) == before


def test_a_patients_rule_updates_and_deletes_its_own_and_nothing_else(api: Caller) -> None:
    mine, other = api.create(PATIENT)["id"], api.create(PATIENT)["id"]

    def observation(patient: str) -> dict[str, Any]:
        given = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        return api.create({**given, "subject": {"reference": f"Patient/{patient}"}})

    own, foreign = observation(mine), observation(other)
    caller = for_patients(mine)
    here, there = f"Observation/{own['id']}", f"Observation/{foreign['id']}"
    assert caller.send("PUT", here, {**own, "status": "amended"}).status_code == 200
    assert caller.send("PUT", here, {**own, "subject": {"reference": f"Patient/{other}"}}).status_code == 403
    assert caller.send("PUT", there, {**foreign, "status": "amended"}).status_code == 404
    assert caller.send("PUT", there, {**foreign, "subject": own["subject"]}).status_code == 404
    assert caller.send("DELETE", there).status_code == 404
    assert caller.send("DELETE", here).status_code == 204
    assert caller.send("DELETE", here).status_code == 204
    assert api.get(there).json() == foreign


def test_a_patients_rule_cannot_tell_a_foreign_id_from_a_free_one(api: Caller) -> None:
    mine, other = api.create(PATIENT)["id"], api.create(PATIENT)["id"]
    given = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{mine}"},
    }
    api.send(
        "PUT", "Observation/taken", {**given, "id": "taken", "subject": {"reference": f"Patient/{other}"}}
    )
    api.send("PUT", "Observation/gone", {**given, "id": "gone", "subject": {"reference": f"Patient/{other}"}})
    api.send("DELETE", "Observation/gone")
    caller = for_patients(mine)
    for method in ("GET", "PUT", "DELETE"):
        answers = set()
        for fhir_id in ("taken", "gone", "free"):
            body = {**given, "id": fhir_id} if method == "PUT" else None
            response = caller.send(method, f"Observation/{fhir_id}", body)
            answers.add((response.status_code, response.content.decode().replace(fhir_id, "…")))
        assert len(answers) == 1, method
        assert answers.pop()[0] == 404


def test_a_resource_of_two_patients_is_not_deleted_by_one_of_them(api: Caller) -> None:
    mine, other = api.create(PATIENT)["id"], api.create(PATIENT)["id"]
    shared = api.create(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": f"Patient/{mine}"},
            "performer": [{"reference": f"Patient/{other}"}],
        }
    )
    for patient in (mine, other):
        caller = for_patients(patient)
        assert caller.get(f"Observation/{shared['id']}").status_code == 200
        assert caller.send("DELETE", f"Observation/{shared['id']}").status_code == 403
    assert for_patients(mine, other).send("DELETE", f"Observation/{shared['id']}").status_code == 204

"""conditional update, delete and patch: what criteria find decides what is written."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fhir.models import Resource
from tests.fhir.callers import Caller, everyone, for_patients
from tests.fhir.racing import together

JSON_PATCH = "application/json-patch+json"
ACTIVATE = b'[{"op":"add","path":"/active","value":true}]'
HERE = "identifier=urn:x|1"


def person(number: str = "1", **more: Any) -> dict[str, Any]:
    """A Patient with this identifier."""
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": number}], **more}


def send(caller: Caller, method: str, criteria: str, **more: Any) -> Any:
    """The response to a conditional interaction on Patient that would activate the match."""
    url = f"Patient?{criteria}"
    if method == "PATCH":
        return caller.send(method, url, ACTIVATE, content_type=JSON_PATCH, **more)
    return caller.send(method, url, person(active=True) if method == "PUT" else None, **more)


def versions() -> list[int]:
    """The versions of all Patients that are there."""
    return sorted(Resource.objects.filter(type="Patient", deleted=False).values_list("version", flat=True))


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cond-update")
def test_an_update_gives_the_one_match_its_content(api: Caller) -> None:
    stored = api.create(person())
    response = send(api, "PUT", HERE)
    assert response.status_code == 200
    assert response.json() == {**person(active=True), "id": stored["id"], "meta": response.json()["meta"]}
    assert (response["ETag"], versions()) == ('W/"2"', [2])
    named = api.send("PUT", f"Patient?{HERE}", person(id=stored["id"]))
    assert (named.status_code, named["ETag"]) == (200, 'W/"3"')


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cond-update")
def test_an_update_that_finds_nothing_creates_under_a_new_id_or_its_own(api: Caller) -> None:
    api.create(person("2"))
    response = send(api, "PUT", HERE)
    assert response.status_code == 201
    assert f"Patient/{response.json()['id']}/_history/1" in response["Location"]
    own = api.send("PUT", "Patient?identifier=urn:x|3", person("3", id="chosen"))
    assert (own.status_code, own.json()["id"]) == (201, "chosen")
    assert versions() == [1, 1, 1]


def test_an_update_that_finds_nothing_does_not_overwrite_what_has_its_id(api: Caller) -> None:
    api.send("PUT", "Patient/taken", person("2", id="taken"))
    response = api.send("PUT", f"Patient?{HERE}", person(id="taken"))
    assert response.status_code == 409
    assert versions() == [1]
    api.send("DELETE", "Patient/taken")
    assert api.send("PUT", f"Patient?{HERE}", person(id="taken")).status_code == 201


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cond-update")
def test_an_update_with_the_id_of_another_resource_is_refused(api: Caller) -> None:
    api.create(person())
    assert api.send("PUT", f"Patient?{HERE}", person(id="other")).status_code == 400
    assert api.send("PUT", f"Patient?{HERE}", person(id="o t")).status_code == 422
    assert versions() == [1]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#delete")
def test_a_delete_removes_the_one_match_and_finds_nothing_the_second_time(api: Caller) -> None:
    stored = api.create(person())
    response = send(api, "DELETE", HERE)
    assert (response.status_code, response["ETag"]) == (204, 'W/"2"')
    assert api.get(f"Patient/{stored['id']}").status_code == 410
    again = send(api, "DELETE", HERE)
    assert (again.status_code, again.content) == (204, b"")
    said = send(api, "DELETE", HERE, Prefer="return=OperationOutcome")
    assert (said.status_code, said.json()["resourceType"]) == (200, "OperationOutcome")


def test_a_delete_tells_what_it_did_if_asked(api: Caller) -> None:
    api.create(person())
    said = send(api, "DELETE", HERE, Prefer="return=OperationOutcome")
    assert (said.status_code, "was deleted" in said.json()["issue"][0]["diagnostics"]) == (200, True)


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#patch")
def test_a_patch_changes_the_one_match_and_is_404_without(api: Caller) -> None:
    api.create(person())
    response = send(api, "PATCH", HERE)
    assert (response.status_code, response.json()["active"], versions()) == (200, True, [2])
    assert send(api, "PATCH", "identifier=urn:x|2").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cond-update")
def test_several_matches_are_refused_and_nothing_is_written(api: Caller, method: str) -> None:
    api.create(person())
    api.create(person())
    response = send(api, method, HERE)
    assert response.status_code == 412
    assert response.json()["issue"][0]["code"] == "multiple-matches"
    assert versions() == [1, 1]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "criteria",
    [
        "",
        "nothing=1",
        "identifier=urn:x|1&nothing=1",
        "identifier:above=urn:x|1",
        "identifier=",
        "_count=1",
        "_sort=name&_format=json",
        "name:exact:exact=x",
    ],
)
def test_criteria_are_understood_to_the_last_word_or_refused(api: Caller, method: str, criteria: str) -> None:
    api.create(person())
    response = send(api, method, criteria)
    assert response.status_code == 400, response.content
    assert versions() == [1]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_if_match_holds_a_conditional_interaction_to_a_version(api: Caller, method: str) -> None:
    api.create(person())
    assert send(api, method, HERE, If_Match='W/"2"').status_code == 412
    assert versions() == [1]
    assert send(api, method, HERE, If_Match='W/"1"').status_code in (200, 204)


def test_if_match_without_a_match_is_refused(api: Caller) -> None:
    assert send(api, "PUT", HERE, If_Match='W/"1"').status_code == 412
    assert versions() == []


@pytest.mark.parametrize(("method", "letters"), [("PUT", "u"), ("PATCH", "u"), ("DELETE", "d")])
def test_criteria_need_the_right_to_search_besides_that_to_write(
    api: Caller, method: str, letters: str
) -> None:
    stored = api.create(person())
    for some in (letters, "rs", f"r{letters}"):
        assert send(for_patients(stored["id"], letters=some), method, HERE).status_code == 403
    assert versions() == [1]
    allowed = send(for_patients(stored["id"], letters=f"s{letters}"), method, HERE)
    assert allowed.status_code in (200, 204), allowed.content


def test_the_tail_of_prefer_counts_here_too(api: Caller) -> None:
    api.create(person())
    for method in ("PUT", "PATCH"):
        response = send(api, method, HERE, Prefer="return=minimal")
        assert (response.status_code, response.content) == (200, b"")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parallel_conditional_updates_make_one_resource_and_lose_no_version() -> None:
    barrier = threading.Barrier(4)

    def update(number: int) -> int:
        caller = everyone()
        barrier.wait()
        # The same condition, written in several ways.
        criteria = HERE if number % 2 else HERE.replace("|", "%7C")
        content = person(active=bool(number % 2), birthDate=f"200{number}")
        status: int = caller.send("PUT", f"Patient?{criteria}", content).status_code
        return status

    statuses = together(4, update)
    assert sorted(statuses) == [200, 200, 200, 201]
    assert versions() == [4]

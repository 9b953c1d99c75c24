"""read and vread, with what HTTP says around them."""

from typing import Any

import pytest

from tests.fhir.callers import Caller

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Ömer", "given": ["Ada"]}]}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#read")
def test_a_resource_is_read_with_its_version_and_time(api: Caller) -> None:
    stored = api.create(PATIENT)
    response = api.get(f"Patient/{stored['id']}")
    assert response.status_code == 200
    assert response.json() == stored
    assert response["Content-Type"] == "application/fhir+json"
    assert response["ETag"] == 'W/"1"'
    assert response["Last-Modified"].endswith(" GMT")
    assert response["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Accept"} <= {part.strip() for part in response["Vary"].split(",")}
    assert not response.cookies


def test_what_is_read_is_the_stored_text_to_the_byte(api: Caller) -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":0.40},'
        b'"component":[{"code":{"text":"y"},"valueQuantity":{"value":100e-2}},'
        b'{"code":{"text":"z"},"valueQuantity":{"value":12345678901234567890.123}}]}'
    )
    created = api.send("POST", "Observation", text)
    response = api.get(f"Observation/{created.json()['id']}")
    assert response.content == created.content
    for digits in (b":0.40}", b":100e-2}", b":12345678901234567890.123}"):
        assert digits in response.content


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#read")
def test_head_answers_as_get_without_the_body(api: Caller) -> None:
    stored = api.create(PATIENT)
    response = api.send("HEAD", f"Patient/{stored['id']}")
    assert response.status_code == 200
    assert response["ETag"] == 'W/"1"'
    assert response.content == b""


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', "*", 'W/"7", W/"1"'])
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cread")
def test_a_client_that_has_the_version_is_told_so(api: Caller, tag: str) -> None:
    stored = api.create(PATIENT)
    response = api.get(f"Patient/{stored['id']}", If_None_Match=tag)
    assert response.status_code == 304
    assert response.content == b""
    assert response["ETag"] == 'W/"1"'


def test_a_client_that_has_another_version_gets_this_one(api: Caller) -> None:
    stored = api.create(PATIENT)
    assert api.get(f"Patient/{stored['id']}", If_None_Match='W/"2"').status_code == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Sun, 01 Jan 2040 00:00:00 GMT", 304),
        ("Sun, 01 Jan 2006 00:00:00 GMT", 200),
        ("yesterday", 200),
        ("Sun, 01 Jan 2040 00:00:00", 200),
    ],
)
def test_if_modified_since_counts_where_it_is_a_date(api: Caller, since: str, status: int) -> None:
    stored = api.create(PATIENT)
    assert api.get(f"Patient/{stored['id']}", If_Modified_Since=since).status_code == status


def test_the_tag_goes_before_the_date(api: Caller) -> None:
    stored = api.create(PATIENT)
    response = api.get(
        f"Patient/{stored['id']}", If_None_Match='W/"9"', If_Modified_Since="Sun, 01 Jan 2040 00:00:00 GMT"
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "address", ["Patient/unknown", "Patient/%00", "Patient/a%20b", "Patient/" + "x" * 65]
)
def test_an_id_that_nobody_has_is_not_found(api: Caller, address: str) -> None:
    response = api.get(address)
    assert response.status_code == 404
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#vread")
def test_each_version_can_be_read(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    api.send("PUT", place, {**PATIENT, "id": stored["id"], "active": True})
    first, second = api.get(f"{place}/_history/1"), api.get(f"{place}/_history/2")
    assert first.json() == stored
    assert second.json()["active"] is True
    assert (first["ETag"], second["ETag"]) == ('W/"1"', 'W/"2"')


@pytest.mark.parametrize("version", ["3", "0", "-1", "x", "٢", "9" * 30])
def test_a_version_that_there_is_not_is_not_found(api: Caller, version: str) -> None:
    stored = api.create(PATIENT)
    assert api.get(f"Patient/{stored['id']}/_history/{version}").status_code == 404


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#delete")
def test_a_deleted_resource_is_gone_and_its_versions_stay(api: Caller) -> None:
    stored = api.create(PATIENT)
    place = f"Patient/{stored['id']}"
    api.send("DELETE", place)
    assert api.get(place).status_code == 410
    assert api.get(f"{place}/_history/2").status_code == 410
    assert api.get(f"{place}/_history/1").json() == stored

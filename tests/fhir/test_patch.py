"""patch over HTTP: what it changes, what it refuses, and how it is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.fhir.callers import Caller, for_patients

JSON_PATCH = "application/json-patch+json"
PATCH = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#patch")


def send(caller: Caller, url: str, *operations: dict[str, Any], **headers: str) -> Any:
    """The response to a patch."""
    return caller.send("PATCH", url, list(operations), content_type=JSON_PATCH, **headers)


def change(path: str, value: Any) -> dict[str, Any]:
    """The operation that puts a value somewhere."""
    return {"op": "add", "path": path, "value": value}


@pytest.fixture
def person(api: Caller) -> str:
    """The address of a Patient."""
    api.send("PUT", "Patient/p", {"resourceType": "Patient", "id": "p", "name": [{"family": "Adler"}]})
    return "Patient/p"


@PATCH
def test_a_patch_changes_what_it_names_and_makes_a_version(api: Caller, person: str) -> None:
    response = send(api, person, change("/gender", "female"), {"op": "remove", "path": "/name"})
    assert response.status_code == 200
    stored = response.json()
    assert (stored["gender"], stored["meta"]["versionId"], "name" in stored) == ("female", "2", False)
    assert response["ETag"] == 'W/"2"'
    assert response["Location"].endswith("Patient/p/_history/2")
    assert api.get(person).json() == stored
    entry = api.get(f"{person}/_history").json()["entry"][0]
    assert entry["request"] == {"method": "PATCH", "url": "Patient/p"}


def test_a_patched_resource_is_found_by_what_it_is_now(api: Caller, person: str) -> None:
    send(api, person, {"op": "replace", "path": "/name/0/family", "value": "Geier"})
    assert api.get("Patient?family=geier").json()["total"] == 1
    assert api.get("Patient?family=adler").json()["total"] == 0


def test_a_patch_that_comes_to_nothing_makes_no_version(api: Caller, person: str) -> None:
    response = send(api, person, {"op": "test", "path": "/name/0/family", "value": "Adler"})
    assert (response.status_code, response["ETag"]) == (200, 'W/"1"')


def test_digits_that_a_patch_does_not_touch_stay(api: Caller) -> None:
    text = b"""{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
               "valueQuantity": {"value": 1.500}}"""
    assert api.send("PUT", "Observation/o", text).status_code == 201
    body = b'[{"op":"add","path":"/referenceRange","value":[{"low":{"value":0.10}}]}]'
    response = api.send("PATCH", "Observation/o", body, content_type=JSON_PATCH)
    assert b'"value":1.500' in response.content
    assert b'"value":0.10' in response.content


@PATCH
@pytest.mark.parametrize(
    ("operation", "status", "words"),
    [
        (
            {"op": "test", "path": "/name/0/family", "value": "Geier"},
            422,
            "Operation 0 (test /name/0/family)",
        ),
        ({"op": "remove", "path": "/gender"}, 422, "Operation 0 (remove /gender)"),
        ({"op": "increment", "path": "/gender"}, 400, "Operation 0"),
        (change("/gender", "unheard-of"), 422, ""),
        (change("/resourceType", "Person"), 422, ""),
        (change("/id", "other"), 400, "id"),
        (change("/unknown", 1), 422, ""),
        (change("", {"resourceType": "Patient"}), 400, "id"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    api: Caller, person: str, operation: dict[str, Any], status: int, words: str
) -> None:
    response = send(api, person, change("/active", True), operation) if status == 422 and not words else None
    response = response or send(api, person, operation)
    assert response.status_code == status, response.content
    assert words in response.json()["issue"][0]["diagnostics"]
    assert api.get(person).json()["meta"]["versionId"] == "1"


def test_the_fault_of_the_result_is_named_by_its_element(api: Caller, person: str) -> None:
    issue = send(api, person, change("/gender", "unheard-of")).json()["issue"][0]
    assert issue["expression"] == ["Patient.gender"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_if_match_holds_a_patch_to_a_version(api: Caller, person: str) -> None:
    assert send(api, person, change("/active", True), If_Match='W/"1"').status_code == 200
    assert send(api, person, change("/active", False), If_Match='W/"1"').status_code == 412
    assert api.get(person).json()["active"] is True


@pytest.mark.parametrize(
    "media", ["application/fhir+json", "application/xml-patch+xml", "application/json", ""]
)
def test_other_forms_of_patch_are_refused_by_name(api: Caller, person: str, media: str) -> None:
    response = api.send("PATCH", person, b"[]", content_type=media)
    assert response.status_code == 415
    assert response["Accept-Patch"] == JSON_PATCH
    assert "FHIRPath Patch" in response.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("body", [b"{}", b"[NaN]", b"[", b'[{"op":"remove","op":"remove","path":"/a"}]'])
def test_a_body_that_is_no_array_of_json_is_a_bad_request(api: Caller, person: str, body: bytes) -> None:
    assert api.send("PATCH", person, body, content_type=JSON_PATCH).status_code == 400


def test_what_is_not_there_is_404_and_what_was_deleted_is_410(api: Caller, person: str) -> None:
    assert send(api, "Patient/none", change("/active", True)).status_code == 404
    api.send("DELETE", person)
    assert send(api, person, change("/active", True)).status_code == 410


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ops")
def test_prefer_says_how_much_of_the_result_comes_back(api: Caller, person: str) -> None:
    minimal = send(api, person, change("/active", True), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content, minimal["ETag"]) == (200, b"", 'W/"2"')
    said = send(api, person, change("/active", False), Prefer="return=OperationOutcome").json()
    assert said["resourceType"] == "OperationOutcome"
    assert send(api, person, change("/active", True), Prefer="return=representation").json()["active"] is True


def test_copies_that_double_end_at_the_limit_of_a_body(api: Caller, person: str, settings: Any) -> None:
    settings.FHIR_MAX_BODY_BYTES = 20_000
    long = change("/name/0/text", "x" * 5000)
    copies = [{"op": "copy", "from": "/name/0", "path": "/name/-"}] * 50
    assert send(api, person, long, *copies).status_code == 413
    assert "text" not in api.get(person).json()["name"][0]


@PATCH
def test_an_entry_of_a_bundle_patches_with_a_binary(api: Caller, person: str) -> None:
    for position, kind in enumerate(("transaction", "batch")):
        document = json.dumps([change("/multipleBirthInteger", position)]).encode()
        response = api.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [_entry(document)]})
        assert response.status_code == 200, response.content
        assert response.json()["entry"][0]["response"]["status"] == "200 OK"
        assert api.get(person).json()["multipleBirthInteger"] == position


def _entry(document: bytes, **more: str) -> dict[str, Any]:
    binary = {
        "resourceType": "Binary",
        "contentType": JSON_PATCH,
        "data": base64.b64encode(document).decode(),
    }
    return {"request": {"method": "PATCH", "url": "Patient/p"}, "resource": {**binary, **more}}


def test_a_transaction_with_a_patch_that_fails_writes_nothing(api: Caller, person: str) -> None:
    created = {
        "request": {"method": "POST", "url": "Basic"},
        "resource": {"resourceType": "Basic", "code": {}},
    }
    created["resource"]["code"] = {"text": "x"}  # type: ignore[index]
    failing = _entry(b'[{"op":"remove","path":"/gender"}]')
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [created, failing]}
    response = api.send("POST", "", bundle)
    assert response.status_code == 422
    assert response.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert api.get("Basic").json()["total"] == 0


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ({"request": {"method": "PATCH", "url": "Patient/p"}}, 400),
        (_entry(b"[]", contentType="application/xml-patch+xml"), 415),
        (_entry(b"{}"), 400),
        (
            {
                "request": {"method": "PATCH", "url": "Patient/p"},
                "resource": {"resourceType": "Parameters", "parameter": [{"name": "x"}]},
            },
            422,
        ),
    ],
)
def test_an_entry_without_a_json_patch_is_refused(
    api: Caller, person: str, entry: dict[str, Any], status: int
) -> None:
    response = api.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert response.status_code == status, response.content


@pytest.mark.requirement("SMART 2.2 scopes-and-launch-context.html#scopes-for-requesting-fhir-resources")
def test_u_alone_patches_and_shows_nothing_of_what_is_stored(api: Caller, person: str) -> None:
    blind = for_patients("p", letters="u")
    response = send(blind, person, change("/gender", "female"))
    assert (response.status_code, response.content) == (200, b"")
    for operation in (
        {"op": "test", "path": "/name/0/family", "value": "Adler"},
        {"op": "copy", "from": "/name/0/family", "path": "/language"},
        {"op": "move", "from": "/name/0/family", "path": "/language"},
    ):
        refused = send(blind, person, operation)
        assert refused.status_code == 403
        assert "Adler" not in refused.content.decode()
    assert send(for_patients("p", letters="ru"), person, change("/gender", "male")).json()["gender"] == "male"
    assert send(for_patients("p", letters="r"), person, change("/gender", "male")).status_code == 403

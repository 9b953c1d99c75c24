"""Prefer: how much a write tells, whichever interaction it is. https://hl7.org/fhir/R4/http.html#ops"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir.callers import Caller

OPS = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ops")
PATCH = "application/json-patch+json"
FHIR = "application/fhir+json"
CHANGE = b'[{"op":"replace","path":"/gender","value":"male"}]'
SAME: dict[str, Any] = {"resourceType": "Patient", "id": "p", "gender": "other"}
OTHER = {**SAME, "gender": "female"}
NEW = {"resourceType": "Patient", "gender": "unknown"}

WRITES: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "create": ("POST", "Patient", NEW, {}),
    "conditional create that creates": ("POST", "Patient", NEW, {"If_None_Exist": "_id=none"}),
    "conditional create that finds": ("POST", "Patient", NEW, {"If_None_Exist": "_id=p"}),
    "update": ("PUT", "Patient/p", OTHER, {}),
    "update that changes nothing": ("PUT", "Patient/p", SAME, {}),
    "update that creates": ("PUT", "Patient/q", {**OTHER, "id": "q"}, {}),
    "conditional update": ("PUT", "Patient?_id=p", OTHER, {}),
    "conditional update that creates": ("PUT", "Patient?_id=none", NEW, {}),
    "patch": ("PATCH", "Patient/p", CHANGE, {"content_type": PATCH}),
    "conditional patch": ("PATCH", "Patient?_id=p", CHANGE, {"content_type": PATCH}),
}
DELETES = {
    "delete": ("Patient/p", True),
    "conditional delete": ("Patient?_id=p", True),
    "conditional delete that finds nothing": ("Patient?_id=none", False),
}


@pytest.fixture
def person(api: Caller) -> None:
    """A Patient."""
    api.send("PUT", "Patient/p", SAME)


def _write(api: Caller, name: str, prefer: str) -> Any:
    method, path, body, headers = WRITES[name]
    wish = {"Prefer": prefer} if prefer else {}
    response = api.send(method, path, body, **headers, **wish)
    assert response.status_code == (201 if "creates" in name or name == "create" else 200)
    place = response["Location"].removeprefix("http://testserver/fhir/")
    stored = api.get(place)
    assert stored["ETag"] == response["ETag"]
    assert stored["Last-Modified"] == response["Last-Modified"]
    return response, stored


@OPS
@pytest.mark.parametrize("prefer", ["", "return=representation", "return=REPRESENTATION", "return=nonsense"])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_tells_what_is_stored(api: Caller, person: None, name: str, prefer: str) -> None:
    response, stored = _write(api, name, prefer)
    assert response.content == stored.content
    assert response["Content-Type"] == FHIR


@OPS
@pytest.mark.parametrize("prefer", ["return=minimal", "respond-async, return=minimal", 'return="minimal"'])
@pytest.mark.parametrize("name", WRITES)
def test_a_minimal_answer_has_no_body(api: Caller, person: None, name: str, prefer: str) -> None:
    response, _ = _write(api, name, prefer)
    assert response.content == b""
    assert "Content-Type" not in response


@OPS
@pytest.mark.parametrize("name", WRITES)
def test_an_outcome_says_what_became_of_it(api: Caller, person: None, name: str) -> None:
    response, stored = _write(api, name, "return=OperationOutcome")
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    [issue] = outcome["issue"]
    assert issue["severity"] == "information"
    found = stored.json()
    assert f"Patient/{found['id']}" in issue["diagnostics"]
    assert f"version {found['meta']['versionId']}" in issue["diagnostics"]


@OPS
@pytest.mark.parametrize("name", DELETES)
def test_a_deletion_has_a_body_only_if_an_outcome_is_asked_for(api: Caller, person: None, name: str) -> None:
    path, deletes = DELETES[name]
    told = api.send("DELETE", path, Prefer="return=OperationOutcome")
    assert (told.status_code, told.json()["resourceType"]) == (200, "OperationOutcome")
    assert api.get("Patient/p").status_code == (410 if deletes else 200)
    for prefer in ("return=minimal", "return=representation"):
        again = api.send("DELETE", path, Prefer=prefer)
        assert (again.status_code, again.content) == (204, b"")


@OPS
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_entry_that_finds_what_it_would_create_says_so(api: Caller, person: None, kind: str) -> None:
    asked = {"method": "POST", "url": "Patient", "ifNoneExist": "_id=p"}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": NEW, "request": asked}]}
    for wish, member in (
        ("OperationOutcome", "response.outcome"),
        ("representation", "resource"),
        ("minimal", ""),
    ):
        [entry] = api.send("POST", "", bundle, Prefer=f"return={wish}").json()["entry"]
        assert entry["response"]["status"] == "200 OK"
        assert entry["response"]["etag"] == 'W/"1"'
        assert entry["response"]["location"].endswith("/Patient/p/_history/1")
        assert ("resource" in entry) == (member == "resource")
        assert ("outcome" in entry["response"]) == (member == "response.outcome")


@OPS
@pytest.mark.parametrize("url", ["Patient/p", "Patient?_id=p", "Patient?_id=none"])
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_entry_that_deletes_says_so_if_asked(api: Caller, person: None, kind: str, url: str) -> None:
    asked = {"request": {"method": "DELETE", "url": url}}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [asked]}
    for wish, told in (("OperationOutcome", True), ("representation", False), ("minimal", False)):
        [entry] = api.send("POST", "", bundle, Prefer=f"return={wish}").json()["entry"]
        assert entry["response"]["status"] == "204 No Content"
        assert ("outcome" in entry["response"]) is told
        assert "resource" not in entry

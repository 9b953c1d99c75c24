"""Criteria in a batch and in a transaction: one answer decides what an entry is about."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.conf import settings as site

from fhir.models import Resource
from tests.fhir.callers import Caller

KINDS = pytest.mark.parametrize("kind", ["batch", "transaction"])


def person(number: str, **more: Any) -> dict[str, Any]:
    """A Patient with this identifier."""
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": number}], **more}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    """An entry of a Bundle; `more` goes to its request, a fullUrl to itself."""
    full_url = {"fullUrl": more.pop("fullUrl")} if "fullUrl" in more else {}
    found = {**full_url, "request": {"method": method, "url": url, **more}}
    return found if resource is None else {**found, "resource": resource}


def patch(url: str, operations: bytes) -> dict[str, Any]:
    """An entry that patches."""
    data = base64.b64encode(operations).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    return entry("PATCH", url, binary)


def send(caller: Caller, kind: str, *entries: dict[str, Any], **headers: str) -> Any:
    """The response to these entries."""
    return caller.send(
        "POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)}, **headers
    )


def statuses(response: Any) -> list[str]:
    """The status of each entry."""
    assert response.status_code == 200, response.content
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


@KINDS
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
def test_entries_find_what_they_are_about(api: Caller, kind: str) -> None:
    for number in "123":
        api.create(person(number))
    response = send(
        api,
        kind,
        entry("PUT", "Patient?identifier=urn:x|1", person("1", active=True)),
        patch("Patient?identifier=urn:x|2", b'[{"op":"add","path":"/active","value":true}]'),
        entry("DELETE", "Patient?identifier=urn:x|3"),
        entry("DELETE", "Patient?identifier=urn:x|4"),
        entry("PUT", "Patient?identifier=urn:x|5", person("5")),
        entry("PUT", "Patient?identifier=urn:x|6", person("6", id="six")),
    )
    assert statuses(response) == ["200", "200", "204", "204", "201", "201"]
    assert api.get("Patient?active=true&_summary=count").json()["total"] == 2
    assert api.get("Patient?identifier=urn:x|3").json()["total"] == 0
    assert api.get("Patient/six").status_code == 200


def test_references_follow_an_entry_to_what_its_criteria_find(api: Caller) -> None:
    stored = api.create(person("1"))
    weight = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    response = send(
        api,
        "transaction",
        entry(
            "POST",
            "Observation",
            {**weight, "subject": {"reference": "urn:uuid:5ee0f5a8-0000-4000-8000-000000000001"}},
        ),
        entry(
            "PUT",
            "Patient?identifier=urn:x|1",
            person("1", active=True),
            fullUrl="urn:uuid:5ee0f5a8-0000-4000-8000-000000000001",
        ),
    )
    assert statuses(response) == ["201", "200"]
    location = response.json()["entry"][0]["response"]["location"].removeprefix(f"{site.FHIR_BASE}/")
    observation = api.get(location).json()
    assert observation["subject"] == {"reference": f"Patient/{stored['id']}"}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
def test_entries_that_turn_out_to_be_about_one_resource_are_refused(api: Caller) -> None:
    stored = api.create(person("1"))
    for other in (
        entry("DELETE", f"Patient/{stored['id']}"),
        entry("DELETE", "Patient?identifier=urn:x|1"),
        patch(f"Patient/{stored['id']}", b"[]"),
    ):
        response = send(api, "transaction", entry("PUT", "Patient?identifier=urn:x|1", person("1")), other)
        assert response.status_code == 400
        assert response.json()["issue"][0]["code"] == "duplicate"
    assert Resource.objects.get().version == 1


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry("DELETE", "Patient?active=true"), 412),
        (entry("PUT", "Patient?active=true", person("9")), 412),
        (patch("Patient?active=true", b"[]"), 412),
        (patch("Patient?identifier=urn:x|9", b"[]"), 404),
        (entry("DELETE", "Patient?unheard-of=1"), 400),
        (entry("DELETE", "Patient?_count=1"), 400),
        (entry("DELETE", "Patient"), 400),
        (entry("PUT", "Patient?identifier=urn:x|1", person("1"), ifMatch='W/"7"'), 412),
        (entry("PUT", "Patient?identifier=urn:x|9", person("9", id="other"), ifMatch='W/"1"'), 412),
        (entry("PUT", "Patient?identifier=urn:x|1", person("1", id="other")), 400),
    ],
)
def test_one_entry_whose_criteria_fail_stops_a_transaction(
    api: Caller, bad: dict[str, Any], status: int
) -> None:
    for number in "12":
        api.create(person(number, active=True))
    response = send(api, "transaction", entry("POST", "Patient", person("3")), bad)
    assert response.status_code == status, response.content
    assert all(place.startswith("Bundle.entry[1]") for place in response.json()["issue"][0]["expression"])
    assert sorted(Resource.objects.values_list("version", flat=True)) == [1, 1]
    alone = send(api, "batch", entry("POST", "Patient", person("3")), bad)
    assert statuses(alone) == ["201", str(status)]


def test_a_conditional_create_does_not_find_what_the_transaction_deletes_by_criteria(api: Caller) -> None:
    stored = api.create(person("1"))
    response = send(
        api,
        "transaction",
        entry("POST", "Patient", person("1"), ifNoneExist="identifier=urn:x|1"),
        entry("DELETE", "Patient?identifier=urn:x|1"),
    )
    assert statuses(response) == ["201", "204"]
    assert api.get(f"Patient/{stored['id']}").status_code == 410
    assert api.get("Patient?identifier=urn:x|1").json()["total"] == 1


@KINDS
def test_prefer_decides_how_much_each_entry_tells(api: Caller, kind: str) -> None:
    api.create(person("1"))
    asked = (entry("PUT", "Patient?identifier=urn:x|1", person("1")), entry("DELETE", "Basic?code=x"))
    whole = send(api, kind, *asked, Prefer="return=representation").json()["entry"]
    assert whole[0]["resource"]["identifier"] == person("1")["identifier"]
    said = send(api, kind, *asked, Prefer="return=OperationOutcome").json()["entry"]
    assert all(each["response"]["outcome"]["resourceType"] == "OperationOutcome" for each in said)
    bare = send(api, kind, *asked, Prefer="return=minimal").json()["entry"]
    assert not any("resource" in each or "outcome" in each["response"] for each in bare)


@KINDS
@pytest.mark.requirement("https://hl7.org/fhir/R4/valueset-http-verb.html")
def test_head_and_the_histories_are_entries_too(api: Caller, kind: str) -> None:
    stored = api.create(person("1"))
    response = send(
        api,
        kind,
        entry("HEAD", f"Patient/{stored['id']}"),
        entry("GET", "Patient/_history"),
        entry("GET", "_history"),
        entry("GET", f"Patient/{stored['id']}/_history"),
    )
    assert statuses(response) == ["200"] * 4
    head, *histories = response.json()["entry"]
    assert "resource" not in head
    assert head["response"]["etag"] == 'W/"1"'
    assert [each["resource"]["type"] for each in histories] == ["history"] * 3

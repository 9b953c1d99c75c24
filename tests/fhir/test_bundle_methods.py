"""Batch and transaction with every method at once: what each entry does, in which order, and who is told."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fhir.models import Resource
from tests.fhir.callers import Caller, for_patients

TRANSACTION = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
KINDS = pytest.mark.parametrize("kind", ["batch", "transaction"])
URN = "urn:uuid:0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f"
GONE, KEPT, SPARE = "Patient/gone", "Patient/kept", "Patient/spare"


def _entry(method: str, url: str, resource: Any = None, full_url: str = "", **conditions: str) -> Any:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **conditions}}
    if resource is not None:
        entry["resource"] = resource
    return {"fullUrl": full_url, **entry} if full_url else entry


def _patch(value: str) -> dict[str, Any]:
    text = f'[{{"op":"add","path":"/gender","value":"{value}"}}]'.encode()
    return {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(text).decode(),
    }


def _person(place: str = "", **fields: Any) -> dict[str, Any]:
    known = {"id": place.removeprefix("Patient/")} if place else {}
    return {"resourceType": "Patient", **known, **fields}


def _send(caller: Caller, kind: str, *entries: Any) -> Any:
    return caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


@pytest.fixture
def people(api: Caller) -> None:
    """Three Patients."""
    for place in (GONE, KEPT, SPARE):
        api.send("PUT", place, _person(place))


def _every_method() -> list[Any]:
    """Nothing here depends on the order, so that a batch answers the same."""
    report = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return [
        _entry("GET", f"{SPARE}/_history/1"),
        _entry("HEAD", SPARE),
        _entry("PATCH", KEPT, _patch("male")),
        _entry("PUT", "Patient/made", _person("Patient/made")),
        _entry("POST", "Observation", {**report, "subject": {"reference": SPARE}}),
        _entry("POST", "Patient", _person(), ifNoneExist="_id=spare"),
        _entry("PUT", "Patient?_id=nobody", _person(gender="other")),
        _entry("DELETE", GONE),
        _entry("DELETE", "Patient?_id=nobody"),
        _entry("GET", f"{SPARE}/_history"),
        _entry("GET", "Patient?_id=spare"),
        _entry("GET", "Practitioner/_history"),
    ]


@TRANSACTION
@KINDS
def test_every_method_works_and_is_answered_in_the_order_of_the_request(
    api: Caller, people: None, kind: str
) -> None:
    bundle = _send(api, kind, *_every_method()).json()
    assert bundle["type"] == f"{kind}-response"
    answers = bundle["entry"]
    statuses = [answer["response"]["status"][:3] for answer in answers]
    assert statuses == ["200", "200", "200", "201", "201", "200", "201", "204", "204", "200", "200", "200"]
    assert answers[0]["resource"]["id"] == "spare"
    assert "resource" not in answers[1]
    for position, place in ((2, KEPT), (3, "Patient/made"), (5, SPARE)):
        assert f"/fhir/{place}/_history/" in answers[position]["response"]["location"]
    assert [answers[position]["resource"]["type"] for position in (9, 10, 11)] == [
        "history",
        "searchset",
        "history",
    ]
    assert all(answer["response"]["etag"] for answer in answers[:8])
    assert api.get(KEPT).json()["gender"] == "male"
    assert api.get(GONE).status_code == 410
    assert api.get("Patient/made").status_code == 200


@TRANSACTION
def test_a_transaction_deletes_then_creates_then_updates_then_looks(api: Caller, people: None) -> None:
    number: dict[str, Any] = {"identifier": [{"system": "urn:x", "value": "1"}]}
    api.send("PUT", KEPT, _person(KEPT, **number))
    response = _send(
        api,
        "transaction",
        _entry("GET", "Patient?identifier=urn:x|1"),
        _entry("HEAD", "Patient/new"),
        _entry("PATCH", SPARE, _patch("female")),
        _entry(
            "PUT",
            "Patient/new",
            _person("Patient/new", link=[{"other": {"reference": URN}, "type": "refer"}]),
        ),
        _entry("POST", "Patient", _person(**number), URN, ifNoneExist="identifier=urn:x|1"),
        _entry("DELETE", KEPT),
    )
    assert response.status_code == 200
    found, head, patched, put, created, deleted = response.json()["entry"]
    assert created["response"]["status"] == "201 Created"
    place = created["response"]["location"].removeprefix("http://testserver/fhir/").split("/_history")[0]
    assert [entry["resource"]["id"] for entry in found["resource"]["entry"]] == [place.split("/")[1]]
    assert head["response"]["status"] == "200 OK"
    assert (patched["response"]["etag"], put["response"]["etag"]) == ('W/"2"', 'W/"1"')
    assert deleted["response"]["status"] == "204 No Content"
    assert api.get("Patient/new").json()["link"][0]["other"]["reference"] == place


@TRANSACTION
@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (_entry("GET", "Patient/nobody"), 404),
        (_entry("GET", "Patient?birthdate=never"), 400),
        (_entry("PUT", SPARE, _person(SPARE), ifMatch='W/"7"'), 412),
        (_entry("PATCH", SPARE, _patch("x")), 422),
        (_entry("POST", "Patient", _person(gender="x")), 422),
        (_entry("POST", "Patient", _person(), ifNoneExist="_tag:not=x"), 412),
        (_entry("DELETE", "Patient/nobody"), 404),
        (_entry("POST", "Patient/$validate", _person()), 400),
        (_entry("POST", "Observation", {"resourceType": "Observation", "status": "final"}), 422),
    ],
)
def test_whatever_fails_nothing_of_a_transaction_is_kept_and_a_batch_goes_on(
    api: Caller, people: None, bad: Any, status: int
) -> None:
    good = [
        _entry("DELETE", GONE),
        _entry("POST", "Patient", _person()),
        _entry("PATCH", KEPT, _patch("male")),
    ]
    before = list(Resource.objects.order_by("key").values_list("key", "version"))
    response = _send(api, "transaction", *good, bad)
    assert response.status_code == status
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["expression"][0].startswith("Bundle.entry[3]")
    assert list(Resource.objects.order_by("key").values_list("key", "version")) == before
    answers = _send(api, "batch", *good, bad).json()["entry"]
    assert [answer["response"]["status"][:3] for answer in answers] == ["204", "201", "200", str(status)]
    assert answers[3]["response"]["outcome"]["issue"][0]["expression"][0].startswith("Bundle.entry[3]")


@KINDS
def test_each_entry_needs_the_right_of_its_interaction(api: Caller, people: None, kind: str) -> None:
    reader = for_patients("spare", "kept", "gone", letters="r")
    for entry in _every_method():
        method, url = entry["request"]["method"], entry["request"]["url"]
        response = _send(reader, kind, entry).json()
        text = response["entry"][0]["response"]["status"] if kind == "batch" else str(response.get("type"))
        readable = method in ("GET", "HEAD") and url.startswith(SPARE)
        assert (text in ("200 OK", "transaction-response")) is readable, entry
    assert Resource.objects.count() == 3

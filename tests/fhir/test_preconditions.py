"""If-Match, If-None-Match and If-Modified-Since, on every interaction that is about a version."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.http import http_date, parse_http_date

from tests.fhir.callers import Caller, for_patients

CONCURRENCY = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
PATCH = b'[{"op":"add","path":"/active","value":false}]'
JSON_PATCH = "application/json-patch+json"
NEW = {"resourceType": "Patient", "id": "p", "gender": "other"}
WRITES: list[tuple[str, str, Any, str]] = [
    ("PUT", "Patient/p", NEW, ""),
    ("PUT", "Patient?_id=p", NEW, ""),
    ("PATCH", "Patient/p", PATCH, JSON_PATCH),
    ("PATCH", "Patient?_id=p", PATCH, JSON_PATCH),
    ("DELETE", "Patient/p", None, ""),
    ("DELETE", "Patient?_id=p", None, ""),
]


@pytest.fixture
def second(api: Caller) -> str:
    """A Patient in its second version; when that was written, as an HTTP date."""
    api.send("PUT", "Patient/p", {"resourceType": "Patient", "id": "p"})
    written: str = api.send("PUT", "Patient/p", {**NEW, "active": True})["Last-Modified"]
    return written


@CONCURRENCY
@pytest.mark.parametrize(("method", "place", "body", "kind"), WRITES)
@pytest.mark.parametrize(
    ("header", "value"),
    [("If_Match", 'W/"1"'), ("If_Match", 'W/"3"'), ("If_None_Match", 'W/"2"'), ("If_None_Match", "*")],
)
def test_a_write_about_another_version_is_refused_and_changes_nothing(
    api: Caller, second: str, method: str, place: str, body: Any, kind: str, header: str, value: str
) -> None:
    headers = {header: value, **({"content_type": kind} if kind else {})}
    response = api.send(method, place, body, **headers)
    assert response.status_code == 412
    assert response.json()["resourceType"] == "OperationOutcome"
    assert "current version" in response.json()["issue"][0]["diagnostics"]
    assert api.get("Patient/p")["ETag"] == 'W/"2"'


@CONCURRENCY
@pytest.mark.parametrize(("method", "place", "body", "kind"), WRITES)
@pytest.mark.parametrize(
    ("header", "value"), [("If_Match", 'W/"2"'), ("If_Match", "*"), ("If_None_Match", 'W/"1"')]
)
def test_a_write_about_the_current_version_is_carried_out(
    api: Caller, second: str, method: str, place: str, body: Any, kind: str, header: str, value: str
) -> None:
    headers = {header: value, **({"content_type": kind} if kind else {})}
    response = api.send(method, place, body, **headers)
    assert response.status_code in (200, 204)
    assert response["ETag"] == 'W/"3"'


@CONCURRENCY
@pytest.mark.parametrize(("method", "place", "body", "kind"), WRITES)
@pytest.mark.parametrize("value", ["2", "W/2", 'W/"0"', 'W/"x"', 'W/"1", W/"2"', 'w/"2"'])
def test_an_if_match_that_names_no_version_is_refused(
    api: Caller, second: str, method: str, place: str, body: Any, kind: str, value: str
) -> None:
    response = api.send(method, place, body, If_Match=value, **({"content_type": kind} if kind else {}))
    assert response.status_code == 400
    assert api.get("Patient/p")["ETag"] == 'W/"2"'


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2")
def test_an_update_that_must_create_creates_and_overwrites_nothing(api: Caller, second: str) -> None:
    assert api.send("PUT", "Patient/q", {**NEW, "id": "q"}, If_None_Match="*").status_code == 201
    assert (
        api.send("PUT", "Patient/q", {**NEW, "id": "q", "active": True}, If_None_Match="*").status_code == 412
    )
    api.send("DELETE", "Patient/q")
    assert api.send("PUT", "Patient/q", {**NEW, "id": "q"}, If_None_Match="*").status_code == 201


def test_a_condition_does_not_tell_of_another_patients_resource(api: Caller, second: str) -> None:
    stranger = for_patients("other")
    for headers in ({"If_None_Match": "*"}, {"If_None_Match": 'W/"2"'}, {"If_Match": 'W/"1"'}):
        for place in ("p", "nobody"):
            body = {**NEW, "id": place}
            assert stranger.send("PUT", f"Patient/{place}", body, **headers).status_code == 404
            assert stranger.send("DELETE", f"Patient/{place}", **headers).status_code == 404
            assert stranger.get(f"Patient/{place}", **headers).status_code == 404
            assert stranger.get(f"Patient/{place}/_history/2", **headers).status_code == 404


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cread")
def test_a_version_that_the_client_has_is_not_sent_again(api: Caller, second: str) -> None:
    first, now = "Patient/p/_history/1", "Patient/p/_history/2"
    for place, tag, status in ((now, 2, 304), (first, 1, 304), (now, 1, 200), (first, 2, 200)):
        response = api.get(place, If_None_Match=f'W/"{tag}"')
        assert response.status_code == status
        assert (response.content == b"") == (status == 304)
        assert response["ETag"] == f'W/"{place[-1]}"'
    assert api.get(now, If_Modified_Since=second).status_code == 304
    assert api.get(now, If_Modified_Since=http_date(parse_http_date(second) - 1)).status_code == 200
    api.send("DELETE", "Patient/p")
    assert api.get("Patient/p/_history/3", If_None_Match='W/"3"').status_code == 410
    assert api.get(now, If_None_Match='W/"2"').status_code == 304


def _entry(api: Caller, kind: str, method: str, url: str, **conditions: str) -> tuple[int, Any]:
    """The status of the one entry of a Bundle, and its answer: in a transaction an error is the whole one."""
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **conditions}}
    if method == "PUT":
        entry["resource"] = NEW
    response = api.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry]})
    found = response.json()
    if found["resourceType"] == "OperationOutcome":
        return response.status_code, found
    [answer] = found["entry"]
    return int(answer["response"]["status"][:3]), answer


@pytest.mark.requirement("https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.ifMatch")
@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_entries_have_the_same_conditions(api: Caller, second: str, kind: str, method: str) -> None:
    for conditions in ({"ifMatch": 'W/"1"'}, {"ifNoneMatch": "*"}, {"ifNoneMatch": 'W/"2"'}):
        assert _entry(api, kind, method, "Patient/p", **conditions)[0] == 412
        assert api.get("Patient/p")["ETag"] == 'W/"2"'
    assert _entry(api, kind, method, "Patient/p", ifMatch='W/"2"')[0] in (200, 204)


@pytest.mark.requirement(
    "https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.ifModifiedSince"
)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_entry_gets_what_was_modified_since_an_instant(api: Caller, second: str, kind: str) -> None:
    _, answer = _entry(api, kind, "GET", "Patient/p")
    modified = answer["response"]["lastModified"]
    for since, status in (
        (modified, 304),
        ("2999-01-01T00:00:00Z", 304),
        ("2999-01-01T00:00:00.5+01:00", 304),
        ("2000-01-01T00:00:00Z", 200),
    ):
        found, answer = _entry(api, kind, "GET", "Patient/p", ifModifiedSince=since)
        assert found == status, since
        assert ("resource" in answer) == (status == 200)
    assert _entry(api, kind, "GET", "Patient/p", ifModifiedSince="yesterday")[0] == 422

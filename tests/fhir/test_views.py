"""What HTTP adds to interactions: who is calling, formats, methods, sizes, and an OperationOutcome for every
error."""

import json
import logging
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from fhir.exchange import Answer, Request
from fhir.outcome import Unauthorized
from fhir.views import view
from tests.fhir.callers import Caller

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Lovelace"}]}


def _code(response: HttpResponse) -> str:
    """The issue type of an error, which must be an OperationOutcome and nothing else."""
    outcome = json.loads(response.content)
    assert response["Content-Type"] == "application/fhir+json"
    assert outcome["resourceType"] == "OperationOutcome"
    code: str = outcome["issue"][0]["code"]
    return code


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3")
@pytest.mark.parametrize("path", ["Patient/1", "Patient", "Patient/1/_history", "Patient/1/_history/1", ""])
def test_without_a_token_nothing_is_answered_but_the_challenge(api: Caller, path: str) -> None:
    method = "GET" if path else "POST"
    response = Caller.anonymous().send(method, path)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="test"'
    assert _code(response) == "login"


@pytest.mark.parametrize(
    "path", ["Nothing/1", "patient/1", "Patient/1/_other", "Patient/1/2/3/4", "$everything/x"]
)
def test_an_unknown_address_is_answered_in_fhir_too(api: Caller, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    _code(response)


def test_the_base_is_the_same_with_and_without_a_slash(api: Caller) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch"}
    assert api.send("POST", "", bundle).status_code == 200
    assert api.send("POST", "/fhir", bundle).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}),
        ("TRACE", "Patient", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}),
        ("PATCH", "Patient/_history", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "Patient/1/_history", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "Patient/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}),
    ],
)
def test_a_method_that_an_address_does_not_know_is_refused(
    api: Caller, method: str, path: str, allowed: set[str]
) -> None:
    response = api.send(method, path)
    assert response.status_code == 405
    assert {word.strip() for word in response["Allow"].split(",")} == allowed
    _code(response)


def test_options_tells_the_methods(api: Caller) -> None:
    response = api.send("OPTIONS", "Patient/1")
    assert response.status_code == 204
    assert "PUT" in response["Allow"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#mime-type")
@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        ("application/fhir+json", "", 200),
        ("application/json", "", 200),
        ("*/*", "", 200),
        ("text/html, application/*;q=0.5", "", 200),
        ("application/fhir+json; fhirVersion=4.0", "", 200),
        ("application/fhir+json; fhirVersion=3.0", "", 406),
        ("application/fhir+xml", "", 406),
        ("application/json;q=0", "", 406),
        ("application/fhir+xml", "?_format=json", 200),
        ("text/html", "?_format=application/fhir%2Bjson", 200),
        ("text/html", "?_format=application/fhir+json", 200),
        ("application/fhir+json", "?_format=xml", 406),
        ("application/fhir+json", "?_format=ttl", 406),
    ],
)
def test_answers_are_json_or_refused(api: Caller, accept: str, query: str, status: int) -> None:
    stored = api.create(PATIENT)
    response = api.get(f"Patient/{stored['id']}{query}", Accept=accept)
    assert response.status_code == status
    if status == 406:
        assert "XML" in response.json()["issue"][0]["diagnostics"]


def test_pretty_text_is_indented_and_keeps_digits(api: Caller) -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    )
    stored = api.send("POST", "Observation", text).json()
    response = api.get(f"Observation/{stored['id']}?_pretty=true")
    assert b'\n  "resourceType": "Observation"' in response.content
    assert b": 1.50\n" in response.content


@pytest.mark.parametrize(
    "kind", ["application/fhir+xml", "text/plain", "application/x-www-form-urlencoded", "x"]
)
def test_a_body_that_is_not_json_is_refused_by_its_name(api: Caller, kind: str) -> None:
    response = api.send("POST", "Patient", b"<Patient/>", content_type=kind)
    assert response.status_code == 415
    assert "XML" in response.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("kind", ["application/json", "application/fhir+json; charset=utf-8", "Text/JSON"])
def test_json_goes_by_several_names(api: Caller, kind: str) -> None:
    assert api.send("POST", "Patient", PATIENT, content_type=kind).status_code == 201


def test_a_body_that_is_too_large_is_refused(api: Caller, settings: Any) -> None:
    settings.FHIR_MAX_BODY_BYTES = 100
    response = api.send("POST", "Patient", {**PATIENT, "language": "x" * 100})
    assert response.status_code == 413
    assert _code(response) == "too-long"


def test_an_unforeseen_error_is_logged_and_tells_nothing(
    rf: RequestFactory, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request) -> Answer:
        raise ZeroDivisionError("a secret detail")

    with caplog.at_level(logging.ERROR, "fhir.views"):
        response = view(public=True, GET=fail)(rf.get("/fhir/x"))
    assert isinstance(response, HttpResponse)
    assert response.status_code == 500
    assert _code(response) == "exception"
    assert b"secret" not in response.content
    assert "a secret detail" in caplog.text


def test_a_statement_that_the_database_stops_anywhere_is_a_504(rf: RequestFactory) -> None:
    class Stopped(Exception):
        sqlstate = "57014"

    def stopped(request: Request) -> Answer:
        raise OperationalError("canceling statement") from Stopped()

    response = view(public=True, GET=stopped)(rf.get("/fhir/x"))
    assert isinstance(response, HttpResponse)
    assert response.status_code == 504
    assert _code(response) == "timeout"


def test_a_token_in_the_url_is_no_token(api: Caller) -> None:
    response = Client().get(f"/fhir/Patient/1?access_token={api.header}")
    assert response.status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("times", [1, 5])
def test_a_lapsed_guard_is_renewed_and_the_request_answered(api: Caller, method: str, times: int) -> None:
    stored = api.create(PATIENT)
    place = "Patient" if method == "POST" else f"Patient/{stored['id']}"
    body = {**stored, "active": True} if method in ("PUT", "POST") else None
    assert Caller.lapsing("1 = 0", None, times).send(method, place, body).status_code in (200, 201, 204)


def test_a_guard_that_lapses_every_time_ends_in_a_503_that_changes_nothing(api: Caller) -> None:
    stored = api.create(PATIENT)
    changed = {**stored, "active": True}
    response = Caller.lapsing("1 = 0", None, 100).send("PUT", f"Patient/{stored['id']}", changed)
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert _code(response) == "transient"
    assert api.get(f"Patient/{stored['id']}").json() == stored


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_token_that_died_between_check_and_statement_is_refused_and_writes_nothing(
    api: Caller, method: str
) -> None:
    stored = api.create(PATIENT)
    place = "Patient" if method == "POST" else f"Patient/{stored['id']}"
    body = {**stored, "active": True} if method in ("PUT", "POST") else None
    response = Caller.lapsing("1 = 0", Unauthorized("It was revoked.")).send(method, place, body)
    assert response.status_code == 401
    assert api.get(f"Patient/{stored['id']}").json() == stored
    assert api.get("Patient").json()["total"] == 1

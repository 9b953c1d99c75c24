"""The API for pages of other origins: registered ones may call it and see what they need of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.oauth.issuing import Issued, issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db

HOME, STRANGER = "https://app.example.org", "https://evil.example.org"
EXPOSED = {"ETag", "Location", "Content-Location", "Last-Modified", "WWW-Authenticate"}
SENT = (
    "authorization, accept, content-type, if-match, if-none-match, if-modified-since, if-none-exist, prefer"
)
PERSON = {"resourceType": "Patient", "id": "p"}
CALLS: list[tuple[str, str, Any, int]] = [
    ("PUT", "/fhir/Patient/p", PERSON, 201),
    ("GET", "/fhir/Patient/p", None, 200),
    ("HEAD", "/fhir/Patient/p", None, 200),
    ("GET", "/fhir/Patient?_id=p", None, 200),
    ("POST", "/fhir", {"resourceType": "Bundle", "type": "batch"}, 200),
    ("POST", "/fhir/", {"resourceType": "Bundle", "type": "batch"}, 200),
    ("GET", "/fhir/Patient/nobody", None, 404),
    ("GET", "/fhir/Nothing/1", None, 404),
    ("GET", "/fhir/Organization/1", None, 403),
    ("PATCH", "/fhir/Patient/p", None, 415),
    ("POST", "/fhir/Patient", {"resourceType": "Patient", "gender": "x"}, 422),
    ("DELETE", "/fhir/Patient/p", None, 204),
    ("GET", "/fhir/Patient/p", None, 410),
]


@pytest.fixture
def clinician() -> Issued:
    """A clinician's token for Patients."""
    client = make_client(allowed_origins=HOME)
    return issue(make_key(), make_user("Practitioner/p"), client, scope="user/Patient.cruds")


def _call(issued: Issued | None, origin: str, method: str, path: str, body: Any) -> Any:
    headers = {"Origin": origin, **({"Authorization": issued.header} if issued else {})}
    data = "" if body is None else json.dumps(body)
    return Client().generic(method, path, data, "application/fhir+json", headers=headers)


@pytest.mark.requirement("SMART-17")
@pytest.mark.requirement("https://fetch.spec.whatwg.org/#cors-protocol")
def test_a_registered_page_may_read_every_answer_and_its_headers(clinician: Issued) -> None:
    for method, path, body, status in CALLS:
        response = _call(clinician, HOME, method, path, body)
        assert response.status_code == status, path
        assert response["Access-Control-Allow-Origin"] == HOME
        exposed = {word.strip() for word in response["Access-Control-Expose-Headers"].split(",")}
        assert exposed >= EXPOSED
        assert "Origin" in {word.strip().capitalize() for word in response["Vary"].split(",")}
        assert "Access-Control-Allow-Credentials" not in response
    refused = _call(None, HOME, "GET", "/fhir/Patient/p", None)
    assert refused.status_code == 401
    assert refused["Access-Control-Allow-Origin"] == HOME


def test_a_page_that_nobody_registered_may_read_none(clinician: Issued) -> None:
    for method, path, body, status in CALLS:
        response = _call(clinician, STRANGER, method, path, body)
        assert response.status_code == status, path
        assert "Access-Control-Allow-Origin" not in response


@pytest.mark.requirement("SMART-17")
@pytest.mark.requirement("https://fetch.spec.whatwg.org/#cors-preflight-fetch")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/fhir", "/fhir/Patient", "/fhir/Patient/p", "/fhir/Patient/_search"])
def test_a_preflight_allows_every_method_and_header_of_the_api(
    clinician: Issued, path: str, method: str
) -> None:
    headers = {
        "Origin": HOME,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": SENT,
    }
    response = Client().options(path, headers=headers)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == HOME
    methods = {word.strip() for word in response["Access-Control-Allow-Methods"].split(",")}
    allowed = {word.strip() for word in response["Access-Control-Allow-Headers"].split(",")}
    assert method in methods | {"HEAD"}  # a HEAD needs no preflight of its own
    assert allowed >= set(SENT.split(", "))
    stranger = Client().options(path, headers={**headers, "Origin": STRANGER})
    assert "Access-Control-Allow-Origin" not in stranger

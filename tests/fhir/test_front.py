"""The straight way from the WSGI server: it answers as the way through Django does, and sooner."""

import json
import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings

from fhir.front import Wsgi, straight_to_api
from tests.fhir.callers import Caller, callers_are_known
from tests.wsgi import THE_COMMON_WAY, Told, asked, common_way

PATIENT = {"resourceType": "Patient", "name": [{"family": "Lovelace"}]}


def _asked(application: Wsgi, method: str, path: str, body: bytes = b"", **environ: Any) -> Told:
    with callers_are_known():
        return asked(application, method, path, body, CONTENT_TYPE="application/fhir+json", **environ)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "Patient/{id}", {}),
        ("HEAD", "Patient/{id}", {}),
        ("GET", "Patient/{id}?_pretty=true", {}),
        ("GET", "Patient/{id}", {"HTTP_IF_NONE_MATCH": 'W/"1"'}),
        ("GET", "Patient/{id}", {"HTTP_ACCEPT": "application/fhir+xml"}),
        ("GET", "Patient/unknown", {}),
        ("GET", "Patient/not_an_id", {}),
        ("GET", "Patient?family=lovelace", {}),
        ("GET", "Patient?nothing=1", {"HTTP_PREFER": "handling=strict"}),
        ("POST", "Patient", {}),
        ("PUT", "Patient/{id}", {"HTTP_IF_MATCH": 'W/"7"'}),
        ("PUT", "Patient/{id}", {"HTTP_IF_MATCH": ""}),
        ("DELETE", "Patient/unknown", {}),
        ("TRACE", "Patient", {}),
        ("GET", "Patient", {"HTTP_AUTHORIZATION": None}),
    ],
)
def test_it_answers_as_the_way_through_django(
    api: Caller, method: str, path: str, headers: dict[str, Any]
) -> None:
    stored = api.create(PATIENT)
    sent = {"HTTP_AUTHORIZATION": api.header, **headers}
    sent = {name: value for name, value in sent.items() if value is not None}
    body = b"{" if method in ("POST", "PUT") else b""
    address = "/fhir/" + path.format(**stored)
    straight = _asked(straight_to_api(common_way), method, address, body, **sent)
    with callers_are_known():
        common = Client().generic(method, address, body, "application/fhir+json", **sent)
    assert straight[0] == f"{common.status_code} {common.reason_phrase}"
    assert straight[1] == dict(common.items())
    assert straight[2] == common.content or method == "HEAD"
    assert straight[1]["X-Content-Type-Options"] == "nosniff"


def test_a_create_says_where_the_resource_is(api: Caller) -> None:
    straight = straight_to_api(common_way)
    status, headers, text = _asked(
        straight, "POST", "/fhir/Patient", json.dumps(PATIENT).encode(), HTTP_AUTHORIZATION=api.header
    )
    stored = json.loads(text)
    assert status == "201 Created"
    assert headers["Location"].endswith(f"/Patient/{stored['id']}/_history/1")
    assert api.get(f"Patient/{stored['id']}").json() == stored


@pytest.mark.parametrize(
    "path",
    [
        "/fhir",
        "/fhir/",
        "/fhir/metadata",
        "/fhir/Patient/",
        "/fhir/Patient/1/_history",
        "/fhir/Patient/$validate",
        "/fhir/Patient/_history",
        "/fhir/Patient/é",
        "/fhir/patient/1",
        "/fhirx/Patient/1",
        "/oauth/token",
        "",
    ],
)
def test_every_other_address_goes_thecommon_way(path: str) -> None:
    assert _asked(straight_to_api(common_way), "GET", path)[0] == THE_COMMON_WAY


def test_pages_of_other_origins_go_thecommon_way_which_knows_cors() -> None:
    straight = straight_to_api(common_way)
    assert _asked(straight, "GET", "/fhir/Patient/1", HTTP_ORIGIN="https://app.example")[0] == THE_COMMON_WAY
    assert _asked(straight, "OPTIONS", "/fhir/Patient/1")[0] == THE_COMMON_WAY


@override_settings(SECURE_HSTS_SECONDS=60, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
def test_only_answers_over_tls_ask_for_strict_transport(api: Caller) -> None:
    straight = straight_to_api(common_way)
    place = ("GET", "/fhir/Patient/1")
    assert "Strict-Transport-Security" not in _asked(straight, *place, HTTP_AUTHORIZATION=api.header)[1]
    told = _asked(straight, *place, HTTP_AUTHORIZATION=api.header, HTTP_X_FORWARDED_PROTO="https")
    assert told[1]["Strict-Transport-Security"].startswith("max-age=60")


def test_what_nobody_foresaw_is_a_500_without_details_and_is_logged(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("fhir.store.read", fail)
    with caplog.at_level(logging.ERROR, "fhir.views"):
        told = _asked(straight_to_api(common_way), "GET", "/fhir/Patient/1", HTTP_AUTHORIZATION=api.header)
    assert told[0] == "500 Internal Server Error"
    assert json.loads(told[2])["resourceType"] == "OperationOutcome"
    assert b"secret" not in told[2]
    assert "a secret" in caplog.text


def test_a_refusal_is_logged_with_its_address(api: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "django.request"):
        _asked(straight_to_api(common_way), "GET", "/fhir/Patient/a\nb", HTTP_AUTHORIZATION=api.header)
    assert "404 Not Found: '/fhir/Patient/a\\nb'" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_failed_is_given_up_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: closed.append(True))
    connection.ensure_connection()
    _asked(straight_to_api(common_way), "GET", "/fhir/Patient/1")
    assert closed == [True]

"""POST /launch/contexts: the body, member by member."""

import json
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django.fixtures import Settings

from launch.models import LaunchContext
from oauth.views.launch_contexts import MAX_BYTES
from tests.launch.conftest import patient, put
from tests.oauth.ehr import CONTEXTS, Ehr, make_ehr, post, refusal
from tests.oauth.flow import make_client, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ehr() -> Ehr:
    make_user("Practitioner/d1")
    put(patient("amy", "Shaw", "Amy"))
    return make_ehr(make_client(launch_url="https://app.example.org/launch")[0])


@pytest.mark.parametrize("name", ["client_id", "user"])
def test_a_member_that_is_needed_is_missed_by_name(ehr: Ehr, name: str) -> None:
    assert refusal(ehr.ask(**{name: None})) == (400, "invalid_request", name)


TEXTS: list[object] = [1, True, None, [], {}, "", " ", "a\nb", "a\x7f", "x" * 256]
IDS: list[object] = [1, None, "", "Patient/amy", "a b", "x" * 65, "amy\n", "../amy", "amy|ben"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("client_id", "user", "intent", "tenant") for value in TEXTS),
        *((name, value) for name in ("patient", "encounter") for value in IDS),
        *(("need_patient_banner", value) for value in ("true", 1, 0, None)),
        *(
            ("smart_style_url", value)
            for value in (
                *TEXTS[:6],
                "/style.json",
                "//ward.example/style.json",
                "javascript:alert(1)",
                "data:application/json,{}",
                "https://ward.example/" + "x" * 500,
                "https://user:secret@ward.example/style.json",
                "https://[",
            )
        ),
    ],
)
def test_a_member_of_the_wrong_kind_is_refused_by_name(ehr: Ehr, name: str, value: object) -> None:
    answer: Any = post(json.dumps({**ehr.body(patient="amy"), name: value}), ehr.headers)
    assert refusal(answer) == (400, "invalid_request", name)
    assert not LaunchContext.objects.exists()


def test_a_style_by_http_is_for_development(ehr: Ehr, settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    assert refusal(ehr.ask(smart_style_url="http://ward.example/s.json"))[2] == "smart_style_url"
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    assert ehr.ask(smart_style_url="http://ward.example/s.json").status_code == 201


@pytest.mark.requirement("SMART-172")
def test_a_bad_entry_of_fhir_context_is_named_with_its_place(ehr: Ehr) -> None:
    entries = [{"reference": "ImagingStudy/1"}, {"reference": "Patient/amy"}]
    answer = ehr.ask(fhirContext=entries)
    assert answer.status_code == 400
    assert answer.json()["error_description"].startswith("fhirContext[1] names a Patient or Encounter")


@pytest.mark.parametrize(
    "name", ["launch", "iss", "fhir_context", "made_by", "scope", "expires", "claimed_by", "é" * 100, ""]
)
def test_unknown_members_are_refused(ehr: Ehr, name: str) -> None:
    answer: Any = post(json.dumps({**ehr.body(), name: "x"}), ehr.headers)
    assert answer.status_code == 400
    assert "is not a member of a launch context" in answer.json()["error_description"]
    assert not LaunchContext.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"client_id": "a", "client_id": "b"}',
        b'{"intent": "a\\u0000b"}',
        b'{"intent": "\\ud800"}',
        b'{"intent": "\xff"}',
        b'{"need_patient_banner": NaN}',
        b'{"fhirContext": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"client_id=x&user=y",
    ],
)
def test_a_body_that_is_no_plain_json_object_is_refused(ehr: Ehr, body: bytes) -> None:
    answer: Any = post(body, ehr.headers)
    assert refusal(answer)[:2] == (400, "invalid_request")
    assert not LaunchContext.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/fhir+json", "multipart/form-data", ""],
)
def test_another_content_type_is_415(ehr: Ehr, content_type: str) -> None:
    answer: Any = post(json.dumps(ehr.body()), ehr.headers, content_type=content_type)
    assert refusal(answer)[:2] == (415, "invalid_request")


def test_a_charset_does_no_harm(ehr: Ehr) -> None:
    answer: Any = post(json.dumps(ehr.body()), ehr.headers, content_type="application/json; charset=utf-8")
    assert answer.status_code == 201


@pytest.mark.parametrize("length", [MAX_BYTES + 1, 10_000_000])
def test_a_body_that_is_too_long_is_413_and_makes_nothing(ehr: Ehr, length: int) -> None:
    body = json.dumps(ehr.body()).ljust(length)
    answer: Any = post(body, ehr.headers)
    assert refusal(answer)[:2] == (413, "invalid_request")
    assert post(body[:MAX_BYTES], ehr.headers).status_code == 201


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "1e3", "٣"])
def test_a_length_that_is_none_is_refused(ehr: Ehr, length: str) -> None:
    answer = Browser().post(
        CONTEXTS, b"{}", content_type="application/json", headers=ehr.headers, CONTENT_LENGTH=length
    )
    assert answer.status_code == 413

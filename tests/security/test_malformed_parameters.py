"""Wrong, missing, doubled, oversized and NUL-holding parameters: the specified error, never a 500."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client as Browser

from oauth.models import AccessToken, Grant, RefreshToken
from tests.fhir.callers import everyone
from tests.oauth.flow import Flow, basic, make_client, make_user

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
MALFORMED = {
    "NUL": "{name}=a%00b",
    "doubled": "{name}=a&{name}=b",
    "oversized": "{name}=" + "a" * 70_000,
    "a control character": "{name}=a%0Ab",
    "no UTF-8": "{name}=%ED%A0%80%0B",
    "a NUL in the name": "{name}=a&x%00y=1",
    "very many": "{name}=a&" + "&".join(f"x{number}=1" for number in range(1500)),
}


def answer(path: str, body: str, content_type: str = FORM, **headers: str) -> Any:
    """The response to a form as it stands."""
    return Browser(raise_request_exception=True).generic("POST", path, body, content_type, headers=headers)


@pytest.mark.requirement("RFC 6749 section 3.2")
@pytest.mark.parametrize("fault", MALFORMED)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/oauth/token", "code"),
        ("/oauth/token", "client_id"),
        ("/oauth/token", "redirect_uri"),
        ("/oauth/token", "code_verifier"),
        ("/oauth/token", "refresh_token"),
        ("/oauth/token", "scope"),
        ("/oauth/token", "grant_type"),
        ("/oauth/revoke", "token"),
        ("/oauth/revoke", "client_id"),
        ("/oauth/introspect", "token"),
        ("/oauth/introspect", "client_id"),
        ("/oauth/token/introspect", "token"),
    ],
)
def test_a_malformed_form_is_an_invalid_request(path: str, name: str, fault: str) -> None:
    client, secret = make_client(confidential=True)
    given = "" if name == "grant_type" or path != "/oauth/token" else "grant_type=authorization_code&"
    body = given + MALFORMED[fault].format(name=name)
    response = answer(path, body, Authorization=basic(client.client_id, secret))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize(
    "path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/token/introspect"]
)
@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "text/plain", "multipart/form-data; boundary=x", "multipart/form-data"],
)
def test_what_is_no_form_is_an_invalid_request(path: str, content_type: str) -> None:
    response = answer(path, '{"token": "x"}', content_type)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/token/introspect"]
)
def test_a_form_over_the_servers_limit_is_an_invalid_request(path: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = answer(path, "token=" + "a" * 2000)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"])
def test_a_code_exchange_without_one_of_its_parameters_gives_nothing(missing: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"))
    code = flow.code()
    for left_out in (None, ""):
        response: Any = flow.exchange(code, **{missing: left_out})
        assert response.status_code == (401 if missing == "client_id" else 400)
        assert response.json()["error"] in ("invalid_request", "invalid_grant", "invalid_client")
    assert not AccessToken.objects.exists()
    assert not RefreshToken.objects.exists()


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic /////w==",
        basic("a\x00b", "c"),
        basic("a%00b", "%00"),
        basic("%ff", "%ed%a0%80"),
        basic("a" * 30_000, "x"),
        "Bearer " + "x" * 20_000,
        "Bearer a.b.c",
        "Digest x",
        "é",
    ],
)
@pytest.mark.parametrize(
    "path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/token/introspect"]
)
def test_a_malformed_authorization_header_is_no_client(path: str, header: str) -> None:
    response = answer(path, "grant_type=refresh_token&refresh_token=x&token=x", Authorization=header)
    assert response.status_code == 401
    assert response.json()["error"] in ("invalid_client", "invalid_token")


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "x",
        "a.b",
        "a.b.c",
        "..",
        "e30.e30.",
        "x" * 20_000,
        "é",
        "[" * 8000,
        "eyJ0eXAiOiJhdCtqd3QifQ.e30.AA",
    ],
)
@pytest.mark.parametrize("path", ["/oauth/userinfo", "/fhir/Patient", "/fhir/Patient/p1"])
def test_what_is_no_token_is_a_401_with_a_challenge(path: str, token: str) -> None:
    response = Browser().get(path, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("client_id", ["", "unknown", "a\x00b", "x" * 70_000, "\u2028"])
def test_an_app_that_nobody_allowed_cannot_be_taken_back(client_id: str) -> None:
    flow = Flow(make_client()[0], make_user("Patient/p1"))
    assert flow.browser.post("/oauth/manage/revoke", {"client_id": client_id}).status_code == 404


@pytest.mark.parametrize("patient", ["", "unknown", "p1\x00", "../p1", "Patient/p1", "x" * 70_000, "\u2028"])
def test_a_choice_that_was_not_offered_is_no_choice(patient: str) -> None:
    flow = Flow(make_client()[0], make_user("Practitioner/d1"), scope="launch/patient patient/*.rs")
    page: Any = flow.authorize()
    assert flow.browser.post(page.request["PATH_INFO"], {"patient": patient}).status_code == 400
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%FF", "page=x", "page=%00", "q=a&q=b", "page=W10", "q=" + "a" * 9000]
)
def test_a_malformed_search_for_a_patient_is_no_failure(query: str) -> None:
    flow = Flow(make_client()[0], make_user("Practitioner/d1"), scope="launch/patient patient/*.rs")
    page: Any = flow.authorize()
    assert flow.browser.get(f"{page.request['PATH_INFO']}?{query}").status_code in (200, 302)


@pytest.mark.parametrize(
    "path",
    [
        "Patient?name=%00",
        "Patient?name=%FF",
        "Patient?_id=%ED%A0%80",
        "Patient?_count=-1",
        "Patient?_count=" + "9" * 50,
        "Patient?_count=1.5",
        "Patient?_total=x",
        "Patient?_sort=x",
        "Patient?_include=x",
        "Patient?birthdate=9999-99",
        "Patient?birthdate=x",
        "Patient?_lastUpdated=" + "9" * 50,
        "Patient?_cursor=x",
        "Patient?_cursor=" + "W" * 5000,
        "Patient?name:nonsense=x",
        "Observation?value-quantity=1e999",
        "Observation?value-quantity=x",
        "Patient?" + "&".join("name=x" for _ in range(500)),
        "Patient?_id=" + ",".join("x" for _ in range(1000)),
        "Patient/p1/_history?_count=x",
        "Patient/p1/_history?_since=x",
        "Patient/p1/_history?_count=1&_count=2",
    ],
)
def test_a_malformed_search_is_a_400_with_an_outcome(path: str) -> None:
    caller = everyone()
    caller.send("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
    response = caller.get(path)
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.parametrize(
    "path",
    ["Patient/%00", "Patient/" + "x" * 65, "Patient/p1%0A", quote("Patient/é"), "Nonsense", "%00", "patient"],
)
def test_what_cannot_exist_is_a_404_with_an_outcome(path: str) -> None:
    response = everyone().get(path)
    assert (response.status_code, response.json()["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'{"resourceType":"Patient"',
        b'{"resourceType":"Patient","id":"a","id":"b"}',
        b'{"resourceType":"Patient","name":[{"family":"\\u0000"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\xff"}]}',
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_body_that_is_no_json_of_ours_is_a_400_and_nothing_is_kept(body: bytes) -> None:
    caller = everyone()
    for path in ("Patient", ""):
        response = caller.send("POST", path, body)
        assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")
    assert caller.get("Patient?_summary=count").json()["total"] == 0

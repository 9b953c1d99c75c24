"""What holds for every interaction alike: who may ask, in which format, and what errors look like."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.fhir.callers import Caller, for_patients

FHIR = "application/fhir+json"
PATCH = "application/json-patch+json"
PERSON = {"resourceType": "Patient", "id": "p", "gender": "other"}
BUNDLE = {"resourceType": "Bundle", "type": "batch"}


class Asked(NamedTuple):
    """One interaction: its request, and the letters that a scope needs for it."""

    method: str
    path: str
    letters: str = ""
    body: Any = None
    kind: str = FHIR


INTERACTIONS = {
    "read": Asked("GET", "Patient/p", "r"),
    "head": Asked("HEAD", "Patient/p", "r"),
    "vread": Asked("GET", "Patient/p/_history/1", "r"),
    "history-instance": Asked("GET", "Patient/p/_history", "r"),
    "history-type": Asked("GET", "Patient/_history", "s"),
    "history-system": Asked("GET", "_history", "s"),
    "search": Asked("GET", "Patient", "s"),
    "search by POST": Asked("POST", "Patient/_search", "s", b"", "application/x-www-form-urlencoded"),
    "create": Asked("POST", "Patient", "c", PERSON),
    "update": Asked("PUT", "Patient/p", "u", PERSON),
    "conditional update": Asked("PUT", "Patient?_id=p", "us", PERSON),
    "patch": Asked("PATCH", "Patient/p", "u", b"[]", PATCH),
    "conditional patch": Asked("PATCH", "Patient?_id=p", "us", b"[]", PATCH),
    "delete": Asked("DELETE", "Patient/p", "d"),
    "conditional delete": Asked("DELETE", "Patient?_id=p", "ds"),
    "batch": Asked("POST", "", "", BUNDLE),
    "everything": Asked("GET", "Patient/p/$everything", "rs"),
    "validate": Asked("POST", "Patient/$validate", "", PERSON),
}
LIMITED = {name: asked for name, asked in INTERACTIONS.items() if asked.letters}
WITH_BODY = {name: asked for name, asked in INTERACTIONS.items() if asked.body not in (None, b"")}


@pytest.fixture
def person(api: Caller) -> None:
    """A Patient."""
    api.send("PUT", "Patient/p", PERSON)


def _send(caller: Caller, asked: Asked, **headers: str) -> Any:
    return caller.send(asked.method, asked.path, asked.body, **{"content_type": asked.kind, **headers})


def _check_outcome(response: Any, asked: Asked) -> None:
    assert response["Content-Type"] == FHIR
    assert "no-cache" in response["Cache-Control"]
    if asked.method != "HEAD":
        issue = response.json()["issue"][0]
        assert response.json()["resourceType"] == "OperationOutcome"
        assert (issue["severity"], bool(issue["diagnostics"])) == ("error", True)


@pytest.mark.parametrize("name", INTERACTIONS)
def test_it_is_answered_to_whoever_may_ask(api: Caller, person: None, name: str) -> None:
    response = _send(api, INTERACTIONS[name])
    assert response.status_code in (200, 201, 204)
    assert response["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Accept"} <= {word.strip() for word in response["Vary"].split(",")}
    assert "Set-Cookie" not in response


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3")
@pytest.mark.parametrize("name", INTERACTIONS)
def test_without_a_token_it_is_401_with_a_challenge(api: Caller, person: None, name: str) -> None:
    response = _send(Caller.anonymous(), INTERACTIONS[name])
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    _check_outcome(response, INTERACTIONS[name])
    assert api.get("Patient/p")["ETag"] == 'W/"1"'


@pytest.mark.parametrize("name", LIMITED)
def test_without_any_of_its_letters_it_is_403(api: Caller, person: None, name: str) -> None:
    asked = LIMITED[name]
    for missing in asked.letters:
        response = _send(for_patients("p", letters="cruds".replace(missing, "")), asked)
        if name == "everything" and missing == "s":
            assert [entry["resource"]["id"] for entry in response.json().get("entry", ())] == ["p"]
            continue
        assert response.status_code == 403, missing
        _check_outcome(response, asked)
    assert api.get("Patient/p")["ETag"] == 'W/"1"'


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#mime-type")
@pytest.mark.parametrize("name", INTERACTIONS)
@pytest.mark.parametrize("how", ["Accept", "_format"])
def test_an_answer_in_xml_is_refused_in_json_and_nothing_is_done(
    api: Caller, person: None, name: str, how: str
) -> None:
    asked = INTERACTIONS[name]
    if how == "Accept":
        response = _send(api, asked, Accept="application/fhir+xml")
    else:
        mark = "&" if "?" in asked.path else "?"
        response = _send(api, asked._replace(path=f"{asked.path}{mark}_format=xml"))
    assert response.status_code == 406
    _check_outcome(response, asked)
    if asked.method != "HEAD":
        assert "XML is not supported" in response.json()["issue"][0]["diagnostics"]
    assert api.get("Patient/p")["ETag"] == 'W/"1"'
    assert api.get("Patient").json()["total"] == 1


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#mime-type")
@pytest.mark.parametrize("name", WITH_BODY)
@pytest.mark.parametrize("kind", ["application/fhir+xml", "application/xml", "text/xml"])
def test_a_body_in_xml_is_refused_by_name(api: Caller, person: None, name: str, kind: str) -> None:
    asked = WITH_BODY[name]._replace(body=b'<Patient xmlns="http://hl7.org/fhir"/>', kind=kind)
    response = _send(api, asked)
    assert response.status_code == 415
    _check_outcome(response, asked)
    assert "XML" in response.json()["issue"][0]["diagnostics"]
    assert api.get("Patient/p")["ETag"] == 'W/"1"'


@pytest.mark.parametrize("name", INTERACTIONS)
def test_it_is_indented_where_that_is_asked_for(api: Caller, person: None, name: str) -> None:
    asked = INTERACTIONS[name]
    mark = "&" if "?" in asked.path else "?"
    response = _send(api, asked._replace(path=f"{asked.path}{mark}_pretty=true&_format=json"))
    assert response.status_code in (200, 201, 204)
    if response.content:
        assert response.content.startswith(b'{\n  "resourceType"')


@pytest.mark.parametrize(
    "name", ["read", "head", "vread", "history-instance", "update", "patch", "delete", "everything"]
)
def test_what_is_not_there_is_404_alike_for_what_is_anothers(api: Caller, person: None, name: str) -> None:
    asked = INTERACTIONS[name]
    nobody = asked._replace(path=asked.path.replace("/p", "/x"), body=asked.body and _renamed(asked.body))
    own = for_patients("x")
    hidden, missing = _send(own, asked), _send(for_patients("y"), nobody)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    _check_outcome(hidden, asked)
    assert hidden.content.replace(b"/p", b"/x") == missing.content


def _renamed(body: Any) -> Any:
    return body if isinstance(body, bytes) else {**body, "id": "x"}


@pytest.mark.parametrize("name", ["read", "head", "patch", "everything"])
def test_what_was_deleted_is_410_for_those_who_saw_it(api: Caller, person: None, name: str) -> None:
    api.send("DELETE", "Patient/p")
    assert _send(for_patients("p"), INTERACTIONS[name]).status_code == 410
    assert _send(for_patients("x"), INTERACTIONS[name]).status_code == 404

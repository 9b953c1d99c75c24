"""create: what is stored, what is answered, and what is refused."""

from typing import Any

import pytest
from django.conf import settings as site

from fhir.access import Access, Rule
from tests.fhir.callers import Caller, for_patients

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Lovelace"}]}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#create")
def test_a_created_resource_has_an_id_a_version_and_a_time_of_the_servers(api: Caller) -> None:
    given = {
        **PATIENT,
        "id": "mine",
        "meta": {"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "kept"}]},
    }
    response = api.send("POST", "Patient", given)
    stored = response.json()
    assert response.status_code == 201
    assert stored["id"] != "mine"
    assert stored["meta"]["versionId"] == "1"
    assert stored["meta"]["lastUpdated"] > "2026"
    assert stored["meta"]["tag"] == [{"code": "kept"}]
    assert stored["name"] == PATIENT["name"]
    assert response["Location"] == f"{site.FHIR_BASE}/Patient/{stored['id']}/_history/1"
    assert response["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=representation", "Patient"),
    ],
)
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ops")
def test_prefer_says_what_comes_back(api: Caller, wish: str, kind: str | None) -> None:
    response = api.send("POST", "Patient", PATIENT, Prefer=wish)
    assert response.status_code == 201
    assert response["Location"]
    if kind is None:
        assert response.content == b""
    else:
        assert response.json()["resourceType"] == kind


def test_a_resource_that_breaks_r4_is_refused_with_the_element(api: Caller) -> None:
    response = api.send(
        "POST", "Patient", {"resourceType": "Patient", "gender": "x", "birthDate": "2001-02-30"}
    )
    assert response.status_code == 422
    places = {place for issue in response.json()["issue"] for place in issue["expression"]}
    assert places == {"Patient.gender", "Patient.birthDate"}


def test_a_resource_of_another_type_than_the_url_is_refused(api: Caller) -> None:
    assert api.send("POST", "Observation", PATIENT).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"resourceType":"Patient","active":NaN}',
        b'{"resourceType":"Patient","active":true,"active":false}',
        b'{"resourceType":"Patient","id":"\\u0000"}',
        b'{"resourceType":"Patient","id":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
    ],
)
def test_text_that_is_no_proper_json_is_refused(api: Caller, body: bytes) -> None:
    response = api.send("POST", "Patient", body)
    assert response.status_code == 400
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ccreate")
def test_if_none_exist_creates_once(api: Caller) -> None:
    given = {**PATIENT, "identifier": [{"system": "urn:x", "value": "1"}]}
    first = api.send("POST", "Patient", given, If_None_Exist="identifier=urn:x|1")
    again = api.send("POST", "Patient", given, If_None_Exist="identifier=urn:x|1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]


def test_if_none_exist_with_several_matches_is_refused(api: Caller) -> None:
    for _ in range(2):
        api.create({**PATIENT, "identifier": [{"system": "urn:x", "value": "1"}]})
    response = api.send("POST", "Patient", PATIENT, If_None_Exist="identifier=urn:x|1")
    assert response.status_code == 412


@pytest.mark.parametrize("condition", ["shoe-size=43", "_count=1", "=", "identifier=urn:x|1&shoe-size=43"])
def test_a_condition_is_understood_to_the_last_word_or_refused(api: Caller, condition: str) -> None:
    assert api.send("POST", "Patient", PATIENT, If_None_Exist=condition).status_code == 400


def test_a_condition_needs_the_right_to_search(db: None) -> None:
    caller = Caller(Access((Rule(frozenset({"Patient"}), frozenset("c"), None),)))
    assert caller.send("POST", "Patient", PATIENT).status_code == 201
    assert caller.send("POST", "Patient", PATIENT, If_None_Exist="identifier=urn:x|1").status_code == 403


def test_a_patients_rule_creates_in_the_own_compartment_only(api: Caller) -> None:
    mine, other = api.create(PATIENT)["id"], api.create(PATIENT)["id"]
    caller = for_patients(mine)

    def observation(subject: str, **more: Any) -> int:
        given = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}
        status: int = caller.send(
            "POST", "Observation", {**given, "subject": {"reference": subject}}
        ).status_code
        return status

    assert observation(f"Patient/{mine}") == 201
    assert observation(f"{site.FHIR_BASE}/Patient/{mine}/_history/1") == 201
    assert observation(f"Patient/{other}") == 403
    assert observation(f"https://elsewhere.example/fhir/Patient/{mine}") == 403
    assert observation(f"Patient/{mine}", performer=[{"reference": f"Patient/{other}"}]) == 403
    assert caller.send("POST", "Patient", PATIENT).status_code == 403
    assert caller.send("POST", "Practitioner", {"resourceType": "Practitioner"}).status_code == 403
    assert caller.send("POST", "Binary", {"resourceType": "Binary", "contentType": "a/b"}).status_code == 403

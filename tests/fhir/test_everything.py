"""Patient/[id]/$everything: a whole record, page by page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import Access, Rule
from fhir.models import Resource
from tests.fhir.callers import Caller, for_patients
from tests.fhir.records import observation, patient, put_records, reference
from tests.fhir.search.shelf import put, remove

EVERYTHING = pytest.mark.requirement("https://hl7.org/fhir/R4/patient-operation-everything.html")


@pytest.fixture
def records(api: Caller) -> Caller:
    put_records()
    return api


def names(bundle: dict[str, Any], mode: str) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == mode
    ]


def ask(caller: Caller, path: str) -> dict[str, Any]:
    response = caller.get(path)
    assert response.status_code == 200, response.content
    bundle: dict[str, Any] = response.json()
    return bundle


def following(bundle: dict[str, Any]) -> str:
    """The path of the link to the next page, empty without one."""
    urls = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    return urls[0].partition("/fhir/")[2] if urls else ""


@EVERYTHING
def test_the_record_is_the_patient_the_compartment_and_what_these_refer_to(records: Caller) -> None:
    bundle = ask(records, "Patient/ann/$everything")
    matches = names(bundle, "match")
    assert matches[0] == "Patient/ann"
    assert set(matches[1:]) == {
        "Condition/cold", "Encounter/visit", "Observation/old", "Observation/new", "Observation/undated",
    }  # fmt: skip
    assert set(names(bundle, "include")) == {
        "PractitionerRole/role",
        "Practitioner/doctor",
        "Organization/clinic",
    }
    assert bundle["type"] == "searchset"
    assert not following(bundle)


def test_entries_hold_the_stored_text_under_its_address(records: Caller) -> None:
    bundle = ask(records, "Patient/ann/$everything?_type=Observation")
    entry = next(each for each in bundle["entry"] if each["resource"]["id"] == "new")
    assert entry["fullUrl"] == "http://testserver/fhir/Observation/new"
    assert entry["resource"] == json.loads(Resource.objects.get(type="Observation", fhir_id="new").text)


@EVERYTHING
def test_a_post_with_parameters_asks_the_same(records: Caller) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueCode": "Observation,Condition"},
            {"name": "start", "valueDate": "2021-01-01"},
            {"name": "_count", "valueInteger": 50},
        ],
    }
    response = records.send("POST", "Patient/ann/$everything", parameters)
    assert response.status_code == 200
    asked = ask(records, "Patient/ann/$everything?_type=Observation,Condition&start=2021-01-01&_count=50")
    assert response.json() == asked
    assert records.send("POST", "Patient/ann/$everything").status_code == 200


@EVERYTHING
@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("start=2021-01-01", {"cold", "new", "undated"}),
        ("end=2019-12-31", {"old", "undated"}),
        ("start=2020-02-01&end=2020-02-10", {"visit", "undated"}),
        ("start=2020-04-01&end=2020-12-31", {"undated"}),
        ("start=2021&end=2021", {"cold", "new", "undated"}),
    ],
)
def test_a_period_of_care_leaves_out_what_lies_wholly_outside(
    records: Caller, period: str, expected: set[str]
) -> None:
    found = names(ask(records, f"Patient/ann/$everything?{period}"), "match")
    assert found[0] == "Patient/ann"
    assert {name.partition("/")[2] for name in found[1:]} == expected


@EVERYTHING
def test_since_leaves_out_what_was_not_changed(records: Caller) -> None:
    put(observation("old", "ann", effectiveDateTime="2019-07-01"))
    changed = json.loads(Resource.objects.get(type="Observation", fhir_id="old").text)["meta"]["lastUpdated"]
    assert names(ask(records, f"Patient/ann/$everything?_since={changed}"), "match") == ["Observation/old"]


@EVERYTHING
def test_types_that_are_not_asked_for_are_left_out(records: Caller) -> None:
    bundle = ask(records, "Patient/ann/$everything?_type=Observation&_type=Practitioner")
    assert set(names(bundle, "match")) == {"Observation/old", "Observation/new", "Observation/undated"}
    assert (
        names(bundle, "include") == []
    )  # the practitioner is reached by way of a role, which is not asked for
    both = ask(records, "Patient/ann/$everything?_type=Observation,Practitioner,PractitionerRole")
    assert set(names(both, "include")) == {"PractitionerRole/role", "Practitioner/doctor"}


def test_pages_hold_each_resource_once_while_others_come_and_go(records: Caller) -> None:
    put(*(observation(f"o{number}", "ann", effectiveDateTime="2022-01-01") for number in range(7)))
    found: list[str] = []
    path, pages = "Patient/ann/$everything?_count=3", 0
    while path:
        bundle = ask(records, path)
        found += names(bundle, "match")
        path = following(bundle)
        pages += 1
        if pages == 1:
            put(
                {
                    "resourceType": "Account",
                    "id": "early",
                    "status": "active",
                    "subject": [reference("Patient/ann")],
                }
            )
            remove("Observation", "o6")
    assert pages == 4
    assert len(found) == len(set(found))
    assert set(found) == {
        "Patient/ann", "Condition/cold", "Encounter/visit", "Observation/old", "Observation/new",
        "Observation/undated", *(f"Observation/o{number}" for number in range(6)),
    }  # fmt: skip


def test_a_cursor_is_good_for_its_own_question_only(records: Caller) -> None:
    path = following(ask(records, "Patient/ann/$everything?_count=2"))
    query = urlsplit(path).query
    assert records.get(f"Patient/ben/$everything?{query}").status_code == 400
    assert records.get(path.replace("_count=2", "_count=3")).status_code == 400
    assert records.get("Patient/ann/$everything?_cursor=x").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["_count=0", "_count=-1", "_count=x", "_type=Nothing", "start=soon", "_since=x", "_elements=id", "end="],
)
def test_what_is_not_understood_is_refused(records: Caller, query: str) -> None:
    response = records.get(f"Patient/ann/$everything?{query}")
    assert response.status_code == 400
    assert response.json()["resourceType"] == "OperationOutcome"


def test_the_number_of_statements_does_not_grow_with_the_record(records: Caller) -> None:
    def statements(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            ask(records, path)
        return len(captured)

    small = statements("Patient/ann/$everything")
    put(
        *(
            observation(f"p{number}", "ann", performer=[reference(f"Practitioner/p{number}")])
            for number in range(60)
        ),
        *({"resourceType": "Practitioner", "id": f"p{number}"} for number in range(60)),
    )
    assert statements("Patient/ann/$everything") == small <= 9


def test_a_token_for_one_patient_asks_without_naming_it(records: Caller) -> None:
    own = for_patients("ann", letters="rs")
    assert ask(own, "Patient/$everything")["entry"] == ask(own, "Patient/ann/$everything")["entry"]
    assert own.send("POST", "Patient/$everything").status_code == 200
    for several in (records, for_patients("ann", "ben", letters="rs")):
        response = several.get("Patient/$everything")
        assert response.status_code == 400
        assert "$export" in response.json()["issue"][0]["diagnostics"]


def test_a_deleted_patient_is_gone_and_an_unknown_one_not_found(records: Caller) -> None:
    put(patient("short"))
    remove("Patient", "short")
    assert records.get("Patient/short/$everything").status_code == 410
    assert records.get("Patient/nobody/$everything").status_code == 404


def test_a_token_without_the_right_to_read_patients_is_refused(records: Caller) -> None:
    caller = Caller(Access((Rule(frozenset({"Observation"}), frozenset("rs"), frozenset({"ann"})),)))
    assert caller.get("Patient/ann/$everything").status_code == 403
    assert caller.get("Patient/$everything").status_code == 403

"""$everything gives nobody more than searches would."""

from __future__ import annotations

import pytest

from fhir.access import Access, Guard, Rule
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller, for_patients
from tests.fhir.records import observation, put_records, reference
from tests.fhir.search.shelf import put
from tests.fhir.test_everything import ask, names


@pytest.fixture(autouse=True)
def _records(db: None) -> None:
    put_records()


def test_another_patients_record_is_not_there() -> None:
    caller = for_patients("ann", letters="rs")
    there, nowhere = caller.get("Patient/ben/$everything"), caller.get("Patient/nobody/$everything")
    assert there.status_code == nowhere.status_code == 404
    assert there.content.replace(b"ben", b"nobody") == nowhere.content


def test_types_that_the_token_may_not_search_are_left_out_silently() -> None:
    rules = (
        Rule(frozenset({"Patient", "Observation"}), frozenset("rs"), frozenset({"ann"})),
        Rule(frozenset({"Condition", "Encounter"}), frozenset("r"), frozenset({"ann"})),
    )
    bundle = ask(Caller(Access(rules)), "Patient/ann/$everything")
    assert set(names(bundle, "match")) == {
        "Patient/ann", "Observation/old", "Observation/new", "Observation/undated",
    }  # fmt: skip
    assert names(bundle, "include") == []
    assert names(bundle, "outcome") == []


def test_what_unseen_resources_refer_to_is_not_shown() -> None:
    rules = (
        Rule(frozenset({"Patient", "Condition"}), frozenset("rs"), frozenset({"ann"})),
        Rule(frozenset({"Practitioner", "PractitionerRole"}), frozenset("rs"), frozenset({"ann"})),
    )
    assert names(ask(Caller(Access(rules)), "Patient/ann/$everything"), "include") == []


def test_a_resource_of_two_patients_brings_nothing_else_of_the_other() -> None:
    put(
        {
            "resourceType": "Appointment",
            "id": "both",
            "status": "booked",
            "participant": [
                {"actor": reference("Patient/ann"), "status": "accepted"},
                {"actor": reference("Patient/ben"), "status": "accepted"},
            ],
        },
        observation("linked", "ann", hasMember=[reference("Observation/other")]),
    )
    bundle = ask(for_patients("ann", letters="rs"), "Patient/ann/$everything")
    found = {*names(bundle, "match"), *names(bundle, "include")}
    assert "Appointment/both" in found
    assert not {"Patient/ben", "Observation/other"} & found


def test_a_dead_token_gets_nothing() -> None:
    def refuse() -> Access:
        raise Unauthorized("The token was revoked.", challenge="Bearer")

    rules = (Rule(None, frozenset("rs"), None),)
    caller = Caller(Access(rules, guard=Guard("1 = 0", (), refuse)))
    assert caller.get("Patient/ann/$everything").status_code == 401
    assert (
        Caller(Access(rules, guard=Guard("1 = 1", (), refuse))).get("Patient/ann/$everything").status_code
        == 200
    )

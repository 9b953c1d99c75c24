"""$validate tells nobody what there is."""

from __future__ import annotations

import pytest

from fhir.access import Access, Guard, Rule
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller, for_patients
from tests.fhir.records import observation, put_records


@pytest.fixture(autouse=True)
def _records(db: None) -> None:
    put_records()


@pytest.mark.parametrize("mode", ["update", "delete"])
def test_another_patients_resource_looks_as_if_it_were_not_there(mode: str) -> None:
    caller = for_patients("ann")
    answers = [
        caller.send("POST", f"Observation/{one}/$validate?mode={mode}", observation(one, "ann"))
        for one in ("other", "nowhere")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content.replace(b"other", b"nowhere") == answers[1].content
    assert answers[0].json()["issue"][0]["severity"] == "error"


def test_a_token_without_any_right_to_the_type_is_refused() -> None:
    caller = Caller(Access((Rule(frozenset({"Patient"}), frozenset("cruds"), None),)))
    assert caller.send("POST", "Observation/$validate", observation("x", "ann")).status_code == 403


def test_a_dead_token_is_refused_though_nothing_is_read() -> None:
    def refuse() -> Access:
        raise Unauthorized("The token was revoked.", challenge="Bearer")

    rules = (Rule(None, frozenset("cruds"), None),)
    caller = Caller(Access(rules, guard=Guard("1 = 0", (), refuse)))
    assert caller.send("POST", "Observation/$validate", observation("x", "ann")).status_code == 401
    alive = Caller(Access(rules, guard=Guard("1 = 1", (), refuse)))
    assert alive.send("POST", "Observation/$validate", observation("x", "ann")).status_code == 200

"""Of a refused interaction staff learn the rule, what was expected and what came; the caller learns less."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Event
from fhir import refusals
from fhir.access import Access, Rule
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller
from tests.fhir.ledger import ALL, app, detail, fill, observation

RULE = pytest.mark.requirement("every refused attempt: step, rule, exact cause, reference code")
READS = Rule(frozenset({"Condition", "Observation"}), frozenset("rs"), frozenset({"p1"}))


@pytest.fixture
def data(api: Caller) -> Caller:
    """Two patients with a result each, and a practitioner."""
    fill(api)
    return api


def last() -> dict[str, str]:
    """What stands of the last event."""
    event = Event.objects.order_by("-id")[0]
    return {name: value for name, value in detail(event).items() if name in ("rule", "expected", "received")}


@RULE
@pytest.mark.parametrize(
    ("method", "path", "letter"),
    [
        ("GET", "Patient/p1", "r"),
        ("GET", "Patient/p1/_history/1", "r"),
        ("GET", "Patient", "s"),
        ("PUT", "Patient/p1", "u"),
        ("DELETE", "Patient/p1", "d"),
        ("POST", "Patient", "c"),
    ],
)
def test_a_missing_scope_is_named_with_those_there_are(
    data: Caller, method: str, path: str, letter: str
) -> None:
    patient = {"resourceType": "Patient", "id": "p1"} if method in ("PUT", "POST") else None
    assert app("x", READS).send(method, path, patient).status_code == 403
    assert last() == {
        "rule": "check_scope",
        "expected": f"a scope with '{letter}' on Patient",
        "received": "Condition,Observation.rs of Patient/p1",
    }


@RULE
def test_whose_resource_was_out_of_reach_is_for_staff_alone(data: Caller) -> None:
    answers = [app("x", READS, context="p1").get(f"Observation/{one}") for one in ("o2", "o9")]
    stranger, nothing = (detail(event) for event in Event.objects.order_by("-id")[:2][::-1])
    assert stranger["cause"] == "Observation/o2 belongs to Patient/p2; the token is for Patient/p1."
    assert stranger["received"] == "Observation/o2, which is Patient/p2's"
    assert stranger["expected"] == "something within reach of Condition,Observation.rs of Patient/p1"
    assert nothing["received"] == "Observation/o9, which is not here, or is no patient's"
    assert stranger["rule"] == nothing["rule"] == "check_reach"
    texts = [answer.content.replace(one, b"?") for answer, one in zip(answers, (b"o2", b"o9"), strict=True)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert texts[0] == texts[1]


@RULE
def test_a_record_of_the_patient_that_no_criteria_find_is_told_as_that(data: Caller) -> None:
    narrow = Rule(frozenset({"Observation"}), ALL, frozenset({"p1"}), "status=amended")
    assert app("x", narrow, context="p1").get("Observation/o1").status_code == 404
    assert last() == {
        "rule": "check_reach",
        "expected": "something within reach of Observation.cruds?status=amended of Patient/p1",
        "received": "Observation/o1, which is Patient/p1's",
    }


@RULE
@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "Observation", observation("o3", "p2"), "create"),
        ("PUT", "Observation/o1", observation("o1", "p2"), "update"),
        ("GET", "Observation?subject:Patient.name=x", None, "search-type"),
    ],
)
def test_what_goes_beyond_a_scope_that_is_there_is_not_told_as_a_missing_one(
    data: Caller, method: str, path: str, body: dict[str, Any] | None, kind: str
) -> None:
    own = Rule(frozenset({"Observation"}), ALL, frozenset({"p1"}))
    assert app("x", own, context="p1").send(method, path, body).status_code == 403
    assert last() == {
        "rule": "check_reach",
        "expected": "something within reach of Observation.cruds of Patient/p1",
        "received": f"{kind} of Observation that goes beyond it",
    }


@RULE
def test_what_was_deleted_within_reach_is_told_as_deleted(data: Caller) -> None:
    own = app("x", context="p1")
    assert own.send("DELETE", "Observation/o1").status_code == 204
    assert own.get("Observation/o1").status_code == 410
    assert last() == {"rule": "deleted"}


@RULE
@pytest.mark.parametrize(
    ("known", "received"),
    [
        (None, "none that anybody knows"),
        (Access(rules=(), client="diary"), "one of diary's that is not"),
    ],
)
def test_a_dead_token_is_told_as_whose_it_was(data: Caller, known: Access | None, received: str) -> None:
    ended = Unauthorized("The token has ended.", known=known)
    assert Caller.lapsing("1 = 2", ended).get("Observation/o1").status_code == 401
    assert last() == {
        "rule": "check_token",
        "expected": "an access token that is alive",
        "received": received,
    }


def test_other_failures_are_told_by_their_code(data: Caller) -> None:
    assert app("x").get("Observation?_sort=nothing").status_code == 400
    assert last()["rule"] == detail(Event.objects.order_by("-id")[0])["code"]


def test_of_many_rules_types_and_patients_the_first_are_named() -> None:
    numbers = range(refusals.MOST + 1)
    many = Rule(None, frozenset("r"), frozenset(f"p{number:02}" for number in numbers))
    told = refusals.reach(Access(rules=(many,) * (refusals.MOST + 1)))
    assert told.startswith("*.r of Patient/p00,Patient/p01,")
    assert told.endswith(",Patient/p19,…; …")
    assert refusals.reach(Access(rules=())) == "nothing"
    assert refusals.reach(Access(rules=(Rule(None, ALL, frozenset()),))) == "*.cruds of no patient"

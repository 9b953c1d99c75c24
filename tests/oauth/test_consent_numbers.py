"""How much of a record each line of the consent page is about."""

import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import Proxy
from fhir.access import Access, Rule
from fhir.outcome import FhirError
from fhir.search.query import parse
from fhir.search.tally import tally
from oauth.consent import numbers as consent_numbers
from oauth.consent.numbers import MOST, MOST_QUERIES, in_words, numbers
from oauth.scopes import Scope, parse_scope, parse_scopes
from tests.fhir.records import encounter, observation, patient, reference
from tests.fhir.search.shelf import put, remove
from tests.oauth.flow import EVERYTHING, Flow, make_client, make_user, run_authorization_code

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("the consent page says how much the patient really has behind each line"),
]
SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"patient/Observation.rs?category={SYSTEM}|laboratory"


@pytest.fixture(autouse=True)
def records() -> None:
    """Ann with three observations, two of the laboratory, a deleted one and a visit; Ben with one."""
    put(patient("ann"), patient("ben"), {"resourceType": "Practitioner", "id": "doc"})
    lab = [{"coding": [{"system": SYSTEM, "code": "laboratory"}]}]
    put(*(observation(f"lab{number}", "ann", category=lab) for number in (1, 2)))
    put(observation("other", "ann"), observation("gone", "ann"), observation("of-ben", "ben", category=lab))
    put(encounter("visit", "ann", "2024-01-01", "2024-01-02"))
    remove("Observation", "gone")


def one(text: str) -> Scope:
    """A scope."""
    scope = parse_scope(text)
    assert scope is not None
    return scope


def number(fhir_user: str, scope: str, of: str = "ann") -> int | None:
    """What is counted for a person's scope; None for nothing said."""
    return numbers(make_user(fhir_user), of, [one(scope)]).get(one(scope))


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("patient/Observation.rs", 3),
        ("patient/Observation.read", 3),
        ("patient/Observation.r", 3),
        ("patient/Observation.s", 3),
        ("patient/Observation.cruds", 3),
        (LAB, 2),
        ("patient/Observation.rs?category=laboratory&status=final", 2),
        ("patient/Observation.rs?status=amended", 0),
        ("patient/Encounter.rs", 1),
        ("patient/Patient.rs", 1),
        ("patient/Procedure.rs", 0),
        ("patient/*.rs", 5),
        ("patient/Observation.cud", None),
        ("patient/Practitioner.rs", None),
        ("patient/Binary.rs", None),
        ("patient/Observation.rs?nonsense=1", None),
        ("offline_access", None),
        ("launch/patient", None),
        ("system/Observation.rs", None),
    ],
)
def test_each_scope_of_a_patient_is_counted(scope: str, expected: int | None) -> None:
    assert number("Patient/ann", scope) == expected


@pytest.mark.parametrize(
    "text", ["patient/Observation.rs", LAB, "patient/Encounter.rs", "patient/Patient.rs"]
)
def test_the_number_is_what_the_token_then_finds(text: str) -> None:
    client, _ = make_client()
    user = make_user("Patient/ann")
    result = run_authorization_code(client, user, text)
    found = Browser().get(f"/fhir/{one(text).type}?_total=accurate", headers=result.bearer).json()  # type: ignore[union-attr]
    assert numbers(user, "ann", [one(text)]) == {one(text): found["total"]}


def test_nothing_is_counted_that_the_person_may_not_see() -> None:
    assert number("Patient/ben", "patient/Observation.rs") is None
    assert number("Patient/ann", "user/Observation.rs") == 3
    assert number("Patient/ben", "user/Observation.rs") == 1
    assert number("RelatedPerson/eve", "patient/Observation.rs") is None
    assert number("", "patient/Observation.rs") is None
    eve = make_user("RelatedPerson/eve")
    for ward in ("ann", "ben"):
        Proxy.objects.create(user=eve, patient=ward)
    mine, all_of_them = one("patient/Observation.rs"), one("user/Observation.rs")
    assert numbers(eve, "ann", [mine, all_of_them]) == {mine: 3, all_of_them: 4}


def test_for_a_clinician_the_patient_is_counted_and_not_the_hospital(settings: Any) -> None:
    put(patient("ann", generalPractitioner=[reference("Practitioner/doc")]))
    for settings.CLINICIAN_ACCESS in ("all", "careteam"):
        doctor = make_user("Practitioner/doc")
        scopes = [one("patient/Observation.rs"), one("user/Observation.rs"), one("user/*.rs")]
        assert numbers(doctor, "ann", scopes) == {scopes[0]: 3}
        assert numbers(doctor, "", scopes) == {}


def test_counting_ends_at_the_limit() -> None:
    access = Access((Rule(None, frozenset("rs"), frozenset({"ann"})),))
    queries = [
        parse("Observation", text, strict=False) for text in ("", "category=laboratory", "status=final")
    ]
    assert tally(access, queries, 10) == [3, 2, 3]
    assert tally(access, queries, 1) == [2, 2, 2]
    assert tally(access, [], 1) == []
    assert tally(Access(()), queries, 1) == [0, 0, 0]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "none yet"),
        (1, "1 record"),
        (2, "2 records"),
        (MOST, "1,000 records"),
        (MOST + 1, "more than 1,000 records"),
    ],
)
def test_a_number_is_said_in_words(count: int, words: str) -> None:
    assert in_words(count) == words


def test_the_sum_over_all_types_ends_at_the_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_numbers, "MOST", 4)
    assert number("Patient/ann", "patient/*.rs") == 5
    assert in_words(5) == "more than 4 records"


def test_kinds_that_there_is_something_of_come_first() -> None:
    put(observation("steps", "ann", category=[{"coding": [{"system": SYSTEM, "code": "activity"}]}]))
    flow = Flow(make_client()[0], make_user("Patient/ann"), scope="openid patient/Observation.rs")
    text = flow.authorize().content.decode()
    order = [text.index(words) for words in ("Laboratory results", "Physical activity", "Vital signs")]
    assert order == sorted(order)


def test_the_page_shows_the_numbers_of_lines_and_of_kinds() -> None:
    client, _ = make_client(required_scope="patient/Encounter.rs")
    flow = Flow(
        client,
        make_user("Patient/ann"),
        scope="openid patient/Observation.rs patient/Encounter.rs patient/Goal.rs",
    )
    text = re.sub(r"<[^>]*>|\s+", " ", html.unescape(flow.authorize().content.decode()))
    text = re.sub(" +", " ", text)
    for words in (
        "other observations in your own record (3 records)",
        "Laboratory results (2 records)",
        "Vital signs (none yet)",
        "visits and hospital stays in your own record (1 record)",
        "health goals in your own record (none yet)",
    ):
        assert words in text


def test_all_numbers_of_a_page_are_counted_by_one_statement() -> None:
    client, _ = make_client()
    many = "openid patient/*.rs patient/Observation.rs patient/Condition.rs user/Goal.rs patient/Goal.cruds"
    counts = []
    for scope in ("openid patient/Goal.rs", many):
        flow = Flow(client, make_user("Patient/ann"), scope=scope)
        address = flow.authorize().request["PATH_INFO"]  # type: ignore[attr-defined]
        with CaptureQueriesContext(connection) as captured:
            assert flow.browser.get(address).status_code == 200
        counting = [query for query in captured if "COUNT(*)" in query["sql"]]
        assert len(counting) == 1
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_an_app_that_asks_for_hundreds_of_queries_gets_a_page_with_few_numbers() -> None:
    client, _ = make_client(scope=EVERYTHING)
    own = " ".join(f"patient/Observation.rs?status=final&code={number}" for number in range(300))
    text = f"{own} patient/Observation.rs {LAB}"
    user = make_user("Patient/ann")
    assert Flow(client, user, scope=text).authorize().status_code == 200
    assert len(numbers(user, "ann", parse_scopes(text) or ())) == MOST_QUERIES + 2


def test_a_database_that_takes_too_long_costs_the_numbers_and_not_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_slow(*args: Any) -> list[int]:
        raise FhirError(504, "timeout", "This took longer than 10 seconds and was stopped.")

    monkeypatch.setattr(consent_numbers, "tally", too_slow)
    client, _ = make_client()
    page = Flow(client, make_user("Patient/ann"), scope="patient/Observation.rs").authorize()
    assert page.status_code == 200
    asked = page.content.decode().partition("<form")[2].partition("For how long")[0]
    assert re.search(r"records?\)|none yet", asked) is None

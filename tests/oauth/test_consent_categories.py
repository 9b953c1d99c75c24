"""The consent page: a scope for all of a type that is given for some of US Core's categories only."""

import html
from typing import Any

import pytest
from django.test import Client as Browser

from oauth.consent.narrowing import kinds, undoes
from oauth.models import Consent, Grant
from oauth.scopes import parse_scope, parse_scopes
from tests.fhir.records import observation, patient
from tests.fhir.search.shelf import put
from tests.oauth.flow import (
    Flow,
    Result,
    answer_of,
    boxes,
    make_client,
    make_user,
    run_authorization_code,
    ticks,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement(
        "SMART 2.2 https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
        "#finer-grained-resource-constraints-using-search-parameters"
    ),
]
SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
WHOLE = "patient/Observation.rs"
LAB = f"{WHOLE}?category={SYSTEM}|laboratory"
VITAL = f"{WHOLE}?category={SYSTEM}|vital-signs"
PROBLEM = (
    "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"
)


@pytest.fixture
def record() -> None:
    """Patient p1 with a laboratory result, a vital sign and an observation of no category."""
    put(patient("p1"))
    for kind in ("laboratory", "vital-signs"):
        put(observation(kind, "p1", category=[{"coding": [{"system": SYSTEM, "code": kind}]}]))
    put(observation("other", "p1"))


def allow(scope: str, *tick: str, untick: tuple[str, ...] = (), fhir_user: str = "Patient/p1") -> Result:
    """The tokens for an answer to a page: as it stands, but without `untick` and with `tick`."""
    client, _ = make_client()
    flow = Flow(client, make_user(fhir_user), scope=scope)
    page = flow.authorize()
    code = answer_of(flow.decide(page, untick=untick, tick=tick))["code"]
    return Result(flow, flow.exchange(code).json())  # type: ignore[attr-defined]


def seen(result: Result) -> set[str]:
    """The ids of the Observations that the app finds."""
    answer = Browser().get("/fhir/Observation", headers=result.bearer)
    assert answer.status_code == 200, answer.content
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("scope", "offered"),
    [
        ("patient/Observation.rs", 16),
        ("patient/Observation.r", 16),
        ("user/Observation.cruds", 16),
        ("patient/Condition.rs", 4),
        ("user/DocumentReference.s", 1),
        ("patient/Observation.cud", 0),
        ("patient/Observation.rs?status=final", 0),
        ("patient/*.rs", 0),
        ("patient/Procedure.rs", 0),
        ("system/Observation.rs", 0),
        ("offline_access", 0),
    ],
)
def test_only_what_reads_a_whole_type_that_us_core_sorts_can_be_narrowed(scope: str, offered: int) -> None:
    parsed = parse_scope(scope)
    assert parsed is not None
    found = kinds(parsed)
    assert len(found) == offered
    assert all(parse_scope(kind.text) == kind.scope for kind in found)


def test_the_page_offers_the_whole_and_each_category_and_only_the_whole_is_ticked() -> None:
    client, _ = make_client()
    page = Flow(client, make_user(), scope=f"openid {WHOLE} patient/Condition.rs").authorize()
    text = html.unescape(page.content.decode())
    for words in ("Laboratory results", "Vital signs", "Health concerns", "Problems on the problem list"):
        assert words in text
    assert ticks(page) == [WHOLE, "patient/Condition.rs"]
    assert {LAB, VITAL, PROBLEM} < set(boxes(page))


@pytest.mark.requirement("SMART-78")
@pytest.mark.requirement("SMART-370")
def test_one_category_in_place_of_the_whole_is_granted_and_nothing_else_is_seen(record: None) -> None:
    result = allow(f"openid {WHOLE}", LAB, untick=(WHOLE,))
    assert result.tokens["scope"] == f"openid {LAB}"
    assert seen(result) == {"laboratory"}
    assert Browser().get("/fhir/Observation/vital-signs", headers=result.bearer).status_code == 404
    assert Consent.objects.get().scope == f"openid {LAB}"


@pytest.mark.requirement("SMART-109")
def test_a_refresh_does_not_widen_what_was_narrowed(record: None) -> None:
    result = allow(f"openid offline_access {WHOLE}", LAB, untick=(WHOLE,))
    wider = result.flow.refresh(result.tokens["refresh_token"], scope=WHOLE)
    assert wider.json()["error"] == "invalid_scope"  # type: ignore[attr-defined]
    again = result.flow.refresh(result.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert again["scope"] == f"openid offline_access {LAB}"
    assert seen(Result(result.flow, again)) == {"laboratory"}


def test_several_categories_add_up(record: None) -> None:
    result = allow(WHOLE, LAB, VITAL, untick=(WHOLE,))
    assert result.tokens["scope"] == f"{LAB} {VITAL}"
    assert seen(result) == {"laboratory", "vital-signs"}


def test_the_whole_is_the_whole_whatever_else_is_ticked(record: None) -> None:
    result = allow(WHOLE, LAB)
    assert result.tokens["scope"] == WHOLE
    assert seen(result) == {"laboratory", "vital-signs", "other"}


def test_each_type_is_narrowed_for_itself() -> None:
    note = (
        "patient/DocumentReference.rs?category="
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note"
    )
    asked = f"{WHOLE} patient/Condition.rs patient/DocumentReference.rs patient/Patient.rs"
    types = (WHOLE, "patient/Condition.rs", "patient/DocumentReference.rs")
    result = allow(asked, VITAL, PROBLEM, note, untick=types)
    assert result.tokens["scope"] == f"{VITAL} {PROBLEM} {note} patient/Patient.rs"


@pytest.mark.parametrize("spelling", ["patient/Observation.read", "user/Observation.read"])
def test_a_scope_asked_as_v1_is_answered_as_v2_where_it_was_narrowed(spelling: str) -> None:
    narrowed = f"{spelling.removesuffix('.read')}.rs?category={SYSTEM}|laboratory"
    assert allow(spelling, narrowed, untick=(spelling,)).tokens["scope"] == narrowed
    assert allow(spelling).tokens["scope"] == spelling


def test_a_narrowed_scope_writes_no_more_than_it_reads(record: None) -> None:
    narrowed = f"patient/Observation.cruds?category={SYSTEM}|laboratory"
    result = allow("patient/Observation.cruds", narrowed, untick=("patient/Observation.cruds",))
    assert result.tokens["scope"] == narrowed

    def create(kind: str) -> int:
        new = observation("", "p1", category=[{"coding": [{"system": SYSTEM, "code": kind}]}])
        del new["id"]
        answer = Browser().post(
            "/fhir/Observation", new, content_type="application/fhir+json", headers=result.bearer
        )
        return answer.status_code

    assert create("laboratory") == 201
    assert create("vital-signs") == 403


@pytest.mark.parametrize(
    "smuggled",
    [
        f"patient/Condition.rs?category={SYSTEM}|laboratory",
        "patient/Observation.rs?status=final",
        f"patient/Observation.cruds?category={SYSTEM}|laboratory",
        f"user/Observation.rs?category={SYSTEM}|laboratory",
        f"patient/Observation.rs?category={SYSTEM}|invented",
        "patient/*.rs",
        "x" * 100_000,
        "\x00",
    ],
)
def test_what_the_page_did_not_offer_counts_for_nothing(smuggled: str) -> None:
    result = allow(f"openid {WHOLE} patient/Patient.rs", smuggled, untick=(WHOLE,))
    assert result.tokens["scope"] == "openid patient/Patient.rs"


def test_neither_the_whole_nor_a_part_ticked_is_a_refusal() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope=f"openid {WHOLE}")
    answer = answer_of(flow.decide(flow.authorize(), untick=(WHOLE,), tick=("patient/Patient.rs",)))
    assert answer["error"] == "access_denied"


@pytest.mark.parametrize(
    ("asked", "withheld", "tick"),
    [
        ("patient/*.rs patient/Observation.rs", WHOLE, LAB),
        ("patient/*.rs patient/Observation.rs", WHOLE, ""),
        ("patient/*.r patient/Observation.rs", WHOLE, LAB),
        ("user/Observation.rs patient/Observation.rs", WHOLE, LAB),
        ("patient/Observation.rs user/Observation.rs", "user/Observation.rs", ""),
        (
            "patient/Observation.rs patient/Observation.rs?status=final",
            "patient/Observation.rs?status=final",
            "",
        ),
    ],
)
def test_a_limit_that_another_tick_undoes_is_asked_back(asked: str, withheld: str, tick: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope=asked)
    page: Any = flow.decide(
        flow.authorize(), untick=(withheld,), tick=(tick,) if tick else (), duration="day"
    )
    text = html.unescape(page.content.decode())
    assert page.status_code == 200
    assert "Please take away the first tick too, or allow all of the second." in text
    assert set(ticks(page)) == {*asked.split(), *([tick] if tick else [])} - {withheld}
    assert '<input type="radio" id="duration-day" name="duration" value="day" checked>' in text
    assert not Grant.objects.exists()
    assert not Consent.objects.exists()
    assert answer_of(flow.decide(page, tick=(withheld,)))["code"]


def test_what_a_clinician_sees_of_others_may_be_limited_beside_the_patient() -> None:
    assert undoes(*parse_scopes("user/Observation.rs patient/Observation.rs"))  # type: ignore[misc]
    assert not undoes(*parse_scopes("patient/Observation.rs user/Observation.rs"))  # type: ignore[misc]
    assert not undoes(*parse_scopes("patient/Observation.cud patient/Observation.rs"))  # type: ignore[misc]
    assert not undoes(*parse_scopes(f"{LAB} {WHOLE}"))  # type: ignore[misc]
    assert not undoes(*parse_scopes("system/Observation.rs user/Observation.rs"))  # type: ignore[misc]
    assert not undoes(*parse_scopes("patient/Condition.rs patient/Observation.rs"))  # type: ignore[misc]


def test_where_something_that_cannot_be_left_out_gives_the_whole_no_parts_are_offered() -> None:
    client, _ = make_client(required_scope="patient/*.r")
    page = Flow(client, make_user(), scope="patient/*.r patient/Observation.rs").authorize()
    assert list(boxes(page)) == [WHOLE]


def test_a_narrowed_consent_is_remembered_as_narrowed() -> None:
    client, _ = make_client()
    user = make_user()
    flow = Flow(client, user, scope=f"openid {WHOLE}")
    flow.decide(flow.authorize(), untick=(WHOLE,), tick=(LAB,))
    for asked, granted in [
        (f"openid {WHOLE}", f"openid {LAB}"),
        ("openid patient/Observation.read", f"openid {LAB}"),
        (f"openid {LAB} {VITAL}", f"openid {LAB}"),
    ]:
        again = Flow(client, user, scope=asked)
        tokens = again.exchange(answer_of(again.authorize())["code"]).json()  # type: ignore[attr-defined]
        assert tokens["scope"] == granted


def test_what_was_narrowed_can_be_widened_where_the_app_has_it_asked_again() -> None:
    client, _ = make_client()
    user = make_user()
    flow = Flow(client, user, scope=f"openid {WHOLE}")
    flow.decide(flow.authorize(), untick=(WHOLE,), tick=(LAB,))
    again = Flow(client, user, scope=f"openid {WHOLE}")
    page = again.authorize(prompt="consent")
    assert ticks(page) == [LAB]
    again.decide(page, tick=(WHOLE,))
    assert run_authorization_code(client, user, WHOLE).tokens["scope"] == WHOLE


def test_a_narrower_answer_takes_back_what_an_earlier_one_allowed(record: None) -> None:
    client, _ = make_client()
    user = make_user()
    first = run_authorization_code(client, user, f"openid {WHOLE}")
    assert seen(first) == {"laboratory", "vital-signs", "other"}
    flow = Flow(client, user, scope=f"openid {WHOLE}")
    code = answer_of(flow.decide(flow.authorize(prompt="consent"), untick=(WHOLE,), tick=(LAB, VITAL)))[
        "code"
    ]
    second = Result(flow, flow.exchange(code).json())  # type: ignore[attr-defined]
    assert Browser().get("/fhir/Observation", headers=first.bearer).status_code == 401
    assert seen(second) == {"laboratory", "vital-signs"}
    flow = Flow(client, user, scope=f"openid {WHOLE}")
    flow.decide(flow.authorize(prompt="consent"), untick=(VITAL,))
    assert Consent.objects.get().scope == f"openid {LAB}"
    assert Browser().get("/fhir/Observation", headers=second.bearer).status_code == 401

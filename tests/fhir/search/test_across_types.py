"""Searches at the FHIR base: of several types at once."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import EVERYTHING, Access, Guard, Rule
from tests.fhir.callers import Caller, everyone, for_patients
from tests.fhir.search.shelf import coded, entries, lab, link, patient, put, remove

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#search"),
]

TAG = {"tag": [{"system": "urn:tags", "code": "t"}]}


@pytest.fixture(autouse=True)
def records(db: None) -> None:
    """Two patients' records, with what belongs to nobody, each resource written after the one before."""
    for resource in (
        patient("ann", meta=TAG, birthDate="1970-01-01"),
        patient("ben"),
        lab("a1", "ann", meta=TAG, effectiveDateTime="2020-03-01"),
        lab("b1", "ben", meta=TAG, effectiveDateTime="2020-02-01"),
        {
            "resourceType": "Condition",
            "id": "a1",
            "subject": {"reference": "Patient/ann"},
            "code": coded(("http://loinc.org", "4548-4")),
            "onsetDateTime": "2020-01-01",
        },
        {"resourceType": "Practitioner", "id": "doctor", "meta": TAG},
        {"resourceType": "Account", "id": "loose", "status": "active", "meta": TAG},
    ):
        put(resource)


def names(found: dict[str, Any], mode: str = "match") -> list[str]:
    """Type/id of each entry, in the order of the answer."""
    return [f"{each['resourceType']}/{each['id']}" for each in entries(found, mode)]


def search(query: str, caller: Caller | None = None) -> dict[str, Any]:
    """The searchset that answers /fhir?query, which is the same by POST."""
    caller = caller or everyone()
    response = caller.get(f"?{query}")
    assert response.status_code == 200, response.content
    posted = caller.send("POST", "_search", query.encode(), content_type="application/x-www-form-urlencoded")
    assert posted.json() == response.json()
    found: dict[str, Any] = response.json()
    return found


def walk(query: str, caller: Caller | None = None) -> list[list[str]]:
    """Type/id on each page."""
    pages, following = [], f"/fhir?{query}"
    caller = caller or everyone()
    while following:
        found = caller.get(following).json()
        pages.append(names(found))
        url = link(found, "next") or ""
        following = url.removeprefix("http://testserver")
    return pages


def test_the_types_that_are_named_are_searched_newest_first() -> None:
    found = search("_type=Patient,Observation")
    assert names(found) == ["Observation/b1", "Observation/a1", "Patient/ben", "Patient/ann"]
    assert found["total"] == 4
    assert found["entry"][0]["fullUrl"] == "http://testserver/fhir/Observation/b1"
    assert names(search("_type=Condition")) == ["Condition/a1"]
    assert names(search("_type=Patient,Patient")) == ["Patient/ben", "Patient/ann"]


def test_without_type_all_types_are_searched() -> None:
    found = search("_tag=urn:tags|t")
    assert names(found) == [
        "Account/loose",
        "Practitioner/doctor",
        "Observation/b1",
        "Observation/a1",
        "Patient/ann",
    ]
    assert search("")["total"] == 7
    assert search("_count=0")["total"] == 7
    assert search("_summary=count&_tag=t")["total"] == 5


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
def test_the_base_is_searched_with_a_slash_behind_it_or_not(path: str) -> None:
    found = everyone().get(f"{path}?_type=Condition").json()
    assert names(found) == ["Condition/a1"]
    assert link(found, "self") == "http://testserver/fhir?_type=Condition"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_type=Observation,Condition&patient=ann", ["Condition/a1", "Observation/a1"]),
        ("_type=Observation,Condition&code=http://loinc.org|4548-4&patient=ben", ["Observation/b1"]),
        ("_type=Observation,Condition&subject:Patient.birthdate=1970", ["Condition/a1", "Observation/a1"]),
        ("_id=a1", ["Condition/a1", "Observation/a1"]),
        ("_id=a1,ann,none&_tag=t", ["Observation/a1", "Patient/ann"]),
        ("_type=Patient,Practitioner&_has:Observation:subject:code=4548-4&_tag=t", None),
        ("_type=Patient,Group&_has:Observation:subject:date=2020-03-01", ["Patient/ann"]),
        ("_tag:not=t&_lastUpdated=gt2000", ["Condition/a1", "Patient/ben"]),
        ("_profile:missing=false", []),
    ],
)
def test_parameters_that_all_these_types_have_narrow_the_search(
    query: str, expected: list[str] | None
) -> None:
    if expected is None:
        assert everyone().get(f"?{query}").status_code == 400
        return
    assert names(search(query)) == expected
    assert search(f"{query}&_count=0")["total"] == len(expected)


@pytest.mark.parametrize(
    ("query", "culprit"),
    [
        ("_type=Patient,Observation&birthdate=1970", "Observation has no search parameter 'birthdate'"),
        ("code=4548-4", "Account has no search parameter 'code'"),
        ("_type=Encounter,Questionnaire&context=x", "Encounter has no search parameter 'context'"),
        ("_type=Communication,MessageDefinition&context=x", "context"),
        ("_type=ChargeItem,Questionnaire&context=x", "not the same search parameter"),
        ("_text=x", "_text"),
    ],
)
def test_a_parameter_that_is_not_the_same_for_all_is_left_out_of_account_and_that_is_said(
    query: str, culprit: str
) -> None:
    found = search(query)
    [said] = entries(found, "outcome")
    assert culprit in said["issue"][0]["diagnostics"]
    name = query.partition("=")[0] if "_type" not in query else query.rpartition("&")[2].partition("=")[0]
    assert name not in parse_qs(urlsplit(link(found, "self") or "").query)
    refused = everyone().get(f"?{query}", Prefer="handling=strict")
    assert refused.status_code == 400
    assert culprit in refused.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("query", "culprit"),
    [
        ("_type=Patient,Nonsense", "Nonsense"),
        ("_type=", "no resource type"),
        ("_type:not=Patient", "_type"),
        ("_type=Patient&_type=Observation", "once"),
        ("_type=Observation,Condition&code:in=x", ":in"),
        ("_type=Patient,Observation&_sort=birthdate", "birthdate"),
        ("_type=Encounter,Observation&_sort=status", "status"),
        ("_type=Observation,RiskAssessment&_sort=probability", "probability"),
        ("_type=Patient&_cursor=x", "_cursor"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(query: str, culprit: str) -> None:
    for asked in (query, f"{query}&_count=0"):
        if "_cursor" in asked and "_count" in asked:
            continue
        response = everyone().get(f"?{asked}")
        assert response.status_code == 400
        assert culprit in response.json()["issue"][0]["diagnostics"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#sort")
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("_id", ["Condition/a1", "Observation/a1", "Observation/b1"]),
        ("-_id", ["Observation/b1", "Condition/a1", "Observation/a1"]),
        ("_lastUpdated", ["Observation/a1", "Observation/b1", "Condition/a1"]),
        ("patient,code,-_lastUpdated", None),
    ],
)
def test_types_are_sorted_together_by_what_orders_them_alike(sort: str, expected: list[str] | None) -> None:
    query = f"_type=Condition,Observation&_sort={sort}"
    found = names(search(query))
    assert len(found) == 3
    if expected:
        assert sorted(found) == sorted(expected)
        ids = [name.partition("/")[2] for name in found]
        assert ids == [name.partition("/")[2] for name in expected]
    for size in (1, 2):
        assert [name for page in walk(f"{query}&_count={size}") for name in page] == found


def test_dates_of_different_parameters_of_one_name_are_one_order() -> None:
    put({"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
         "period": {"start": "2020-02-15"}})  # fmt: skip
    assert names(search("_type=Observation,Encounter&_sort=date")) == [
        "Observation/b1",
        "Encounter/e",
        "Observation/a1",
    ]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#paging")
@pytest.mark.parametrize(
    "query", ["_type=Patient,Observation", "_tag=t", "", "_sort=_id", "_sort=-_lastUpdated"]
)
def test_the_pages_hold_every_match_once_while_others_write(query: str) -> None:
    whole = names(search(query))
    seen: list[str] = []
    following, number = f"/fhir?{query}{'&' if query else ''}_count=2", 0
    while following:
        found = everyone().get(following).json()
        seen += names(found)
        number += 1
        put(lab(f"late-{number}"), patient(f"early-{number}", meta=TAG))
        following = (link(found, "next") or "").removeprefix("http://testserver")
        assert number < 30
    assert len(seen) == len(set(seen))
    assert [name for name in seen if "late" not in name and "early" not in name] == whole


def test_the_total_is_counted_where_it_is_asked_for() -> None:
    assert "total" not in search("_type=Patient,Observation&_count=1")
    for total in ("accurate", "estimate"):
        assert search(f"_type=Patient,Observation&_count=1&_total={total}")["total"] == 4
    assert "total" not in search("_type=Patient,Observation&_count=1&_total=none")


def test_summaries_elements_and_includes_work_as_for_one_type() -> None:
    found = search("_type=Observation,Condition&_elements=code&_include=Observation:subject&_sort=_id")
    assert names(found) == ["Condition/a1", "Observation/a1", "Observation/b1"] or names(found) == [
        "Observation/a1",
        "Condition/a1",
        "Observation/b1",
    ]
    assert all("SUBSETTED" in str(each["meta"]["tag"]) for each in entries(found, "match"))
    assert not any("effectiveDateTime" in each for each in entries(found, "match"))
    assert sorted(names(found, "include")) == ["Patient/ann", "Patient/ben"]
    every = search("_type=Observation,Condition&patient=ann&_include=*")
    assert names(every, "include") == ["Patient/ann"]
    back = search("_type=Patient,Practitioner&_id=ben&_revinclude=Observation:subject")
    assert (names(back), names(back, "include")) == (["Patient/ben"], ["Observation/b1"])
    summary = search("_type=Observation&_summary=text")
    assert "effectiveDateTime" not in entries(summary, "match")[0]


def test_the_links_repeat_what_was_understood() -> None:
    found = search("_type=Patient,Observation&_tag=t&colour=red&_count=1&_format=json")
    own, following = link(found, "self") or "", link(found, "next") or ""
    assert own == "http://testserver/fhir?_type=Patient,Observation&_tag=t&_count=1"
    assert following.startswith(f"{own}&_cursor=")
    refused = everyone().get(following.removeprefix("http://testserver") + "&_sort=_id")
    assert refused.status_code == 400


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("base", ["", "http://testserver/fhir", "http://testserver/fhir/"])
def test_an_entry_of_a_bundle_may_search_several_types(kind: str, base: str) -> None:
    def ask(caller: Caller, query: str) -> dict[str, Any]:
        entry = {"request": {"method": "GET", "url": f"{base}?{query}"}}
        answer = caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry]})
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()["entry"][0]["resource"]
        return found

    assert names(ask(everyone(), "_type=Patient,Condition")) == ["Condition/a1", "Patient/ben", "Patient/ann"]
    assert set(names(ask(for_patients("ann"), "_tag:not=none"))) == MINE


# --- within reach only ---


MINE = {"Patient/ann", "Observation/a1", "Condition/a1", "Practitioner/doctor"}


@pytest.mark.parametrize(
    "query",
    ["", "_lastUpdated=gt2000", "_sort=_id", "_id=ann,ben,a1,b1,doctor,loose", "_tag:not=none", "_sort=-_id"],
)
def test_all_types_means_all_that_the_token_reaches(query: str) -> None:
    me = for_patients("ann")
    assert set(names(search(query, me))) == MINE
    sign = "&" if query else ""
    assert search(f"{query}{sign}_count=0", me)["total"] == len(MINE)
    assert search(f"{query}{sign}_count=1&_total=accurate", me)["total"] == len(MINE)
    pages = walk(f"{query}{sign}_count=1", me)
    assert [len(page) for page in pages] == [1] * len(MINE)
    assert {name for page in pages for name in page} == MINE


@pytest.mark.parametrize("query", ["_id=ben", "_type=Observation,Condition&patient=ben", "_type=Account"])
def test_what_is_out_of_reach_answers_like_what_does_not_exist(query: str) -> None:
    found = search(query, for_patients("ann"))
    assert (found["total"], found.get("entry")) == (0, None)


def test_a_type_that_is_named_and_may_not_be_searched_is_refused_by_name() -> None:
    me = for_patients("ann", types=frozenset({"Patient", "Observation"}))
    response = me.get("?_type=Patient,Condition")
    assert response.status_code == 403
    assert "'s' on Condition" in response.json()["issue"][0]["diagnostics"]
    assert set(names(search("", me))) == {"Patient/ann", "Observation/a1"}
    readers = for_patients("ann", letters="r")
    for query in ("", "_type=Patient", "_count=0"):
        assert readers.get(f"?{query}").status_code == 403


def test_each_type_is_searched_by_its_own_rules() -> None:
    def rule(kind: str, patients: frozenset[str] | None, criteria: str = "") -> Rule:
        return Rule(frozenset({kind}), frozenset("rs"), patients, criteria)

    mixed = Access(
        (
            rule("Observation", frozenset({"ann"})),
            rule("Patient", None),
            rule("Account", None, "status=inactive"),
        )
    )
    assert set(names(search("", Caller(mixed)))) == {"Observation/a1", "Patient/ann", "Patient/ben"}
    nothing = Caller(Access((rule("Observation", None, "nonsense=1"),)))
    assert nothing.get("?_tag=t").status_code == 403


def test_a_chain_over_types_that_may_not_be_searched_is_refused() -> None:
    me = for_patients("ann", types=frozenset({"Condition", "Observation"}))
    response = me.get("?_type=Observation,Condition&subject:Patient.birthdate=1970")
    assert response.status_code == 403


def test_links_carry_no_rights() -> None:
    first = search("_count=1&_sort=_id", for_patients("ann", "ben"))
    following = (link(first, "next") or "").removeprefix("http://testserver")
    seen = names(for_patients("ben").get(f"{following}&_count=50").json())
    assert set(seen) == {"Patient/ben", "Observation/b1", "Practitioner/doctor"}


def test_a_token_that_has_ended_finds_nothing() -> None:
    assert Caller.lapsing("1 = 0", None).get("?_type=Patient").status_code == 200
    dead = Caller(Access(EVERYTHING.rules, guard=Guard("1 = 0", (), lambda: Access(()))))
    for query in ("_type=Patient", "", "_count=0"):
        assert dead.get(f"?{query}").status_code in (401, 403)


def test_without_a_token_nothing_is_answered() -> None:
    assert Caller.anonymous().get("?_type=Patient").status_code == 401


@pytest.mark.parametrize(
    "query", ["", "_type=Patient,Observation", "_tag=t&_total=accurate", "_id=a1", "_count=0", "_sort=_id"]
)
def test_a_page_takes_one_statement(query: str) -> None:
    for caller in (everyone(), for_patients("ann"), for_patients("ann", "ben")):
        with CaptureQueriesContext(connection) as statements:
            caller.get(f"?{query}")
        assert len(statements) == 1


def test_many_values_of_many_types_are_one_statement_too() -> None:
    values = ",".join(f"v{number}" for number in range(198))
    assert names(search(f"_tag={values},t&_type=Patient,Account")) == ["Account/loose", "Patient/ann"]
    assert names(search(f"_id={values},a1&_type=Condition,Observation")) == ["Condition/a1", "Observation/a1"]


@pytest.mark.parametrize(
    "query",
    [
        "_id=" + ",".join(["x"] * 100),
        "_type=Patient,Observation&" + "&".join(["_tag=" + ",".join(["x"] * 150)] * 20),
        "_has:Provenance:target:target.target._id=x",
        "_type=" + ",".join(["x"] * 10000),
        "_sort=" + ",".join(["_id"] * 10000),
        "_source:above=http://" + "a/" * 3000,
        "&".join(["_source:above=http://" + "a/" * 90] * 3) + "&_total=accurate",
    ],
)
def test_what_would_cost_too_much_is_refused_at_once(query: str) -> None:
    response = everyone().get(f"?{query}")
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] in ("too-costly", "value")


def test_deleted_resources_are_found_no_more() -> None:
    remove("Condition", "a1")
    assert "Condition/a1" not in names(search("_id=a1"))

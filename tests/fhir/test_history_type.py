"""The history of a type and of everything, and the limits in time of all histories."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import Access, Rule
from tests.fhir.callers import Caller, for_patients

HISTORY = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#history")


def put(api: Caller, resource_type: str, fhir_id: str, **more: Any) -> None:
    """A version of a resource."""
    content = {"resourceType": resource_type, "id": fhir_id, **more}
    assert api.send("PUT", f"{resource_type}/{fhir_id}", content).status_code in (200, 201)


def told(bundle: dict[str, Any]) -> list[str]:
    """What each entry is about: method, address and version."""
    return [
        f"{each['request']['method']} {'/'.join(each['fullUrl'].split('/')[-2:])} "
        f"{each['response']['etag'].removeprefix('W/').strip(chr(34))}"
        for each in bundle.get("entry", [])
    ]


def pages(caller: Caller, place: str) -> list[list[str]]:
    """What each page of a history tells, by its links."""
    found = []
    while place:
        bundle = caller.get(place).json()
        found.append(told(bundle))
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        place = links.get("next", "").partition("/fhir/")[2]
    return found


@pytest.fixture
def story(api: Caller) -> list[str]:
    """Seven changes of three resources, oldest first."""
    put(api, "Patient", "a")
    put(api, "Patient", "b")
    put(api, "Organization", "o", name="x")
    put(api, "Patient", "a", active=True)
    api.send("DELETE", "Patient/b")
    put(api, "Patient", "b", active=False)
    api.send("DELETE", "Organization/o")
    return [
        "PUT Patient/a 1",
        "PUT Patient/b 1",
        "PUT Organization/o 1",
        "PUT Patient/a 2",
        "DELETE Patient/b 2",
        "PUT Patient/b 3",
        "DELETE Organization/o 2",
    ]


@HISTORY
def test_the_history_of_a_type_has_all_versions_newest_first(api: Caller, story: list[str]) -> None:
    bundle = api.get("Patient/_history").json()
    patients = [each for each in story if "Patient" in each]
    assert told(bundle) == patients[::-1]
    assert (bundle["type"], bundle["total"]) == ("history", 5)
    newest, deletion = bundle["entry"][0], bundle["entry"][1]
    assert newest["resource"]["active"] is False
    assert newest["response"]["lastModified"] == newest["resource"]["meta"]["lastUpdated"]
    assert "resource" not in deletion
    assert deletion["response"]["status"] == "204 No Content"


@HISTORY
def test_the_history_of_the_system_has_all_types(api: Caller, story: list[str]) -> None:
    bundle = api.get("_history").json()
    assert told(bundle) == story[::-1]
    assert api.get("/fhir/_history").status_code == 200


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_follow_each_other_without_gap_or_repetition(api: Caller, story: list[str], size: int) -> None:
    found = pages(api, f"_history?_count={size}")
    assert [line for page in found for line in page] == story[::-1]
    assert all(len(page) == size for page in found[:-1])


def test_a_version_that_is_superseded_between_two_pages_keeps_its_place(
    api: Caller, story: list[str]
) -> None:
    first = api.get("Patient/_history?_count=1").json()
    put(api, "Patient", "a", active=False)
    put(api, "Patient", "b", active=True)
    rest = pages(api, first["link"][1]["url"].partition("/fhir/")[2])
    patients = [each for each in story if "Patient" in each]
    assert told(first) + [line for page in rest for line in page] == patients[::-1]


@HISTORY
def test_since_and_at_limit_every_history_in_time(api: Caller, story: list[str]) -> None:
    entries = api.get("_history").json()["entry"][::-1]
    times = [each["response"]["lastModified"] for each in entries]
    assert told(api.get(f"_history?_since={times[4]}").json()) == story[:3:-1]
    # When a was changed, b and o stood in their first version.
    then = {"PUT Patient/b 1", "PUT Organization/o 1", "PUT Patient/a 2"}
    assert set(told(api.get(f"_history?_at={times[3]}").json())) == then
    patients = {each for each in then if "Patient" in each}
    assert set(told(api.get(f"Patient/_history?_at={times[3]}").json())) == patients
    assert told(api.get(f"Patient/a/_history?_at={times[1]}").json()) == ["PUT Patient/a 1"]
    assert told(api.get(f"Patient/a/_history?_at={times[3]}").json()) == ["PUT Patient/a 2"]
    assert told(api.get(f"Patient/b/_history?_at={times[4]}").json()) == ["DELETE Patient/b 2"]
    assert len(told(api.get(f"_history?_at={times[0][:10]}").json())) == len(story)
    for distant in ("1999", "1999-05", "1999-05-01T00:00:00Z"):
        assert told(api.get(f"_history?_at={distant}").json()) == []
        assert told(api.get(f"Patient/a/_history?_at={distant}").json()) == []


@pytest.mark.parametrize("place", ["_history", "Patient/_history", "Patient/a/_history"])
@pytest.mark.parametrize(
    "query",
    [
        "_count=x",
        "_count=-1",
        "_since=soon",
        "_at=2026-13",
        "_list=1",
        "_count=1&_count=2",
        "_cursor=x",
        "_summary=x",
    ],
)
def test_a_parameter_that_is_not_understood_is_refused(
    api: Caller, story: list[str], place: str, query: str
) -> None:
    assert api.get(f"{place}?{query}").status_code == 400


def test_a_cursor_is_good_for_its_own_history_only(api: Caller, story: list[str]) -> None:
    cursor = api.get("_history?_count=1").json()["link"][1]["url"].partition("_cursor=")[2]
    assert api.get(f"_history?_cursor={cursor}").status_code == 200
    assert api.get(f"Patient/_history?_cursor={cursor}").status_code == 400
    assert api.get(f"_history?_since=2020&_cursor={cursor}").status_code == 400


def test_a_count_of_nothing_gives_no_entries(api: Caller, story: list[str]) -> None:
    assert "entry" not in api.get("Patient/_history?_count=0").json()


def test_a_type_without_any_resource_has_an_empty_history(api: Caller) -> None:
    assert api.get("Basic/_history").json()["total"] == 0
    assert api.get("Nothing/_history").status_code == 404


@pytest.mark.requirement("SMART 2.2 scopes-and-launch-context.html#scopes-for-requesting-fhir-resources")
def test_these_histories_need_the_right_to_search(api: Caller, story: list[str]) -> None:
    reader = for_patients("a", letters="r")
    assert reader.get("Patient/_history").status_code == 403
    assert reader.get("_history").status_code == 403
    assert reader.get("Patient/a/_history").status_code == 200
    searcher = for_patients("a", letters="s", types=frozenset({"Patient"}))
    assert told(searcher.get("Patient/_history").json()) == ["PUT Patient/a 2", "PUT Patient/a 1"]
    assert searcher.get("Organization/_history").status_code == 403
    assert searcher.get("Patient/a/_history").status_code == 403


def test_the_history_of_the_system_has_just_the_types_that_may_be_searched(
    api: Caller, story: list[str]
) -> None:
    rules = (
        Rule(frozenset({"Organization"}), frozenset("s"), None),
        Rule(frozenset({"Patient"}), frozenset("s"), frozenset({"b"})),
    )
    found = told(Caller(Access(rules)).get("_history").json())
    assert found == [each for each in story[::-1] if "Patient/a" not in each]


@pytest.mark.parametrize("place", ["_history", "Patient/_history"])
def test_a_page_is_one_statement(api: Caller, story: list[str], place: str) -> None:
    with CaptureQueriesContext(connection) as statements:
        api.get(place)
    assert len(statements) == 1


def test_parts_of_resources_can_be_asked_for(api: Caller, story: list[str]) -> None:
    for place in ("_history", "Patient/_history", "Patient/a/_history"):
        bundle = api.get(f"{place}?_elements=active").json()
        [first] = [each for each in bundle["entry"] if each["fullUrl"].endswith("/a")][:1]
        assert set(first["resource"]) == {"resourceType", "id", "meta", "active"}
        assert first["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"

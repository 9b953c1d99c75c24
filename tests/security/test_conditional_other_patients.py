"""A token of one patient tries to change, to find or to learn of another's data: by criteria, by patches, by
the histories of types."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fhir.access import Access, Rule
from fhir.models import Resource
from tests.fhir.callers import Caller, everyone, for_patients

pytestmark = pytest.mark.django_db
JSON_PATCH = "application/json-patch+json"
HERE = "identifier=urn:x|1"
NOWHERE = "identifier=urn:x|9"
METHODS = ["PUT", "PATCH", "DELETE"]


def observation(patient: str, number: str = "1", **more: Any) -> dict[str, Any]:
    """An Observation of a patient with this identifier."""
    facts = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    named = {
        "identifier": [{"system": "urn:x", "value": number}],
        "subject": {"reference": f"Patient/{patient}"},
    }
    return {**facts, **named, **more}


@pytest.fixture
def foreign() -> str:
    """The address of an Observation of b, which a would like to know."""
    api = everyone()
    for name in "ab":
        api.send("PUT", f"Patient/{name}", {"resourceType": "Patient", "id": name})
    stored = api.create(observation("b", note=[{"text": "secret"}]))
    return f"Observation/{stored['id']}"


def patch(path: str, value: Any, *, op: str = "add") -> bytes:
    """A patch of one operation."""
    from fhir.jsontext import serialise

    return serialise([{"op": op, "path": path, "value": value}])


def by_criteria(caller: Caller, method: str, criteria: str, **headers: str) -> Any:
    """The response to a conditional interaction, with content of a's where there is content."""
    url = f"Observation?{criteria}"
    if method == "PATCH":
        operations = patch("/status", "amended", op="replace")
        return caller.send(method, url, operations, content_type=JSON_PATCH, **headers)
    return caller.send(method, url, observation("a", "9") if method == "PUT" else None, **headers)


def in_bundle(caller: Caller, kind: str, method: str, url: str, resource: Any = None, **more: str) -> Any:
    """The response to one entry of a Bundle."""
    entry = {"request": {"method": method, "url": url, **more}}
    whole = entry if resource is None else {**entry, "resource": resource}
    return caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [whole]})


def told(response: Any) -> tuple[int, str]:
    """All that a response says, but for what differs between any two: ids and times of what is new."""
    import re

    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", response.content.decode())
    return response.status_code, re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


@pytest.mark.parametrize("method", METHODS)
def test_criteria_do_not_find_another_patients_data(foreign: str, method: str) -> None:
    caller = for_patients("a")
    here = by_criteria(caller, method, HERE)
    everyone().send("DELETE", "Observation?identifier=urn:x|9")
    nowhere = by_criteria(caller, method, NOWHERE)
    assert told(here) == told(nowhere)
    assert here.headers.get("ETag") == nowhere.headers.get("ETag")
    stored = everyone().get(foreign).json()
    assert (stored["meta"]["versionId"], stored["subject"]["reference"]) == ("1", "Patient/b")


@pytest.mark.parametrize("method", METHODS)
def test_another_patients_data_do_not_make_a_match_ambiguous(foreign: str, method: str) -> None:
    own = everyone().create(observation("a"))
    assert by_criteria(everyone(), method, HERE).status_code == 412
    assert by_criteria(for_patients("a"), method, HERE).status_code in (200, 204)
    assert Resource.objects.get(type="Observation", fhir_id=own["id"]).version == 2
    assert everyone().get(foreign)["ETag"] == 'W/"1"'


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "criteria",
    ["subject=Patient/b", "patient.identifier=urn:p|1", "_id=none", "note=secret", "patient:missing=true"],
)
def test_other_criteria_find_no_more(foreign: str, method: str, criteria: str) -> None:
    response = by_criteria(for_patients("a"), method, criteria)
    assert response.status_code in (201, 204, 400, 404)
    assert everyone().get(foreign)["ETag"] == 'W/"1"'


def test_a_hidden_match_neither_spares_nor_betrays_a_conditional_create(foreign: str) -> None:
    caller = for_patients("a")
    made = caller.send("POST", "Observation", observation("a"), If_None_Exist=HERE)
    assert made.status_code == 201
    again = caller.send("POST", "Observation", observation("a"), If_None_Exist=HERE)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])


def test_a_visible_match_that_may_not_be_read_is_not_shown(foreign: str) -> None:
    searcher = for_patients("b", letters="cs")
    response = searcher.send("POST", "Observation", observation("b"), If_None_Exist=HERE)
    assert (response.status_code, response.content) == (200, b"")


def test_an_update_by_criteria_creates_in_the_own_record_only(foreign: str) -> None:
    caller = for_patients("a")
    before = Resource.objects.count()
    for content in (
        observation("b", "9"),
        observation("nobody", "9"),
        {**observation("a", "9"), "performer": [{"reference": "Patient/b"}]},
    ):
        assert caller.send("PUT", f"Observation?{NOWHERE}", content).status_code == 403
    assert caller.send("PUT", f"Observation?{NOWHERE}", {**observation("a"), "id": "mine"}).status_code == 403
    assert (
        for_patients("a", letters="us").send("PUT", f"Observation?{NOWHERE}", observation("a")).status_code
        == 403
    )
    assert Resource.objects.count() == before


def test_an_own_id_does_not_tell_whether_another_resource_has_it(foreign: str) -> None:
    caller, fhir_id = for_patients("a"), foreign.partition("/")[2]
    taken = caller.send("PUT", f"Observation?{NOWHERE}", {**observation("a"), "id": fhir_id})
    free = caller.send("PUT", f"Observation?{NOWHERE}", {**observation("a"), "id": "free"})
    assert told(taken) == told(free)


def test_an_update_by_criteria_takes_nothing_out_of_the_own_record(foreign: str) -> None:
    own = everyone().create(observation("a"))
    response = for_patients("a").send("PUT", f"Observation?{HERE}", observation("b"))
    assert response.status_code == 403
    stored = everyone().get(f"Observation/{own['id']}").json()
    assert stored["subject"]["reference"] == "Patient/a"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("method", METHODS)
def test_bundles_are_no_way_around(foreign: str, kind: str, method: str) -> None:
    caller = for_patients("a")
    binary = {
        "resourceType": "Binary",
        "contentType": JSON_PATCH,
        "data": base64.b64encode(patch("/status", "amended", op="replace")).decode(),
    }
    resource = {"PUT": observation("a", "9"), "PATCH": binary, "DELETE": None}[method]
    here = in_bundle(caller, kind, method, f"Observation?{HERE}", resource)
    everyone().send("DELETE", "Observation?identifier=urn:x|9")
    nowhere = in_bundle(caller, kind, method, f"Observation?{NOWHERE}", resource)
    assert told(here) == told(nowhere)
    direct = {**resource, "id": foreign.partition("/")[2]} if method == "PUT" and resource else resource
    missing = {**direct, "id": "none"} if method == "PUT" and direct else direct
    refused = in_bundle(caller, kind, method, foreign, direct)
    unknown = in_bundle(caller, kind, method, "Observation/none", missing)
    assert told(refused)[0] == told(unknown)[0]
    assert refused.content.decode().replace(foreign, "X") == unknown.content.decode().replace(
        "Observation/none", "X"
    )
    assert everyone().get(foreign)["ETag"] == 'W/"1"'


def test_a_patch_of_another_patients_data_says_that_there_is_nothing(foreign: str) -> None:
    caller = for_patients("a")
    for body in (
        patch("/note/0/text", "secret", op="test"),
        patch("/note/0/text", "guess", op="test"),
        patch("/nothing", 1, op="replace"),
        patch("/subject/reference", "Patient/a", op="replace"),
        b"[]",
    ):
        response = caller.send("PATCH", foreign, body, content_type=JSON_PATCH)
        assert response.status_code == 404
        missing = caller.send("PATCH", "Observation/none", body, content_type=JSON_PATCH)
        assert response.content.decode().replace(foreign, "X") == missing.content.decode().replace(
            "Observation/none", "X"
        )
    for version in ("1", "2"):
        conditional = caller.send("PATCH", foreign, b"[]", content_type=JSON_PATCH, If_Match=f'W/"{version}"')
        assert conditional.status_code == 404
    assert everyone().get(foreign)["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/note/0"}, {"op": "remove", "path": "/issued"}],
        [{"op": "remove", "path": "/issued"}],
        [{"op": "add", "path": "/contained/0/resourceType", "value": "Observation"}],
        [{"op": "add", "path": "/valueString", "value": "x"}],
        [{"op": "replace", "path": "/status", "value": "no such status"}],
    ],
)
def test_why_a_patch_fails_tells_nothing_of_what_cannot_be_read(operations: list[dict[str, Any]]) -> None:
    contained = {
        "resourceType": "Practitioner",
        "id": "c",
        "name": [{"family": "secret"}],
        "gender": "female",
    }
    more = {"contained": [contained], "valueInteger": 1, "performer": [{"reference": "#c"}]}
    own = everyone().create(observation("a") | more)
    bare = {name: own[name] for name in ("resourceType", "status", "code", "subject", "performer")}
    other = everyone().create(bare | {"performer": [{"display": "x"}]})
    answers = set()
    for made in (own, other):
        response = for_patients("a", letters="u").send(
            "PATCH", f"Observation/{made['id']}", operations, content_type=JSON_PATCH
        )
        answers.add((response.status_code, response.content) if response.status_code != 200 else 200)
    assert len(answers - {200}) == 1
    told = for_patients("a", letters="ru").send(
        "PATCH", f"Observation/{own['id']}", operations, content_type=JSON_PATCH
    )
    assert told.status_code == 422
    assert (422, told.content) not in answers


def test_a_patch_moves_nothing_between_records(foreign: str) -> None:
    own = everyone().create(observation("a"))
    place = f"Observation/{own['id']}"
    for operations in (
        patch("/subject/reference", "Patient/b", op="replace"),
        patch("/performer", [{"reference": "Patient/b"}]),
        b'[{"op":"remove","path":"/subject"}]',
    ):
        response = for_patients("a").send("PATCH", place, operations, content_type=JSON_PATCH)
        assert response.status_code == 403
    assert everyone().get(place)["ETag"] == 'W/"1"'


def test_a_deleted_resource_of_another_is_as_unknown_to_a_patch_as_any(foreign: str) -> None:
    everyone().send("DELETE", foreign)
    assert for_patients("a").send("PATCH", foreign, b"[]", content_type=JSON_PATCH).status_code == 404
    assert for_patients("b").send("PATCH", foreign, b"[]", content_type=JSON_PATCH).status_code == 410


def addresses(caller: Caller, place: str) -> list[tuple[str, str]]:
    """The (address, version) of each entry of a history."""
    bundle = caller.get(place).json()
    return [
        ("/".join(each["fullUrl"].split("/")[-2:]), each["response"]["etag"])
        for each in bundle.get("entry", [])
    ]


@pytest.mark.parametrize("place", ["Observation/_history", "_history"])
def test_histories_show_the_own_record_only(foreign: str, place: str) -> None:
    api = everyone()
    own = api.create(observation("a"))
    api.send("PUT", foreign, {**api.get(foreign).json(), "status": "amended"})
    api.send("DELETE", foreign)
    api.send("DELETE", f"Observation/{own['id']}")
    name = f"Observation/{own['id']}"
    shown = addresses(for_patients("a"), place)
    assert [each for each in shown if "Observation" in each[0]] == [(name, 'W/"2"'), (name, 'W/"1"')]
    assert [each for each in shown if "Patient" in each[0]] == (
        [("Patient/a", 'W/"1"')] if place == "_history" else []
    )
    both = addresses(for_patients("a", "b"), place)
    assert (foreign, 'W/"3"') in both


@pytest.mark.parametrize("place", ["Observation/_history", "_history"])
def test_a_version_that_was_anothers_and_one_that_is_now_are_not_shown(foreign: str, place: str) -> None:
    api = everyone()
    moved = api.create(observation("b", note=[{"text": "secret"}]))
    name = f"Observation/{moved['id']}"
    api.send("PUT", name, {**moved, "subject": {"reference": "Patient/a"}, "note": [{"text": "known"}]})
    response = for_patients("a").get(place)
    assert "secret" not in response.content.decode()
    assert [each for each in addresses(for_patients("a"), place) if each[0] == name] == [(name, 'W/"2"')]
    # Now it is b's again: a sees none of its versions, not even the one that was a's.
    api.send("PUT", name, {**moved, "id": moved["id"]})
    assert name not in dict(addresses(for_patients("a"), place))
    # And b does not see the one that was a's.
    assert [each for each in addresses(for_patients("b"), place) if each[0] == name] == [
        (name, 'W/"3"'),
        (name, 'W/"1"'),
    ]


def test_a_type_that_no_patient_has_a_part_in_has_no_history(foreign: str) -> None:
    everyone().create({"resourceType": "Group", "type": "person", "actual": True})
    assert addresses(for_patients("a"), "Group/_history") == []
    assert addresses(everyone(), "Group/_history") != []


def test_hidden_versions_leave_no_mark_on_pages_and_totals(foreign: str) -> None:
    api = everyone()
    for number in range(3):
        stored = api.create(observation("b", f"b{number}"))
        api.send("DELETE", f"Observation/{stored['id']}")
        api.create(observation("a", f"a{number}"))
    bundle = for_patients("a").get("Observation/_history?_count=3").json()
    assert (len(bundle["entry"]), bundle["total"], len(bundle["link"])) == (3, 3, 1)


def test_a_history_in_pages_looks_past_what_is_hidden(foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir.store.histories.BATCH", 2)
    api = everyone()
    first = api.create(observation("a", "first"))
    for number in range(7):
        stored = api.create(observation("b", f"b{number}"))
        api.send("DELETE", f"Observation/{stored['id']}")
    last = api.create(observation("a", "last"))
    found = addresses(for_patients("a"), "Observation/_history?_count=1")
    assert found == [(f"Observation/{last['id']}", 'W/"1"')]
    whole = addresses(for_patients("a"), "Observation/_history?_count=2")
    assert [each[0] for each in whole] == [f"Observation/{last['id']}", f"Observation/{first['id']}"]


def test_histories_keep_to_what_a_scopes_query_finds(foreign: str) -> None:
    api = everyone()
    own = api.create(observation("a"))
    name = f"Observation/{own['id']}"
    api.send("PUT", name, {**own, "status": "amended"})
    hidden = api.create(observation("a", "2"))
    rule = Rule(frozenset({"Observation"}), frozenset("s"), frozenset({"a"}), "status=amended")
    assert addresses(Caller(Access((rule,))), "Observation/_history") == [(name, 'W/"2"')]
    api.send("DELETE", name)
    api.send("DELETE", f"Observation/{hidden['id']}")
    gone = addresses(Caller(Access((rule,))), "Observation/_history")
    assert gone == [(name, 'W/"3"'), (name, 'W/"2"')]


@pytest.mark.parametrize("method", METHODS)
def test_criteria_keep_to_what_a_scopes_query_finds(foreign: str, method: str) -> None:
    api = everyone()
    own = api.create(observation("a"))
    rule = Rule(frozenset({"Observation"}), frozenset("cruds"), frozenset({"a"}), "status=preliminary")
    response = by_criteria(Caller(Access((rule,))), method, HERE)
    assert response.status_code in (204, 403, 404)
    assert api.get(f"Observation/{own['id']}")["ETag"] == 'W/"1"'

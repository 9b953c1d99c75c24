"""Bodies and parameters that are small to send and were dear to look at, in time or in memory.

Where the work must not grow with the square of the text, a text is taken that is long enough: the square of
it would take minutes, where the answer takes a fraction of a second.
"""

from __future__ import annotations

from typing import Any

import pytest

from fhir import jsontext
from fhir.jsontext import JsonTextError
from fhir.outcome import Issue
from fhir.search.escapes import split
from fhir.validation import validate
from tests.fhir.callers import everyone

pytestmark = pytest.mark.django_db

MANY = 300_000


def refused(text: bytes) -> JsonTextError:
    """Why this is no text of ours."""
    with pytest.raises(JsonTextError) as found:
        jsontext.parse(text)
    return found.value


def test_the_last_of_many_keys_that_stands_twice_is_soon_found() -> None:
    keys = b",".join(b'"k%d":1' % number for number in range(MANY))
    assert refused(b'{%s,"k%d":2}' % (keys, MANY - 1)).path == f"k{MANY - 1}"


@pytest.mark.parametrize(
    ("rule", "fault"), [("depth", b"[" * 70 + b"]" * 70), ("duplicate-key", b'{"a":1,"a":1}')]
)
def test_a_fault_behind_many_places_with_a_long_name_takes_little_memory(rule: str, fault: bytes) -> None:
    found = refused(b'{"%s":[%s%s]}' % (b"k" * 1_000_000, b"[]," * MANY, fault))
    assert found.rule == rule
    assert len(str(found)) < 1000


@pytest.mark.parametrize(
    "number", ["0e99999999999999999999", "0.0E-99999999999999999999", "-0e+1234567890123456789"]
)
def test_an_exponent_beyond_all_measure_is_no_number(number: str) -> None:
    assert refused(b'{"a":%s}' % number.encode()).rule == "number"


def test_a_long_value_is_cut_in_one_go() -> None:
    assert split("a," * 2_000_000, ",")[-2:] == ["a", ""]
    assert split("a" * 4_000_000, ",") == ["a" * 4_000_000]


@pytest.mark.parametrize("place", ["Patient/_search", "_search"])
@pytest.mark.parametrize(
    "form",
    [
        f"name={'a' * 20_001}",
        f"name={'a,' * 20_000}",
        f"_elements={'a,' * 20_000}",
        f"_sort={'_id,' * 20_000}",
        f"{'x' * 1001}=1",
        f"_id={'%41' * 400_000}",
        "&" * 1_000_001,
        "&".join(["_id=x"] * 201),
    ],
    ids=lambda form: form[:9],
)
def test_a_query_of_unusual_length_is_refused(place: str, form: str) -> None:
    response = everyone().send("POST", place, form.encode(), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "too-costly"


@pytest.mark.parametrize(("query", "status"), [("_id=x", 200), ("&".join(["_id=x"] * 100), 400)])
def test_a_hundred_parameters_are_not_asked_of_all_types(query: str, status: int) -> None:
    response = everyone().get(f"?{query}")
    assert response.status_code == status
    assert everyone().get(f"?_type=Patient,Observation&{query}").status_code == 200


@pytest.mark.parametrize(("number", "status"), [(20, 200), (21, 400)])
@pytest.mark.parametrize("chain", ["_has:Observation:subject:code=x", "organization.name=x", "_list=x"])
def test_a_query_has_a_number_of_chains_that_a_database_can_plan(
    chain: str, number: int, status: int
) -> None:
    assert everyone().get(f"Patient?{'&'.join([chain] * number)}").status_code == status


@pytest.mark.parametrize(
    ("chain", "status"),
    [
        ("supporting-info._id", 200),
        ("supporting-info.subject._id", 400),
        ("supporting-info._has:List:item:item._has:List:item:item._id", 400),
        ("supporting-info:Composition.subject:Patient._id", 200),
    ],
)
def test_a_chain_that_leads_to_ever_more_types_is_refused(chain: str, status: int) -> None:
    response: Any = everyone().get(f"Appointment?{chain}=x")
    assert response.status_code == status, response.content
    assert status == 200 or response.json()["issue"][0]["code"] == "too-costly"


def coded(many: int) -> dict[str, Any]:
    """An Observation of a few kilobytes, in which each of so many codes goes with each of so many values."""
    codings = [{"system": "http://example.org", "code": f"c{number}"} for number in range(many)]
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": codings},
        "valueCodeableConcept": {"coding": codings},
    }


def test_codes_that_pair_with_ever_more_values_are_refused() -> None:
    caller = everyone()
    assert caller.send("POST", "Observation", coded(50)).status_code == 201
    response = caller.send("POST", "Observation", coded(1000))
    assert response.status_code == 422
    assert response.json()["issue"][0]["code"] == "too-costly"
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": coded(1000)}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert caller.send("POST", "", bundle).status_code == 422
    assert caller.send("POST", "Observation/$validate?mode=create", coded(1000)).status_code == 200


WRONG = [
    ("a million wrong elements", {"name": [1] * 1_000_000}, "Patient.name[0]"),
    ("behind many good ones", {"name": [{"text": "x"}] * 100_000 + [1]}, "Patient"),
    ("a million wrong properties", {f"x{number}": 1 for number in range(200_000)}, "Patient"),
    ("a name of a million letters", {"x" * 1_000_000: 1}, "Patient.x"),
    ("a deep name", {"name": [{"x" * 1_000_000: {"y": [None]}}]}, "Patient.name[0].x"),
    (
        "a type of a million letters",
        {"contained": [{"resourceType": "x" * 1_000_000}]},
        "Patient.contained[0]",
    ),
]


@pytest.mark.parametrize(("name", "content", "place"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_a_large_resource_is_soon_told(name: str, content: Any, place: str) -> None:
    issues = validate({"resourceType": "Patient", **content})
    assert issues
    assert str(issues[0].expression).startswith(place)
    assert len("".join(f"{issue.diagnostics}{issue.expression}" for issue in issues)) < 100_000


def test_of_a_large_resource_lists_are_cut_alike() -> None:
    name = {"given": ["A"] * 5_000, "_given": [None] * 5_000, "family": "B"}
    assert validate({"resourceType": "Patient", "name": [name] * 5, "active": "yes"}) == [
        Issue(
            "error",
            "value",
            "Patient.active: 'yes' is no boolean; it must be true or false, without quotes.",
            "Patient.active",
        )
    ]


def test_a_condition_of_unusual_length_is_refused_before_it_is_taken_apart() -> None:
    entry = {
        "request": {"method": "POST", "url": "Patient", "ifNoneExist": "a=b&" * 255_000},
        "resource": {"resourceType": "Patient"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    response = everyone().send("POST", "", bundle)
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "too-costly"

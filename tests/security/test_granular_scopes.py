"""Rules with a query, at every door of the repository: what the query does not find is not there."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import Access, Rule
from fhir.granular import is_understood
from tests.fhir.callers import Caller, everyone
from tests.fhir.records import reference

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement(
        "SMART 2.2 https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
        "#finer-grained-resource-constraints-using-search-parameters"
    ),
]
Json = dict[str, Any]
SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"category={SYSTEM}|laboratory"
VITAL = f"category={SYSTEM}|vital-signs"


def observation(kind: str, of: str = "ann", **more: Any) -> Json:
    """An Observation of this category."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"code": "x"}]},
        "category": [{"coding": [{"system": SYSTEM, "code": kind}]}],
        "subject": reference(f"Patient/{of}"),
        **more,
    }


def limited(*criteria: str, letters: str = "cruds", patients: tuple[str, ...] | None = ("ann",)) -> Caller:
    """A caller with a rule for Observations for each of these queries, and for all else of the patients."""
    named = None if patients is None else frozenset(patients)
    rules = [Rule(frozenset({"Observation"}), frozenset(letters), named, each) for each in criteria]
    others = frozenset({"Patient", "Binary", "Encounter"})
    return Caller(Access((*rules, Rule(others, frozenset("cruds"), named))))


@pytest.fixture
def clinic() -> Caller:
    """Ann with a lab result, a vital sign and a survey; Ben with a lab result."""
    api = everyone()
    for fhir_id in ("ann", "ben"):
        api.send("PUT", f"Patient/{fhir_id}", {"resourceType": "Patient", "id": fhir_id})
    dated = {"effectiveDateTime": "2024-05-01"}
    put(api, observation("laboratory", id="lab", **dated))
    put(api, observation("vital-signs", id="vital"))
    put(api, observation("survey", id="survey", hasMember=[reference("Observation/lab")]))
    put(api, observation("laboratory", "ben", id="other"))
    return api


def put(api: Caller, resource: Json) -> Any:
    """PUT, under the id it has."""
    return api.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)


def found(response: Any) -> set[str]:
    """The ids of the resources in a Bundle."""
    assert response.status_code == 200, response.content
    return {
        entry["resource"]["id"]
        for entry in response.json().get("entry", ())
        if entry.get("resource", {}).get("resourceType") not in (None, "OperationOutcome", "Patient")
    }


def test_reading_and_searching_find_what_the_query_finds(clinic: Caller) -> None:
    caller = limited(LAB)
    assert caller.get("Observation/lab").status_code == 200
    for fhir_id in ("vital", "survey", "other", "nowhere"):
        for door in ("", "/_history", "/_history/1"):
            assert caller.get(f"Observation/{fhir_id}{door}").status_code == 404
    assert found(caller.get("Observation")) == {"lab"}
    assert found(caller.get("Observation?patient=ann")) == {"lab"}
    assert found(caller.get("Observation?status=final&patient=ann")) == {"lab"}
    assert found(caller.get("Observation?code=x&_sort=date")) == {"lab"}
    assert found(caller.get("Observation?code=x&date=ge2000")) == {"lab"}
    assert found(caller.get(f"Observation?{VITAL}")) == set()
    assert caller.get("Observation?_summary=count").json()["total"] == 1
    assert caller.get("Observation?code=x&_total=accurate").json()["total"] == 1


def test_several_queries_add_up_and_so_does_a_rule_without_one(clinic: Caller) -> None:
    assert found(limited(LAB, VITAL).get("Observation")) == {"lab", "vital"}
    assert found(limited(LAB, "").get("Observation")) == {"lab", "vital", "survey"}
    access = Access(
        (
            Rule(frozenset({"Observation"}), frozenset("rs"), frozenset({"ben"})),
            Rule(frozenset({"Observation"}), frozenset("rs"), frozenset({"ann"}), VITAL),
        )
    )
    assert found(Caller(access).get("Observation?code=x")) == {"other", "vital"}


def test_a_query_on_everybodys_data_is_held_too(clinic: Caller) -> None:
    caller = limited(LAB, patients=None)
    assert found(caller.get("Observation")) == {"lab", "other"}
    assert caller.get("Observation/vital").status_code == 404


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("date=ge2024", {"lab"}),
        ("date=lt2024", set()),
        ("_id=vital,lab", {"lab", "vital"}),
        ("_lastUpdated=gt2000", {"lab", "vital", "survey"}),
        ("_lastUpdated=lt2000", set()),
        ("category:not=survey", {"lab", "vital"}),
        ("date:missing=true", {"vital", "survey"}),
        ("has-member=Observation/lab", {"survey"}),
        (f"{LAB}&code=x", {"lab"}),
        (f"{LAB}&code=y", set()),
        ("category=laboratory,survey", {"lab", "survey"}),
        ("code-value-concept=x$y", set()),
    ],
)
def test_any_parameter_of_the_type_can_limit(clinic: Caller, criteria: str, expected: set[str]) -> None:
    caller = limited(criteria)
    assert found(caller.get("Observation")) == expected
    for fhir_id in ("lab", "vital", "survey"):
        readable = 200 if fhir_id in expected else 404
        assert caller.get(f"Observation/{fhir_id}").status_code == readable
        assert caller.get(f"Observation/{fhir_id}/_history/1").status_code == readable


@pytest.mark.parametrize(
    "criteria",
    [
        "categories=x",
        f"{LAB}&categories=x",
        "category:sideways=x",
        "category=|",
        "date=yesterday",
        "_count=5",
        f"{LAB}&_count=5",
        f"{LAB}&_format=json",
        f"{LAB}&_include=Observation:subject",
        f"{LAB}&code=",
        "subject:Patient.name=x",
        "_has:Provenance:target:recorded=2020",
        "_list=1",
        "_text=x",
        "category=a%00b",
    ],
)
def test_a_query_that_is_not_understood_to_the_last_word_gives_nothing(clinic: Caller, criteria: str) -> None:
    caller = limited(criteria)
    assert not is_understood("Observation", criteria)
    for method, path in (("GET", "Observation"), ("GET", "Observation/lab"), ("DELETE", "Observation/lab")):
        assert caller.send(method, path).status_code == 403
    assert caller.send("POST", "Observation", observation("laboratory")).status_code == 403


def test_criteria_belong_to_one_type() -> None:
    for types in (None, frozenset[str](), frozenset({"Observation", "Condition"})):
        with pytest.raises(ValueError, match="one type"):
            Rule(types, frozenset("r"), None, LAB)


def test_includes_both_ways_and_chains_stay_within_the_query(clinic: Caller) -> None:
    caller = limited("category=survey")
    assert found(caller.get("Observation?_include=Observation:has-member")) == {"survey"}
    assert found(caller.get("Patient?_id=ann&_revinclude=Observation:subject")) == {"survey"}
    assert found(limited("").get("Observation?_id=survey&_include=Observation:has-member")) == {
        "survey",
        "lab",
    }
    assert found(caller.get("Observation?has-member.code=x")) == set()
    assert caller.get("Patient?_has:Observation:subject:category=laboratory").json()["total"] == 0
    assert caller.get("Patient?_has:Observation:subject:category=survey").json()["total"] == 1


def test_everything_leaves_out_what_the_query_does_not_find(clinic: Caller) -> None:
    assert found(limited(LAB).get("Patient/ann/$everything")) == {"lab"}


def test_a_file_is_readable_exactly_if_the_query_finds_what_it_belongs_to(clinic: Caller) -> None:
    for fhir_id in ("lab", "vital"):
        context = reference(f"Observation/{fhir_id}")
        binary = {"resourceType": "Binary", "id": f"of-{fhir_id}", "contentType": "text/plain"}
        put(clinic, {**binary, "securityContext": context})
    caller = limited(LAB)
    assert caller.get("Binary/of-lab").status_code == 200
    assert caller.get("Binary/of-vital").status_code == 404
    assert caller.get("Binary/of-lab/_history/1").status_code == 200
    assert caller.get("Binary/of-vital/_history/1").status_code == 404
    assert found(caller.get("Binary")) == {"of-lab"}


def test_each_version_is_judged_by_its_own_content_and_by_the_current_one(clinic: Caller) -> None:
    put(clinic, observation("vital-signs", id="lab"))
    put(clinic, observation("laboratory", id="lab", note=[{"text": "again"}]))
    caller = limited(LAB)
    assert [caller.get(f"Observation/lab/_history/{n}").status_code for n in (1, 2, 3)] == [200, 404, 200]
    tags = [entry["response"]["etag"] for entry in caller.get("Observation/lab/_history").json()["entry"]]
    assert tags == ['W/"3"', 'W/"1"']
    put(clinic, observation("survey", id="lab"))
    for door in ("", "/_history", "/_history/1", "/_history/4"):
        assert caller.get(f"Observation/lab{door}").status_code == 404


def test_what_was_deleted_is_gone_only_for_those_whose_query_found_it(clinic: Caller) -> None:
    for fhir_id in ("lab", "vital"):
        clinic.send("DELETE", f"Observation/{fhir_id}")
    caller = limited(LAB)
    assert caller.get("Observation/lab").status_code == 410
    assert caller.get("Observation/vital").status_code == 404
    assert caller.send("DELETE", "Observation/lab").status_code == 204
    assert caller.send("DELETE", "Observation/vital").status_code == 404


def test_a_new_resource_must_be_found_by_the_query(clinic: Caller) -> None:
    caller = limited(LAB)
    assert caller.send("POST", "Observation", observation("laboratory")).status_code == 201
    assert caller.send("POST", "Observation", observation("survey")).status_code == 403
    assert caller.send("POST", "Observation", observation("laboratory", "ben")).status_code == 403
    assert clinic.get("Observation?_summary=count").json()["total"] == 5


def test_an_update_must_be_found_by_the_query_before_and_after(clinic: Caller) -> None:
    caller = limited(LAB)
    assert put(caller, observation("laboratory", id="lab", note=[{"text": "x"}])).status_code == 200
    assert put(caller, observation("survey", id="lab")).status_code == 403
    assert put(caller, observation("laboratory", id="vital")).status_code == 404
    assert put(caller, observation("laboratory", id="other")).status_code == 404
    assert clinic.get("Observation/lab").json()["category"][0]["coding"][0]["code"] == "laboratory"
    assert clinic.get("Observation/vital").json()["meta"]["versionId"] == "1"


def test_a_patch_must_be_found_by_the_query_before_and_after(clinic: Caller) -> None:
    caller = limited(LAB)
    kind = {"content_type": "application/json-patch+json"}
    status = [{"op": "replace", "path": "/status", "value": "amended"}]
    category = [{"op": "remove", "path": "/category"}]
    assert caller.send("PATCH", "Observation/lab", status, **kind).status_code == 200
    assert caller.send("PATCH", "Observation/lab", category, **kind).status_code == 403
    assert caller.send("PATCH", "Observation/vital", status, **kind).status_code == 404
    assert "category" in clinic.get("Observation/lab").json()


def test_a_rule_of_everybody_with_a_query_chooses_no_ids(clinic: Caller) -> None:
    """Else its caller would learn which ids others use."""
    caller = limited(LAB, patients=None)
    for fhir_id in ("vital", "nowhere"):
        assert put(caller, observation("laboratory", id=fhir_id)).status_code == 404


def test_a_deletion_needs_a_resource_that_the_query_finds(clinic: Caller) -> None:
    caller = limited(LAB)
    assert caller.send("DELETE", "Observation/vital").status_code == 404
    assert caller.send("DELETE", "Observation/lab").status_code == 204
    assert clinic.get("Observation/vital").status_code == 200


def test_conditions_match_only_what_the_query_finds(clinic: Caller) -> None:
    caller = limited(LAB)
    condition = {"If_None_Exist": "category=vital-signs"}
    assert caller.send("POST", "Observation", observation("laboratory"), **condition).status_code == 201
    assert caller.send("DELETE", "Observation?category=vital-signs").status_code == 204
    assert clinic.get("Observation/vital").status_code == 200
    assert caller.send("PUT", "Observation?category=survey", observation("laboratory")).status_code == 201
    assert clinic.get("Observation/survey").json()["meta"]["versionId"] == "1"


def test_the_entries_of_a_bundle_are_held_to_the_query(clinic: Caller) -> None:
    caller = limited(LAB)
    entries: list[Json] = [
        {"request": {"method": "GET", "url": "Observation/vital"}},
        {"request": {"method": "GET", "url": "Observation"}},
        {"request": {"method": "POST", "url": "Observation"}, "resource": observation("survey")},
        {
            "request": {"method": "PUT", "url": "Observation/lab"},
            "resource": observation("survey", id="lab"),
        },
        {"request": {"method": "DELETE", "url": "Observation/vital"}},
    ]
    answers = caller.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    statuses = [entry["response"]["status"][:3] for entry in answers["entry"]]
    assert statuses == ["404", "200", "403", "403", "404"]
    assert answers["entry"][1]["resource"]["total"] == 1
    for entry in entries[2:]:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert caller.send("POST", "", bundle).status_code in (403, 404)


@pytest.mark.parametrize("path", ["Observation/lab", "Observation?code=x", "Observation?patient=ann"])
def test_a_query_costs_no_further_statement(clinic: Caller, path: str) -> None:
    counts = []
    for caller in (limited(""), limited(LAB), limited(LAB, VITAL, "date=ge2000", "_id=lab")):
        with CaptureQueriesContext(connection) as statements:
            assert caller.get(path).status_code == 200
        counts.append(len(statements))
    assert counts == [1, 1, 1]

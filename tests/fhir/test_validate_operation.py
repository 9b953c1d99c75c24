"""$validate: what would be refused is said, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.models import Resource, ResourceVersion
from tests.fhir.callers import Caller, for_patients
from tests.fhir.records import observation, patient, put_records

VALIDATE = pytest.mark.requirement("https://hl7.org/fhir/R4/resource-operation-validate.html")
Json = dict[str, Any]


@pytest.fixture
def records(api: Caller) -> Caller:
    put_records()
    return api


def new(of: str = "ann", **fields: Any) -> Json:
    """An Observation without an id."""
    return {key: value for key, value in observation("x", of, **fields).items() if key != "id"}


def wrapped(resource: Json | None, **values: str) -> Json:
    """A Parameters resource with a resource and codes."""
    parts: list[Json] = [{"name": name, "valueCode": value} for name, value in values.items()]
    return {
        "resourceType": "Parameters",
        "parameter": [*parts, *([{"name": "resource", "resource": resource}] if resource else [])],
    }


def issues(caller: Caller, path: str, body: Any = None) -> list[Json]:
    """The issues of an answer, which must be 200 and leave everything as it was."""
    before = list(Resource.objects.order_by("id").values()), ResourceVersion.objects.count()
    response = caller.send("POST", path, body)
    assert response.status_code == 200, response.content
    assert (list(Resource.objects.order_by("id").values()), ResourceVersion.objects.count()) == before
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    found: list[Json] = outcome["issue"]
    return found


def errors(caller: Caller, path: str, body: Any = None) -> list[Json]:
    return [issue for issue in issues(caller, path, body) if issue["severity"] in ("error", "fatal")]


@VALIDATE
@pytest.mark.parametrize("body", [new(), wrapped(new()), wrapped(new(), mode="create")])
def test_a_sound_resource_has_no_errors(records: Caller, body: Json) -> None:
    assert errors(records, "Observation/$validate", body) == []
    assert issues(records, "Observation/$validate", body)[-1]["severity"] == "information"


@VALIDATE
def test_every_fault_is_named_with_its_element(records: Caller) -> None:
    bad = new(status="unheard-of", valueString="a", valueInteger=1, effectiveDateTime="soon")
    for body in (bad, wrapped(bad), wrapped(bad, mode="create")):
        places = {issue["expression"][0] for issue in errors(records, "Observation/$validate", body)}
        assert {"Observation.status", "Observation.effective"} <= {
            place.removesuffix("DateTime") for place in places
        }
        assert len(places) >= 3


def test_what_a_create_refuses_is_what_validation_names(records: Caller) -> None:
    bad = new(status="unheard-of", component=[{}])
    refused = records.send("POST", "Observation", bad)
    assert refused.status_code == 422
    assert errors(records, "Observation/$validate", bad) == refused.json()["issue"]


def test_a_date_that_no_calendar_has_is_an_error_of_the_attempt(records: Caller) -> None:
    assert errors(records, "Observation/$validate?mode=create", new(effectiveDateTime="2021-02-30"))


def test_another_type_than_the_address_says_is_an_error(records: Caller) -> None:
    assert errors(records, "Patient/$validate", new())[0]["expression"] == ["resourceType"]


@VALIDATE
def test_parameters_themselves_can_be_validated(records: Caller) -> None:
    assert errors(records, "Parameters/$validate", {"resourceType": "Parameters"}) == []
    assert errors(records, "Parameters/$validate", {"resourceType": "Parameters", "parameter": [{}]})


@VALIDATE
def test_a_profile_that_is_not_checked_is_said_so(records: Caller) -> None:
    profile = "http://example.org/StructureDefinition/one"
    found = issues(records, f"Observation/$validate?profile={profile}", new())
    assert [issue["severity"] for issue in found] == ["information"]
    assert profile in found[0]["diagnostics"]
    inside = wrapped(new())
    inside["parameter"].append({"name": "profile", "valueUri": profile})
    assert issues(records, "Observation/$validate", inside) == found


@VALIDATE
def test_a_type_that_the_other_library_has_otherwise_is_said_so(records: Caller) -> None:
    evidence = {
        "resourceType": "Evidence",
        "status": "draft",
        "exposureBackground": {"reference": "EvidenceVariable/1"},
    }
    found = issues(records, "Evidence/$validate", evidence)
    assert {issue["severity"] for issue in found} == {"information"}
    assert "second opinion" in found[0]["diagnostics"]


@VALIDATE
def test_an_update_is_tried_out_against_the_resource_that_there_is(records: Caller) -> None:
    assert errors(records, "Observation/old/$validate?mode=update", observation("old", "ann")) == []
    wrong_id = errors(records, "Observation/old/$validate?mode=update", observation("new", "ann"))
    assert wrong_id[0]["expression"] == ["Observation.id"]
    assert errors(records, "Observation/$validate?mode=update", observation("old", "ann")) == []
    assert errors(records, "Observation/$validate?mode=update", new())


@VALIDATE
def test_a_deletion_is_tried_out_without_content(records: Caller) -> None:
    assert errors(records, "Observation/old/$validate?mode=delete") == []
    assert errors(records, "Observation/old/$validate", wrapped(None, mode="delete")) == []
    assert errors(records, "Observation/nothing/$validate?mode=delete")[0]["code"] == "not-found"
    assert records.send("POST", "Observation/$validate?mode=delete").status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Observation/$validate", None),
        ("Observation/$validate?mode=guess", new()),
        ("Observation/$validate?strict=true", new()),
        ("Observation/$validate", b'{"resourceType":"Observation","status":NaN}'),
        ("Observation/$validate", wrapped(None, mode="create")),
        ("Observation/$validate", wrapped(new(), severity="error")),
        ("Observation/$validate", {"resourceType": "Parameters", "parameter": [{"name": "resource"}]}),
        ("Observation/$validate", {"resourceType": "Parameters", "parameter": ["resource"]}),
    ],
)
def test_a_request_that_is_not_understood_is_refused(records: Caller, path: str, body: Any) -> None:
    assert records.send("POST", path, body).status_code == 400


def test_there_is_no_get(records: Caller) -> None:
    assert records.get("Observation/$validate").status_code == 405


def test_a_read_only_token_may_have_content_judged_but_not_try_to_write(records: Caller) -> None:
    reader = for_patients("ann", letters="rs")
    assert errors(reader, "Observation/$validate", new()) == []
    for mode in ("create", "update", "delete"):
        assert (
            reader.send(
                "POST", f"Observation/old/$validate?mode={mode}", observation("old", "ann")
            ).status_code
            == 403
        )


def test_attempts_are_judged_by_the_rights_of_the_token(records: Caller) -> None:
    caller = for_patients("ann")
    assert errors(caller, "Observation/$validate?mode=create", new("ann")) == []
    assert errors(caller, "Observation/$validate?mode=create", new("ben"))[0]["code"] == "forbidden"
    assert (
        errors(caller, "Observation/old/$validate?mode=update", observation("old", "ben"))[0]["code"]
        == "forbidden"
    )
    assert errors(caller, "Patient/$validate?mode=create", patient("x"))

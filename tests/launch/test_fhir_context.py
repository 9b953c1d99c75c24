"""What an entry of `fhirContext` may be, rule by rule."""

from typing import Any

import pytest

from launch.fhir_context import MAX_BYTES, fhir_context_fault

Entry = dict[str, Any]
STUDY = "ImagingStudy/7"
OWN_ROLE = "https://ward.example/role/shown"
IDENTIFIER = {"system": "https://ward.example/orders", "value": "4711"}


@pytest.mark.requirement("SMART-172")
@pytest.mark.requirement("SMART-178")
@pytest.mark.requirement("SMART-179")
@pytest.mark.requirement("SMART-181")
@pytest.mark.requirement("SMART-182")
@pytest.mark.requirement("SMART-183")
@pytest.mark.requirement("SMART-184")
@pytest.mark.requirement("SMART-186")
@pytest.mark.requirement("SMART-189")
@pytest.mark.parametrize(
    "entry",
    [
        {"reference": STUDY},
        {"reference": f"{STUDY}/_history/2"},
        {"reference": STUDY, "type": "ImagingStudy"},
        {"reference": STUDY, "role": "launch"},
        {"canonical": "https://ward.example/Questionnaire/intake"},
        {"canonical": "https://ward.example/Questionnaire/intake|2.1", "type": "Questionnaire"},
        {"canonical": "urn:oid:1.2.3"},
        {"identifier": IDENTIFIER, "type": "ServiceRequest"},
        {"identifier": IDENTIFIER},
        {"reference": STUDY, "identifier": IDENTIFIER, "canonical": "urn:uuid:1", "role": OWN_ROLE},
        {"reference": "Patient/p2", "role": OWN_ROLE},
        {"reference": "Encounter/e2", "role": "urn:example:earlier"},
        {"identifier": IDENTIFIER, "type": "Patient", "role": OWN_ROLE},
    ],
)
def test_what_smart_allows_is_taken(entry: Entry) -> None:
    assert fhir_context_fault([entry]) == ""


@pytest.mark.requirement("SMART-180")
@pytest.mark.requirement("SMART-192")
def test_several_entries_may_have_one_type_and_one_role() -> None:
    entries = [{"reference": f"ImagingStudy/{number}", "role": OWN_ROLE} for number in range(3)]
    assert fhir_context_fault(entries) == ""
    assert fhir_context_fault([]) == ""


@pytest.mark.requirement("SMART-172")
@pytest.mark.requirement("SMART-177")
@pytest.mark.parametrize("kind", ["Patient", "Encounter"])
@pytest.mark.parametrize("role", [{}, {"role": "launch"}])
def test_patient_and_encounter_need_a_role_of_their_own(kind: str, role: Entry) -> None:
    for entry in ({"reference": f"{kind}/1"}, {"identifier": IDENTIFIER, "type": kind}):
        assert "names a Patient or Encounter" in fhir_context_fault([{**entry, **role}])
        assert fhir_context_fault([{**entry, "role": OWN_ROLE}]) == ""


@pytest.mark.requirement("SMART-178")
@pytest.mark.parametrize("entry", [{}, {"type": "ImagingStudy"}, {"role": OWN_ROLE}])
def test_an_entry_points_at_something(entry: Entry) -> None:
    assert "needs one of reference, canonical and identifier" in fhir_context_fault([entry])


@pytest.mark.requirement("SMART-187")
@pytest.mark.requirement("SMART-188")
@pytest.mark.requirement("SMART-190")
@pytest.mark.parametrize("role", ["", "shown", "/role", "role/x", "Launch", "https:", "a b:c", 1, None])
def test_roles_are_launch_or_absolute_and_never_empty(role: object) -> None:
    assert ".role" in fhir_context_fault([{"reference": STUDY, "role": role}])


@pytest.mark.requirement("SMART-179")
@pytest.mark.parametrize(
    "reference",
    [
        "",
        "7",
        "ImagingStudy",
        "ImagingStudy/",
        "/ImagingStudy/7",
        "Nothing/7",
        "imagingstudy/7",
        "#contained",
        "https://ward.example/fhir/ImagingStudy/7",
        "http://testserver/fhir/ImagingStudy/7",
        "ImagingStudy?identifier=x",
        "ImagingStudy/7\n",
        "ImagingStudy/../Patient/1",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        7,
        None,
        {},
    ],
)
def test_references_are_relative(reference: object) -> None:
    assert ".reference" in fhir_context_fault([{"reference": reference}])


@pytest.mark.requirement("SMART-181")
@pytest.mark.parametrize(
    "canonical", ["", "Questionnaire/intake", "#q", "https://ward.example/q|", "https://w ard/q", 1, None]
)
def test_canonicals_are_absolute(canonical: object) -> None:
    assert ".canonical" in fhir_context_fault([{"canonical": canonical}])


@pytest.mark.requirement("SMART-183")
@pytest.mark.parametrize(
    "identifier", ["4711", [], {}, {"value": 1}, {"use": "mine"}, {"colour": "red"}, None, [IDENTIFIER]]
)
def test_identifiers_are_those_of_r4(identifier: object) -> None:
    assert ".identifier" in fhir_context_fault([{"identifier": identifier}])


@pytest.mark.requirement("SMART-184")
@pytest.mark.parametrize("kind", ["Nothing", "imagingstudy", "*", "", 1, None])
def test_types_are_those_of_r4(kind: object) -> None:
    assert ".type" in fhir_context_fault([{"identifier": IDENTIFIER, "type": kind}])


def test_a_type_that_is_not_the_references_is_refused() -> None:
    assert ".type is not that" in fhir_context_fault([{"reference": STUDY, "type": "ServiceRequest"}])
    hidden = {"reference": "Patient/p1", "type": "ImagingStudy"}
    assert fhir_context_fault([hidden]) != ""


@pytest.mark.parametrize("value", [{}, "x", 1, None, True])
def test_it_is_an_array(value: object) -> None:
    assert fhir_context_fault(value) == "must be an array of objects."


@pytest.mark.parametrize("entry", ["ImagingStudy/7", None, [], 1])
def test_its_entries_are_objects(entry: object) -> None:
    assert fhir_context_fault([{"reference": STUDY}, entry]) == "[1] must be an object."


def test_members_that_smart_does_not_know_are_refused() -> None:
    assert "does not know: 'display'" in fhir_context_fault([{"reference": STUDY, "display": "CT"}])


def test_it_stays_short_enough_for_a_token_in_a_header() -> None:
    entries = [{"reference": f"ImagingStudy/{number:064}"} for number in range(MAX_BYTES // 80)]
    assert fhir_context_fault(entries[:40]) == ""
    assert "must not be longer" in fhir_context_fault(entries)

"""Resources held against R4's structure: each rule on small data of our own."""

from typing import Any

import pytest

from fhir import jsontext
from fhir.elements import RESOURCE_TYPES, children
from fhir.outcome import Issue
from fhir.validation import MAX_ISSUES, validate
from fhir.validation.second_opinion import DIFFERENT_IN_R4B, second_opinion

OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def _patient(**members: Any) -> list[Issue]:
    return validate({"resourceType": "Patient", **members})


def _observation(**members: Any) -> list[Issue]:
    return validate(OBSERVATION | members)


def _only(issues: list[Issue]) -> Issue:
    [issue] = issues
    return issue


def test_a_good_resource_has_no_issues() -> None:
    assert _patient(name=[{"given": ["A", "B"]}], birthDate="2000-02-29", active=True) == []
    assert _observation(valueQuantity={"value": 1.5}, subject={"reference": "Patient/1"}) == []


@pytest.mark.parametrize(
    ("resource", "expected", "expression"),
    [
        ({}, None, "resourceType"),
        ({"resourceType": 5}, None, "resourceType"),
        ({"resourceType": "Nothing"}, None, "resourceType"),
        ({"resourceType": "DomainResource"}, None, "resourceType"),
        ({"resourceType": "HumanName"}, None, "resourceType"),
        ({"resourceType": "Patient"}, "Observation", "resourceType"),
    ],
)
def test_a_resource_without_the_right_type_is_refused(
    resource: dict[str, Any], expected: str | None, expression: str
) -> None:
    issue = _only(validate(resource, expected_type=expected))
    assert issue.refuses
    assert issue.expression == expression


def test_an_unknown_element_is_named() -> None:
    issue = _only(_patient(contact=[{"name": {"text": "A"}}, {"nickname": "B"}]))
    assert (issue.code, issue.expression) == ("structure", "Patient.contact[1].nickname")
    assert "'nickname'" in issue.diagnostics


def test_a_choice_without_its_type_is_explained() -> None:
    issue = _only(_observation(value="x"))
    assert issue.expression == "Observation.value"
    assert "valueQuantity" in issue.diagnostics


def test_a_sibling_of_a_complex_element_is_refused() -> None:
    issue = _only(_patient(_name=[{"id": "1"}]))
    assert issue.expression == "Patient._name"


@pytest.mark.requirement("https://hl7.org/fhir/R4/conformance-rules.html#cardinality")
def test_a_missing_element_is_named() -> None:
    issues = validate({"resourceType": "Observation"})
    assert {(issue.code, issue.expression) for issue in issues} == {
        ("required", "Observation.status"),
        ("required", "Observation.code"),
    }
    nested = _only(_patient(link=[{"type": "seealso"}]))
    assert (nested.code, nested.expression) == ("required", "Patient.link[0].other")


def test_a_required_choice_is_missing_in_all_its_forms() -> None:
    base = {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "x"}}
    base["patient"] = {"reference": "Patient/1"}
    assert _only(validate(base)).expression == "Immunization.occurrence"
    assert validate(base | {"occurrenceString": "once"}) == []


@pytest.mark.requirement("https://hl7.org/fhir/R4/json.html#primitive")
def test_an_extension_can_stand_for_a_required_primitive() -> None:
    absent = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    bare = {"resourceType": "Observation", "code": {"text": "x"}, "_status": absent}
    assert validate(bare) == []


def test_one_value_where_a_list_belongs_is_explained() -> None:
    issue = _only(_patient(name={"text": "A"}))
    assert (issue.code, issue.expression) == ("structure", "Patient.name")
    assert "list" in issue.diagnostics
    assert "list" in _only(_patient(name=[{"given": "A"}])).diagnostics


def test_a_list_where_one_value_belongs_is_explained() -> None:
    for issues, expression in (
        (_patient(birthDate=["2000"]), "Patient.birthDate"),
        (_patient(gender=["male"]), "Patient.gender"),
        (_patient(maritalStatus=[{"text": "x"}]), "Patient.maritalStatus"),
    ):
        issue = _only(issues)
        assert issue.expression == expression
        assert "must not be a list" in issue.diagnostics


def test_a_wrong_kind_of_value_is_named() -> None:
    assert _only(_patient(name=["A"])).expression == "Patient.name[0]"
    assert _only(_patient(maritalStatus="M")).expression == "Patient.maritalStatus"
    assert _only(_patient(birthDate={"a": 1})).expression == "Patient.birthDate"
    assert _only(_patient(active="true")).expression == "Patient.active"
    assert _only(_observation(valueQuantity={"value": "1.5"})).expression == "Observation.value.value"


def test_two_types_of_one_choice_are_refused() -> None:
    issue = _only(_observation(valueString="a", valueInteger=1))
    assert (issue.code, issue.expression) == ("structure", "Observation.value")
    with_sibling = _observation(valueString="a", _valueInteger={"id": "1"})
    assert _only(with_sibling).expression == "Observation.value"
    assert _observation(valueString="a", _valueString={"id": "1"}) == []


def test_empty_lists_objects_and_strings_are_refused() -> None:
    for issues, expression in (
        (_patient(name=[]), "Patient.name"),
        (_patient(name=[{}]), "Patient.name[0]"),
        (_patient(maritalStatus={}), "Patient.maritalStatus"),
        (_patient(birthDate=""), "Patient.birthDate"),
        (_patient(name=[{"given": [""]}]), "Patient.name[0].given[0]"),
        (_patient(name=[{"given": []}]), "Patient.name[0].given"),
        (_patient(_birthDate={}), "Patient.birthDate"),
    ):
        assert _only(issues).expression == expression


def test_null_is_no_value() -> None:
    for issues, expression in (
        (_patient(birthDate=None), "Patient.birthDate"),
        (_patient(name=None), "Patient.name"),
        (_patient(name=[None]), "Patient.name[0]"),
        (_patient(name=[{"given": [None]}]), "Patient.name[0].given[0]"),
        (_patient(name=[{"given": ["A", None]}]), "Patient.name[0].given[1]"),
    ):
        assert _only(issues).expression == expression


@pytest.mark.requirement("https://hl7.org/fhir/R4/json.html#primitive")
def test_an_array_of_primitives_and_its_siblings_are_aligned_by_nulls() -> None:
    extended = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    for good in (
        {"given": ["A", None], "_given": [None, extended]},
        {"given": ["A", "B"], "_given": [None, extended]},
        {"_given": [extended]},
    ):
        assert _patient(name=[good]) == []
    for bad in (
        {"given": ["A", None], "_given": [extended, None]},
        {"given": ["A"], "_given": [None, extended]},
        {"given": ["A", None], "_given": [extended]},
        {"_given": [extended, None]},
    ):
        assert _only(_patient(name=[bad])).expression == "Patient.name[0].given"
    assert _only(_patient(name=[{"_given": ["x"]}])).expression == "Patient.name[0].given[0]"
    assert _only(_patient(name=[{"given": ["A"], "_given": extended}])).expression == "Patient.name[0].given"


def test_siblings_of_primitives_hold_ids_and_extensions_only() -> None:
    extended = {"id": "a", "extension": [{"url": "http://x", "valueTime": "10:00:00"}]}
    assert _patient(birthDate="2000", _birthDate=extended) == []
    assert _only(_patient(_birthDate={"value": "2000"})).expression == "Patient.birthDate.value"
    assert _only(_patient(_birthDate="2000")).expression == "Patient.birthDate"


def test_a_number_written_in_an_unusual_way_is_a_decimal() -> None:
    text = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}'
    assert validate(jsontext.parse(text % b"1E5")) == []
    wrong = jsontext.parse((text % b"1E5").replace(b"final", b"xx"))
    assert _only(validate(wrong)).expression == "Observation.status"


def test_a_narrative_is_a_div() -> None:
    def narrative(div: Any) -> list[Issue]:
        return _patient(text={"status": "generated", "div": div})

    assert narrative('<div xmlns="http://www.w3.org/1999/xhtml">x</div>') == []
    for div in ("", " ", "x", "<p>x</p>", "<divine>x</divine>", 1):
        assert _only(narrative(div)).expression == "Patient.text.div"


@pytest.mark.requirement("https://hl7.org/fhir/R4/domainresource.html#invs")
def test_a_contained_resource_contains_no_others() -> None:
    inner = {"resourceType": "Organization", "id": "o"}
    issue = _only(_patient(contained=[{"resourceType": "Organization", "id": "p", "contained": [inner]}]))
    assert (issue.code, issue.expression) == ("invariant", "Patient.contained[0].contained")
    assert "dom-2" in issue.diagnostics
    entry = {"resource": {"resourceType": "Patient", "contained": [inner]}}
    assert validate({"resourceType": "Bundle", "type": "collection", "entry": [entry]}) == []


def test_what_supplements_another_code_system_says_so() -> None:
    system = {"resourceType": "CodeSystem", "status": "draft", "supplements": "http://loinc.org"}
    assert validate(system | {"content": "supplement"}) == []
    issue = _only(validate(system | {"content": "complete"}))
    assert (issue.code, issue.expression) == ("invariant", "CodeSystem.content")


def test_contained_resources_are_held_against_their_own_type() -> None:
    assert _patient(contained=[{"resourceType": "Organization", "id": "o"}]) == []
    inner = _only(_patient(contained=[{"resourceType": "Observation", "status": "final"}]))
    assert (inner.code, inner.expression) == ("required", "Patient.contained[0].code")
    unknown = _only(_patient(contained=[{"resourceType": "Nothing"}]))
    assert unknown.expression == "Patient.contained[0]"
    assert _only(_patient(contained=[{"id": "x"}])).expression == "Patient.contained[0].resourceType"
    assert _only(_patient(contained=["x"])).expression == "Patient.contained[0]"


def test_entries_of_a_bundle_are_held_against_their_own_type() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection"}
    assert validate(bundle | {"entry": [{"resource": OBSERVATION}]}) == []
    wrong = validate(bundle | {"entry": [{}, {"resource": {"resourceType": "Patient", "gender": "x"}}]})
    assert [issue.expression for issue in wrong] == ["Bundle.entry[0]", "Bundle.entry[1].resource.gender"]
    outcome = {"resourceType": "OperationOutcome"}
    response = validate(bundle | {"entry": [{"response": {"status": "400", "outcome": outcome}}]})
    assert _only(response).expression == "Bundle.entry[0].response.outcome.issue"


def test_resources_in_parameters_are_held_against_their_own_type() -> None:
    wrong = {"resourceType": "Patient", "gender": "x"}
    part = {"name": "a", "part": [{"name": "b", "resource": wrong}]}
    issue = _only(validate({"resourceType": "Parameters", "parameter": [{"name": "c"}, part]}))
    assert issue.expression == "Parameters.parameter[1].part[0].resource.gender"


def test_structures_that_repeat_themselves_are_held_against_the_same_rules() -> None:
    item = {"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "xx"}]}
    issue = _only(validate({"resourceType": "Questionnaire", "status": "draft", "item": [item]}))
    assert issue.expression == "Questionnaire.item[0].item[0].type"


def test_extensions_are_checked_wherever_they_stand() -> None:
    issue = _only(_patient(extension=[{"url": "http://x", "extension": [{"valueString": "a"}]}]))
    assert (issue.code, issue.expression) == ("required", "Patient.extension[0].extension[0].url")
    both = _only(_patient(extension=[{"url": "http://x", "valueString": "a", "valueCode": "b"}]))
    assert both.expression == "Patient.extension[0].value"


def test_all_faults_are_said_at_once_up_to_a_limit() -> None:
    issues = _patient(gender="x", birthDate="y", nothing=1)
    assert {issue.expression for issue in issues} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.nothing",
    }
    many = _patient(name=[{"use": "x"}] * (MAX_ISSUES + 50))
    assert len(many) == MAX_ISSUES


def test_long_values_are_not_repeated_whole() -> None:
    assert len(_only(_patient(birthDate="x" * 10_000)).diagnostics) < 300


def test_the_second_opinion_finds_faults_of_structure() -> None:
    assert second_opinion(OBSERVATION) == []
    issues = second_opinion({"resourceType": "Patient", "name": [{"given": "A"}]})
    assert [(issue.severity, issue.expression) for issue in issues] == [("error", "Patient.name[0].given")]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "MedicinalProduct"},
        {"resourceType": "Evidence"},
        {"resourceType": "Patient", "contained": [{"resourceType": "SubstanceProtein"}]},
    ],
)
def test_the_second_opinion_says_where_it_has_none(resource: dict[str, Any]) -> None:
    issue = _only(second_opinion(resource))
    assert (issue.severity, issue.code) == ("information", "not-supported")


WITHOUT_MODEL = sorted(
    name
    for name in RESOURCE_TYPES
    if name not in DIFFERENT_IN_R4B
    and any(issue.code == "not-supported" for issue in second_opinion({"resourceType": name}))
)


def test_the_types_without_a_model_are_the_eighteen_that_r4b_no_longer_has() -> None:
    assert len(WITHOUT_MODEL) == 18
    assert sum(name.startswith("MedicinalProduct") for name in WITHOUT_MODEL) == 10
    assert sum(name.startswith("Substance") for name in WITHOUT_MODEL) == 6
    assert {"EffectEvidenceSynthesis", "RiskEvidenceSynthesis"} < set(WITHOUT_MODEL)


@pytest.mark.parametrize("name", [*WITHOUT_MODEL, *sorted(DIFFERENT_IN_R4B)])
def test_a_type_without_a_model_is_held_against_r4_like_any_other(name: str) -> None:
    mandatory = {f"{name}.{each.name}" for each in children(name).values() if each.min}
    wrong = {"nothing": 1, "language": "", "text": {"status": "x", "div": "<div/>"}, "contained": []}
    found = {issue.expression: issue.code for issue in validate({"resourceType": name, **wrong})}
    assert found == {
        f"{name}.nothing": "structure",
        f"{name}.language": "value",
        f"{name}.text.status": "code-invalid",
        f"{name}.contained": "structure",
        **dict.fromkeys(mandatory, "required"),
    }
    holder = {"resourceType": "Patient", "contained": [{"resourceType": name, "nothing": 1}]}
    assert "Patient.contained[0].nothing" in {issue.expression for issue in validate(holder)}


def test_the_second_opinion_is_that_of_r4_and_not_of_a_later_version() -> None:
    visit: dict[str, Any] = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    assert validate(visit) == second_opinion(visit) == []
    asked: dict[str, Any] = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    asked |= {"medicationCodeableConcept": {"text": "x"}, "subject": {"display": "x"}}
    assert validate(asked) == second_opinion(asked) == []


def test_the_second_opinion_alone_would_let_much_through() -> None:
    passed: list[dict[str, Any]] = [
        {"gender": "xx"},
        {"active": "true"},
        {"maritalStatus": {}},
        {"generalPractitioner": [{"reference": "Patient/1"}]},
    ]
    for lax in passed:
        patient = {"resourceType": "Patient", **lax}
        assert second_opinion(patient) == []
        assert [issue.refuses for issue in validate(patient)] == [True]

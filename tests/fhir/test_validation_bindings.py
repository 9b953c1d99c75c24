"""What required bindings allow: codes, concepts, and what R4 does not spell out."""

from typing import Any

import pytest

from fhir.outcome import Issue
from fhir.validation import validate


def _patient(**members: Any) -> list[Issue]:
    return validate({"resourceType": "Patient", **members})


def _only(issues: list[Issue]) -> Issue:
    [issue] = issues
    return issue


@pytest.mark.requirement("https://hl7.org/fhir/R4/terminologies.html#required")
def test_a_code_outside_its_required_value_set_is_refused_with_the_codes_there_are() -> None:
    issue = _only(_patient(gender="xx"))
    assert (issue.code, issue.expression) == ("code-invalid", "Patient.gender")
    assert "male" in issue.diagnostics
    assert _only(_patient(gender=5)).expression == "Patient.gender"
    assert _only(_patient(name=[{"use": "OFFICIAL"}])).expression == "Patient.name[0].use"


def test_a_concept_with_a_required_value_set_has_a_coding_of_it() -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"

    def condition(concept: dict[str, Any]) -> list[Issue]:
        return validate({"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": concept})

    assert (
        condition({"coding": [{"system": "http://other", "code": "x"}, {"system": system, "code": "active"}]})
        == []
    )
    assert condition({"extension": [{"url": "http://x", "valueCode": "unknown"}]}) == []
    for wrong in (
        {"coding": [{"system": system, "code": "happy"}]},
        {"coding": [{"system": "http://other", "code": "active"}]},
        {"coding": [{"code": "active"}]},
        {"text": "active"},
    ):
        issue = _only(condition(wrong))
        assert (issue.code, issue.expression) == ("code-invalid", "Condition.clinicalStatus")


def test_codes_of_value_sets_that_r4_does_not_spell_out_have_their_form_or_system() -> None:
    def money(currency: str) -> list[Issue]:
        return validate({"resourceType": "Invoice", "status": "draft", "totalNet": {"currency": currency}})

    assert money("EUR") == []
    issue = _only(money("Euro"))
    assert (issue.code, issue.expression) == ("code-invalid", "Invoice.totalNet.currency")
    assert "ISO 4217" in issue.diagnostics

    def variant(system: str) -> list[Issue]:
        kind = {"coding": [{"system": system, "code": "LA6692-3"}]}
        return validate(
            {
                "resourceType": "MolecularSequence",
                "coordinateSystem": 0,
                "structureVariant": [{"variantType": kind}],
            }
        )

    assert variant("http://loinc.org") == []
    assert _only(variant("http://other")).expression == "MolecularSequence.structureVariant[0].variantType"

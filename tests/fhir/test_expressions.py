"""Search parameters' expressions: the part of FHIRPath they use, held against a full FHIRPath engine."""

import json
import re
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir import registry
from fhir.expressions import ExpressionError, Found, compile_expression, reference_type
from tests.fhir.published import hl7_examples

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"tag": [{"code": "t"}], "profile": ["http://p"]},
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}, {"code": "2"}]},
    "subject": {"reference": "Patient/1"},
    "performer": [{"reference": "Practitioner/1"}, {"reference": "Patient/1"}],
    "valueQuantity": {"value": 1},
    "component": [{"valueString": "a"}, {"valueQuantity": {"value": 2}}, {}],
}


def _run(expression: str, resource: dict[str, Any]) -> list[Found]:
    return compile_expression(expression, resource["resourceType"])(resource)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Observation.id", [("o1", "id")]),
        ("Resource.id", [("o1", "id")]),
        ("id", [("o1", "id")]),
        ("Observation.code.coding.code", [("1", "code"), ("2", "code")]),
        ("Observation.meta.profile", [("http://p", "canonical")]),
        ("Observation.value", [({"value": 1}, "Quantity")]),
        ("Observation.component.value", [("a", "string"), ({"value": 2}, "Quantity")]),
        ("(Observation.value as Quantity)", [({"value": 1}, "Quantity")]),
        ("Observation.value.as(Quantity)", [({"value": 1}, "Quantity")]),
        ("(Observation.value as string)", []),
        ("(Observation.value as Quantity).value", [(1, "decimal")]),
        ("Observation.valueQuantity.value", [(1, "decimal")]),
        ("Observation.value as Quantity", None),
        (
            "(Observation.value as Quantity) | (Observation.component.value as Quantity)",
            [({"value": 1}, "Quantity"), ({"value": 2}, "Quantity")],
        ),
        ("Observation.performer.where(resolve() is Patient)", [({"reference": "Patient/1"}, "Reference")]),
        ("Observation.performer[0]", [({"reference": "Practitioner/1"}, "Reference")]),
        ("Observation.performer[2]", []),
        ("Observation.code.coding.where(code = '2')", [({"code": "2"}, "Coding")]),
        ("Observation.code.coding.where(code='2').code", [("2", "code")]),
        ("%resource.subject.reference", [("Patient/1", "string")]),
        ("Observation.note.text", []),
    ],
)
def test_each_form_that_search_parameters_use_selects_values_and_their_types(
    expression: str, found: list[Found] | None
) -> None:
    if found is None:
        with pytest.raises(ExpressionError):
            compile_expression(expression, "Observation")
        return
    assert _run(expression, OBSERVATION) == found


@pytest.mark.parametrize(
    ("patient", "deceased"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2020"}, True),
    ],
)
def test_existence_and_not_false_gives_a_boolean(patient: dict[str, Any], deceased: bool) -> None:
    expression = "Patient.deceased.exists() and Patient.deceased != false"
    assert _run(expression, {"resourceType": "Patient", **patient}) == [(deceased, "boolean")]


def test_a_cast_takes_types_that_specialise_the_one_named() -> None:
    resource = {"resourceType": "ConceptMap", "sourceCanonical": "http://x"}
    assert _run("(ConceptMap.source as uri)", resource) == [("http://x", "canonical")]


def test_a_null_in_an_array_is_no_value() -> None:
    resource = {"resourceType": "Patient", "name": [{"given": [None, "B"], "_given": [{"id": "1"}, None]}]}
    assert _run("Patient.name.given", resource) == [("B", "string")]


def test_extensions_can_be_chosen_by_their_url() -> None:
    race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    extension = {"url": race, "extension": [{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}]}
    resource = {
        "resourceType": "Patient",
        "extension": [{"url": "http://other", "valueCode": "x"}, extension],
    }
    parameter = registry.search_parameter("Patient", "race")
    assert parameter is not None
    assert parameter.compiled(resource) == [("2106-3", "code")]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "Observation.",
        "Observation..code",
        "Observation.nothing",
        "Observation.code | ",
        "Observation.code.first()",
        "Observation.code.where(code > '2')",
        "Observation.code.where(exists())",
        "(Observation.code as Quantity)",
        "Observation.code.where(resolve() is Patient)",
        "Observation[0]",
        "Observation.value.exists()",
        "Observation.code + Observation.id",
        "Observation.code.coding.where(nothing = '2')",
        "Patient.name",
        "Observation.component.exists() and Observation.value != false",
    ],
)
def test_what_is_not_understood_is_refused_when_it_is_compiled(expression: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(expression, "Observation")


@pytest.mark.requirement("https://hl7.org/fhir/R4/references.html#literal")
@pytest.mark.parametrize(
    ("reference", "resource_type"),
    [
        ({"reference": "Patient/1"}, "Patient"),
        ({"reference": "Patient/1/_history/2"}, "Patient"),
        ({"reference": "https://host/fhir/Patient/1"}, "Patient"),
        ({"reference": "https://host/fhir/Patient/1/_history/2"}, "Patient"),
        ({"reference": "Patient?identifier=http://a/b|c"}, "Patient"),
        ({"reference": "Organization/Patient"}, "Organization"),
        ({"reference": "#Patient/1", "type": "Patient"}, None),
        ({"reference": "urn:uuid:1", "type": "Patient"}, "Patient"),
        ({"reference": "urn:uuid:1"}, None),
        ({"type": "Group"}, "Group"),
        ({"type": "http://hl7.org/fhir/StructureDefinition/Group"}, "Group"),
        ({"type": "Nothing"}, None),
        ({"reference": "Nothing/1"}, None),
        ({"reference": "Patient"}, None),
        ({"reference": ""}, None),
        ({"reference": 5, "type": 6}, None),
        ({}, None),
    ],
)
def test_a_reference_tells_its_type(reference: dict[str, Any], resource_type: str | None) -> None:
    assert reference_type(reference) == resource_type


def _theirs(expression: str, resource: dict[str, Any], made: dict[str, Any]) -> list[Any]:
    """Ask the other engine; it wants one value left of `as`, where R4's parameters mean each of several."""
    if expression not in made:
        made[expression] = fhirpathpy.compile(expression, models["r4"])
    try:
        found: list[Any] = made[expression](resource)
    except ValueError:
        spread = re.sub(r"\(([\w.]+) as (\w+)\)", r"\1.ofType(\2)", expression).replace(".as(", ".ofType(")
        if spread == expression:
            raise
        return _theirs(spread, resource, made)
    return found


def _canonical(values: list[Any]) -> list[str]:
    return sorted({json.dumps(value, sort_keys=True, default=float) for value in values})


@pytest.mark.corpus
def test_all_parameters_find_in_hl7s_examples_what_a_full_engine_finds() -> None:
    made: dict[str, Any] = {}
    compared = 0
    for name, text in hl7_examples():
        resource = json.loads(text)
        ours = {parameter.code: found for parameter, found in registry.extract(resource)}
        for parameter in registry.search_parameters(resource["resourceType"]).values():
            if not parameter.expression or parameter.components or "resolve()" in parameter.expression:
                continue
            expression = parameter.expression.replace("Resource.", f"{resource['resourceType']}.")
            theirs = _theirs(expression, resource, made)
            mine = [value for value, _ in ours.get(parameter.code, [])]
            assert _canonical(mine) == _canonical(theirs), (name, parameter.code)
            compared += 1
    assert compared > 16_000


@pytest.mark.corpus
def test_references_of_one_type_are_those_of_all_types_that_name_it() -> None:
    """The other engine cannot resolve, so `patient` is held against `subject` where both read one element."""
    compared = 0
    for _, text in hl7_examples():
        resource = json.loads(text)
        found = {parameter.code: values for parameter, values in registry.extract(resource)}
        facts = registry.patient_parameter(resource["resourceType"])
        if facts is None or facts.code != "patient" or "subject" not in facts.same_path:
            continue
        all_types = [value for value, _ in found.get("subject", [])]
        expected = [value for value in all_types if "Patient/" in value.get("reference", "")]
        assert [value for value, _ in found.get("patient", [])] == expected
        compared += 1
    assert compared > 100

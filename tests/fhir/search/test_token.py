"""Token parameters."""

from typing import Any

import pytest

from fhir.outcome import BadRequest, Forbidden
from tests.fhir.search.shelf import bundle, coded, lab, matches, of_patients, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#token"),
]


@pytest.fixture(autouse=True)
def results(db: None) -> None:
    """Three results: two systems for one code, one code without a system."""
    put(
        lab("loinc"),
        lab("other", code=coded(("http://other.example", "4548-4"))),
        lab("bare", code=coded(("", "4548-4"))),
        lab("glucose", code="2339-0"),
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("code=4548-4", {"loinc", "other", "bare"}),
        ("code=http://loinc.org|4548-4", {"loinc"}),
        ("code=|4548-4", {"bare"}),
        ("code=http://loinc.org|", {"loinc", "glucose"}),
        ("code=http://loinc.org|4548-4,http://loinc.org|2339-0", {"loinc", "glucose"}),
        ("code=4548-4&code=http://loinc.org|", {"loinc"}),
        ("code=4548", set()),
        ("code=4548-4,4548-4", {"loinc", "other", "bare"}),
        ("code:not=4548-4", {"glucose"}),
        ("code:not=4548-4,2339-0", set()),
        ("status=final&code=2339-0", {"glucose"}),
        ("status=http://hl7.org/fhir/observation-status|final&code=2339-0", {"glucose"}),
        ("status=http://loinc.org|final", set()),
        ("method:missing=true&code=2339-0", {"glucose"}),
        ("code:missing=false", {"loinc", "other", "bare", "glucose"}),
        ("code:missing=true", set()),
    ],
)
def test_a_token_is_found_in_each_of_its_forms(asked: str, found: set[str]) -> None:
    assert matches(f"Observation?{asked}") == found


@pytest.mark.parametrize("value", ["|", "a|b|c", "4548-4,", ",4548-4"])
def test_a_token_that_says_nothing_is_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="token"):
        bundle(f"Observation?code={value}")


def test_a_bar_or_comma_behind_a_backslash_is_a_part_of_the_code() -> None:
    put(lab("odd", code=coded(("http://loinc.org", "a|b,c$d\\e"))))
    assert matches(r"Observation?code=http://loinc.org|a\|b\,c\$d\\e") == {"odd"}


def test_a_resource_with_a_code_of_two_systems_is_found_once() -> None:
    put(lab("both", code=coded(("http://loinc.org", "1-1"), ("http://other.example", "1-1"))))
    assert matches("Observation?code=1-1") == {"both"}
    assert matches("Observation?code=http://loinc.org|1-1,http://other.example|1-1") == {"both"}


def test_a_code_that_is_taken_away_is_found_no_more() -> None:
    put(lab("glucose", code="9999-9"))
    assert matches("Observation?code=2339-0") == set()
    assert matches("Observation?code=9999-9") == {"glucose"}


def test_identifiers_and_booleans_are_tokens_too() -> None:
    put(patient("p", identifier=[{"system": "urn:mrn", "value": "7"}], active=True, deceasedBoolean=False))
    put(patient("q", active=False, deceasedDateTime="2020-01-01"))
    assert matches("Patient?identifier=urn:mrn|7") == {"p"}
    assert matches("Patient?identifier=urn:mrn|") == {"p"}
    assert matches("Patient?active=true") == {"p"}
    assert matches("Patient?deceased=true") == {"q"}


def test_more_values_than_branches_are_found_all_the_same() -> None:
    values = ",".join([f"none-{number}" for number in range(30)] + ["2339-0", "4548-4"])
    assert matches(f"Observation?code={values}") == {"loinc", "other", "bare", "glucose"}


@pytest.mark.parametrize("modifier", ["in", "not-in", "above", "below", "of-type", "exact", "nonsense"])
def test_a_modifier_that_does_not_work_is_refused_by_name(modifier: str) -> None:
    with pytest.raises(BadRequest, match=f":{modifier}"):
        bundle(f"Observation?code:{modifier}=x")


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#modifiers text")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("code:text=hemo", {"text"}),
        ("code:text=HÉMOGLOBIN", {"text"}),
        ("code:text=glyc", {"text"}),
        ("code:text=globin", set()),
        ("code:text=718-7", set()),
        ("code:text=hemo,serum", {"text", "display"}),
        ("code:text=serum&status=final", {"display"}),
        ("category:text=laboratory%20w", {"display"}),
        ("identifier:text=accession", {"display"}),
        ("subject:text=amy", {"display"}),
        ("subject:text=Patient", set()),
        ("code:text=4548-4", set()),
    ],
)
def test_a_text_beside_a_code_or_a_reference_is_found_by_how_it_begins(asked: str, found: set[str]) -> None:
    put(
        lab("text", code={"text": "Hémoglobin", "coding": [{"code": "718-7", "display": "Glycated"}]}),
        lab(
            "display",
            code={"coding": [{"display": "Serum  sodium"}]},
            category=[{"text": "Laboratory work"}],
            identifier=[{"type": {"text": "Accession"}, "value": "1"}],
            subject={"reference": "Patient/1", "display": "Amy Shaw"},
        ),
    )
    assert matches(f"Observation?{asked}") == found


def test_a_text_that_is_taken_away_is_found_no_more() -> None:
    put(lab("text", code={"text": "Sodium"}))
    put(lab("text", code={"text": "Potassium"}))
    assert matches("Observation?code:text=sodium") == set()
    assert matches("Observation?code:text=potassium") == {"text"}


@pytest.mark.parametrize("asked", ["date:text=2020", "_id:text=x", "value-quantity:text=mg"])
def test_a_text_is_asked_only_of_what_has_one(asked: str) -> None:
    with pytest.raises(BadRequest, match="text"):
        bundle(f"Observation?{asked}")


@pytest.mark.requirement("http://hl7.org/fhir/us/core/STU6.1/CapabilityStatement-us-core-server.html")
@pytest.mark.parametrize(
    ("url", "resource"),
    [
        (
            f"Patient?{code}={value}",
            patient(
                "p",
                extension=[
                    {
                        "url": f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{code}",
                        "extension": [
                            {"url": "ombCategory", "valueCoding": {"system": "urn:oid:1.2", "code": value}},
                            {"url": "text", "valueString": "as told"},
                        ],
                    }
                ],
            ),
        )
        for code, value in (("race", "2106-3"), ("ethnicity", "2135-2"))
    ]
    + [
        (
            "Patient?gender-identity=446141000124107",
            patient(
                "p",
                extension=[
                    {
                        "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity",
                        "valueCodeableConcept": coded(("http://snomed.info/sct", "446141000124107")),
                    }
                ],
            ),
        ),
        (
            "Condition?asserted-date=2020-05",
            {
                "resourceType": "Condition",
                "id": "p",
                "subject": {"reference": "Patient/1"},
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate",
                        "valueDateTime": "2020-05-01",
                    }
                ],
            },
        ),
        (
            "Goal?description=http://snomed.info/sct|1",
            {
                "resourceType": "Goal",
                "id": "p",
                "lifecycleStatus": "active",
                "subject": {"reference": "Patient/1"},
                "description": coded(("http://snomed.info/sct", "1")),
            },
        ),
        (
            "CareTeam?role=x",
            {"resourceType": "CareTeam", "id": "p", "participant": [{"role": [coded(("", "x"))]}]},
        ),
        (
            "Encounter?discharge-disposition=home",
            {
                "resourceType": "Encounter",
                "id": "p",
                "status": "finished",
                "class": {"code": "AMB"},
                "hospitalization": {"dischargeDisposition": coded(("", "home"))},
            },
        ),
    ],
)
def test_the_parameters_that_us_core_adds_are_known_and_find(url: str, resource: dict[str, Any]) -> None:
    put(resource)
    assert matches(url) == {"p"}
    assert bundle(url, handling="strict")["total"] == 1
    code = url.partition("?")[2].partition("=")[0]
    assert matches(f"{resource['resourceType']}?{code}:missing=false") == {"p"}


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#list")
def test_the_items_of_a_list_are_found() -> None:
    item = [{"item": {"reference": f"Observation/{fhir_id}"}} for fhir_id in ("loinc", "bare")]
    put({"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": item})
    assert matches("Observation?_list=l") == {"loinc", "bare"}
    assert matches("Observation?_list=l&code=|4548-4") == {"bare"}
    assert matches("Observation?_list=none") == set()
    with pytest.raises(BadRequest, match="List"):
        bundle("Observation?_list=$current-problems")
    with pytest.raises(Forbidden, match="List"):
        bundle("Observation?_list=l", of_patients("p1", types=frozenset({"Observation"})))

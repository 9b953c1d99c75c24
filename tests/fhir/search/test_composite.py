"""Composite parameters: values count only where they stand together."""

import pytest

from fhir import registry
from fhir.outcome import BadRequest
from fhir.search.types.composite import component
from tests.fhir.search.shelf import bundle, coded, lab, matches, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#combining"),
]
LOINC = "http://loinc.org"


def pressure(fhir_id: str, systolic: float, diastolic: float) -> dict[str, object]:
    """A blood pressure with its two components."""
    parts = (("8480-6", systolic), ("8462-4", diastolic))
    components = [
        {"code": coded((LOINC, code)), "valueQuantity": {"value": value, "unit": "mmHg"}}
        for code, value in parts
    ]
    return lab(fhir_id, code="85354-9", component=components)


@pytest.fixture
def results(db: None) -> None:
    """Two blood pressures, two results with a value, one with a concept, one with a text, one with a time."""
    put(
        pressure("high", 160, 80),
        pressure("low", 110, 100),
        lab("quick", code="8867-4", valueQuantity={"value": 120, "unit": "/min"}),
        lab("slow", code="8867-4", valueQuantity={"value": 50, "unit": "/min"}),
        lab("group", code="883-9", valueCodeableConcept=coded((LOINC, "LA19710-5"))),
        lab("note", code="48767-8", valueString="Fasting since yesterday"),
        lab("due", code="11778-8", valueDateTime="2021-05-01"),
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"component-code-value-quantity={LOINC}|8480-6$gt150", {"high"}),
        ("component-code-value-quantity=8480-6$gt90", {"high", "low"}),
        ("component-code-value-quantity=8480-6$gt90||mmHg", {"high", "low"}),
        ("component-code-value-quantity=8462-4$gt90", {"low"}),
        ("component-code-value-quantity=8480-6$80", set()),
        (f"code-value-quantity={LOINC}|8867-4$gt100", {"quick"}),
        ("code-value-quantity=8867-4$lt100", {"slow"}),
        ("code-value-quantity=|8867-4$lt100", set()),
        ("code-value-quantity=8480-6$gt1", set()),
        ("combo-code-value-quantity=8867-4$gt100,8480-6$gt150", {"quick", "high"}),
        ("combo-code-value-quantity=8480-6$gt150&patient=p1", {"high"}),
        ("code-value-concept=883-9$LA19710-5", {"group"}),
        (f"code-value-concept={LOINC}|883-9${LOINC}|LA19710-5", {"group"}),
        ("code-value-concept=883-9$urn:other|LA19710-5", set()),
        ("code-value-string=48767-8$fasting", {"note"}),
        ("code-value-date=11778-8$ge2021-05", {"due"}),
        ("code-value-date=11778-8$lt2021-05", set()),
        ("code=85354-9&component-code-value-quantity=8480-6$gt150", {"high"}),
    ],
)
def test_values_are_found_where_they_stand_together(results: None, asked: str, found: set[str]) -> None:
    assert matches(f"Observation?{asked}") == found


def test_a_sequence_is_found_by_chromosome_start_and_end(db: None) -> None:
    put(
        {
            "resourceType": "MolecularSequence",
            "id": "m",
            "coordinateSystem": 0,
            "referenceSeq": {"chromosome": coded(("", "7")), "windowStart": 100, "windowEnd": 200},
            "variant": [{"start": 120, "end": 130}, {"start": 150, "end": 190}],
        }
    )
    assert matches("MolecularSequence?chromosome-variant-coordinate=7$gt140$lt195") == {"m"}
    assert matches("MolecularSequence?chromosome-variant-coordinate=7$gt140$lt140") == set()
    assert matches("MolecularSequence?chromosome-variant-coordinate=8$gt140$lt195") == set()
    assert matches("MolecularSequence?chromosome-window-coordinate=7$100$200") == {"m"}


def test_a_document_is_found_by_what_it_does_to_another(db: None) -> None:
    base = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"title": "x"}}],
    }
    put(
        {
            **base,
            "id": "d",
            "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}],
        }
    )
    assert matches("DocumentReference?relationship=replaces$DocumentReference/old") == {"d"}
    assert matches(
        "DocumentReference?relationship=http://hl7.org/fhir/document-relationship-type|replaces$old"
    ) == {"d"}
    assert matches("DocumentReference?relationship=signs$DocumentReference/old") == set()


@pytest.mark.parametrize(
    "asked",
    [
        "code-value-quantity=8867-4",
        "code-value-quantity=8867-4$1$2",
        "code-value-quantity=$1",
        "code-value-quantity=x|$1",
        "code-value-quantity=a$b",
        "code-value-date=a$b",
        "code-value-concept=a$|",
        "code-value-quantity:missing=true",
    ],
)
def test_a_composite_that_is_not_understood_is_refused(db: None, asked: str) -> None:
    with pytest.raises(BadRequest):
        bundle(f"Observation?{asked}")


VALUES = {"date": "2020", "reference": "x", "string": "x", "token": "x"}


def test_every_composite_of_r4_can_be_asked_for(db: None) -> None:
    count = 0
    for resource_type in registry.RESOURCE_TYPES:
        for parameter in registry.search_parameters(resource_type).values():
            if parameter.type == "composite":
                count += 1
                kinds = [component(parameter, position).type for position in range(len(parameter.components))]
                value = "$".join(VALUES.get(kind, "1") for kind in kinds)
                assert bundle(f"{resource_type}?{parameter.code}={value}", handling="strict")["total"] == 0
    assert count == 72

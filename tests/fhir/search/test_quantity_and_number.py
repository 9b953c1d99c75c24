"""Quantity and number parameters: precision, units and prefixes."""

import pytest

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, lab, matches, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#quantity"),
]
UCUM = "http://unitsofmeasure.org"


def quantity(value: float, unit: str = "mg", **more: str) -> dict[str, object]:
    """A quantity of UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **more}


@pytest.fixture
def values(db: None) -> None:
    """Results around 5.4 mg, one in another unit, one that is only known to be large."""
    put(
        lab("low", valueQuantity=quantity(5.34)),
        lab("edge", valueQuantity=quantity(5.35)),
        lab("mid", valueQuantity=quantity(5.4)),
        lab("high", valueQuantity=quantity(5.45)),
        lab("gram", valueQuantity=quantity(5.4, "g")),
        lab("plain", valueQuantity={"value": 5.4, "unit": "mg"}),
        lab("above", valueQuantity=quantity(100, comparator=">")),
        lab("none"),
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("5.4", {"edge", "mid", "gram", "plain"}),
        ("5.40", {"mid", "gram", "plain"}),
        (f"5.4|{UCUM}|mg", {"edge", "mid"}),
        (f"5.4|{UCUM}|g", {"gram"}),
        (f"5.4|{UCUM}|", {"edge", "mid", "gram"}),
        ("5.4||mg", {"edge", "mid", "plain"}),
        (f"ne5.4|{UCUM}|mg", {"low", "high", "above"}),
        (f"gt5.4|{UCUM}|mg", {"high", "above"}),
        (f"ge5.4|{UCUM}|mg", {"mid", "high", "above"}),
        (f"lt5.4|{UCUM}|mg", {"low", "edge"}),
        (f"le5.4|{UCUM}|mg", {"low", "edge", "mid"}),
        (f"sa5.4|{UCUM}|mg", {"high", "above"}),
        (f"eb5.4|{UCUM}|mg", {"low", "edge"}),
        (f"ap5|{UCUM}|mg", {"low", "edge", "mid", "high"}),
        (f"gt1000|{UCUM}|mg", {"above"}),
        ("5.4||mg,5.4||g", {"edge", "mid", "plain", "gram"}),
        ("gt5||mg&value-quantity=lt5.4||mg", {"low", "edge"}),
        ("54e-1", {"edge", "mid", "gram", "plain"}),
        ("5", {"low", "edge", "mid", "high", "gram", "plain"}),
    ],
)
def test_a_quantity_is_compared_with_its_precision_and_unit(
    values: None, asked: str, found: set[str]
) -> None:
    assert matches(f"Observation?value-quantity={asked}") == found
    assert matches(f"Observation?code=4548-4&value-quantity={asked}") == found


def test_a_number_with_more_digits_than_a_double_has_is_found(db: None) -> None:
    put(lab("long", valueQuantity={"value": 66.899999999999991}))
    assert matches("Observation?value-quantity=66.899999999999991") == {"long"}
    assert matches("Observation?value-quantity=66.9") == {"long"}
    assert matches("Observation?value-quantity=66.8999") == set()


def test_a_result_without_a_value_is_missing_one(values: None) -> None:
    assert matches("Observation?value-quantity:missing=true") == {"none"}


@pytest.mark.parametrize(
    "value", ["x", "5|mg", "5.4|a|b|c", "gt", "1e9999", "NaN", "Infinity", "--5", "5,", "٥"]
)
def test_what_is_no_quantity_is_refused(db: None, value: str) -> None:
    with pytest.raises(BadRequest, match=r"not a (number|quantity)"):
        bundle(f"Observation?value-quantity={value}")


def test_money_is_a_quantity_of_its_currency(db: None) -> None:
    put(
        {
            "resourceType": "Invoice",
            "id": "i",
            "status": "issued",
            "totalNet": {"value": 10.5, "currency": "EUR"},
        }
    )
    assert matches("Invoice?totalnet=10.5|urn:iso:std:iso:4217|EUR") == {"i"}
    assert matches("Invoice?totalnet=10.5||USD") == set()


def test_a_series_counts_from_its_least_to_its_greatest_value(db: None) -> None:
    series = {"origin": {"value": 100}, "period": 1, "dimensions": 1, "factor": 2, "data": "-10 5 E 20"}
    put(lab("series", valueSampledData=series))
    assert matches("Observation?value-quantity=gt139") == {"series"}
    assert matches("Observation?value-quantity=gt140") == set()
    assert matches("Observation?value-quantity=lt80") == set()


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#number")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("0.3", {"point"}),
        ("0.30", {"point"}),
        ("gt0.4", {"range"}),
        ("ge0.3", {"point", "range"}),
        ("lt0.3", {"range"}),
    ],
)
def test_a_number_is_compared_and_a_range_counts_by_its_ends(db: None, asked: str, found: set[str]) -> None:
    base = {"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": "Patient/p1"}}
    put(
        {**base, "id": "point", "prediction": [{"probabilityDecimal": 0.3}]},
        {
            **base,
            "id": "range",
            "prediction": [{"probabilityRange": {"low": {"value": 0.1}, "high": {"value": 0.5}}}],
        },
    )
    assert matches(f"RiskAssessment?probability={asked}") == found

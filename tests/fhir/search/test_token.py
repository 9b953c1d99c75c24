"""Token parameters."""

import pytest

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, coded, lab, matches, patient, put

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


@pytest.mark.parametrize(
    "modifier", ["in", "not-in", "above", "below", "of-type", "text", "exact", "nonsense"]
)
def test_a_modifier_that_does_not_work_is_refused_by_name(modifier: str) -> None:
    with pytest.raises(BadRequest, match=f":{modifier}"):
        bundle(f"Observation?code:{modifier}=x")

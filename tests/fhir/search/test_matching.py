"""Conditional references, many at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import EVERYTHING
from fhir.outcome import BadRequest, Forbidden
from fhir.search.matching import matches_of_all
from tests.fhir.search.shelf import of_patients, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules conditional references"),
]


def practitioner(fhir_id: str, npi: str) -> dict[str, object]:
    """A Practitioner with an identifier."""
    return {
        "resourceType": "Practitioner",
        "id": fhir_id,
        "identifier": [{"system": "urn:npi", "value": npi}],
    }


def test_a_thousand_identifiers_are_looked_up_in_one_statement() -> None:
    put(*(practitioner(f"d{n}", str(n)) for n in range(50)))
    put({"resourceType": "Organization", "id": "o", "identifier": [{"system": "urn:npi", "value": "1"}]})
    wanted = [("Practitioner", f"identifier=urn:npi|{n}") for n in range(1000)]
    wanted.append(("Organization", "identifier=urn:npi%7C1"))
    with CaptureQueriesContext(connection) as statements:
        found = matches_of_all(wanted, EVERYTHING)
    assert len(statements) == 1
    assert found["Practitioner", "identifier=urn:npi|7"] == ["d7"]
    assert found["Practitioner", "identifier=urn:npi|77"] == []
    assert found["Organization", "identifier=urn:npi%7C1"] == ["o"]
    assert len(found) == 1001


def test_an_identifier_that_three_have_is_told_of_two() -> None:
    put(*(practitioner(f"d{n}", "same") for n in range(3)))
    [found] = matches_of_all([("Practitioner", "identifier=urn:npi|same")], EVERYTHING).values()
    assert len(found) == 2


def test_other_criteria_are_answered_too() -> None:
    put(patient("p1", name=[{"family": "Adler"}], birthDate="2000-01-01"))
    asked = [("Patient", "family=adler&birthdate=2000"), ("Patient", "identifier=1"), ("Patient", "_id=p1")]
    assert list(matches_of_all(asked, EVERYTHING).values()) == [["p1"], [], ["p1"]]


@pytest.mark.parametrize(
    "asked", ["", "colour=red", "identifier=urn:npi|1&colour=red", "_count=1", "identifier:in=x"]
)
def test_what_is_not_understood_to_the_last_word_is_refused(asked: str) -> None:
    with pytest.raises(BadRequest):
        matches_of_all([("Practitioner", asked)], EVERYTHING)


def test_only_what_the_access_finds_is_told_of() -> None:
    mrn = [{"system": "urn:mrn", "value": "1"}]
    put(patient("p1", identifier=mrn), patient("p2", identifier=mrn))
    asked = ("Patient", "identifier=urn:mrn|1")
    assert matches_of_all([asked], of_patients("p1")) == {asked: ["p1"]}
    assert matches_of_all([asked], of_patients("p3")) == {asked: []}
    with pytest.raises(Forbidden):
        matches_of_all([asked], of_patients("p1", letters="r"))

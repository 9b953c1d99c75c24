"""What people read on the consent page."""

import pytest

from fhir.registry import RESOURCE_TYPES
from oauth.scope_words import describe, noun
from oauth.scopes import NAMES, NamedScope, ResourceScope, parse_scope


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (
            "patient/Observation.rs",
            "Read and search lab results, vital signs and other observations of the patient",
        ),
        (
            "patient/Observation.read",
            "Read and search lab results, vital signs and other observations of the patient",
        ),
        ("patient/Observation.c", "Add lab results, vital signs and other observations of the patient"),
        (
            "user/MedicationRequest.cruds",
            "Read, search, add, change and delete prescriptions of everyone whose records you may see",
        ),
        ("patient/*.rs", "Read and search all records of the patient, now and in future"),
        ("system/Encounter.r", "Read visits and hospital stays of all patients, without anybody signed in"),
        ("patient/RiskAssessment.r", "Read risk assessments of the patient"),
        (
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "Read and search lab results, vital signs and other observations of the patient,"
            " only where category is laboratory",
        ),
        (
            "patient/Condition.r?category=a,b&code=c",
            "Read conditions and diagnoses of the patient, only where category is a or b and code is c",
        ),
        (
            "patient/Observation.r?date=ge2020-01-01&status:not=entered-in-error,unknown",
            "Read lab results, vital signs and other observations of the patient,"
            " only where date is not before 2020-01-01 and status is not entered-in-error or unknown",
        ),
        (
            "patient/Observation.r?value-quantity=gt5|http://unitsofmeasure.org|mg,lt2&encounter:missing=true",
            "Read lab results, vital signs and other observations of the patient,"
            " only where value quantity is above 5 mg or is below 2 and encounter is not given",
        ),
        (
            "patient/Patient.r?family:contains=mei",
            "Read name, date of birth, address and other personal details of the patient,"
            " only where family contains mei",
        ),
        ("launch", "Know for which patient it was opened"),
        ("launch/patient", "Know which patient you are working with"),
        ("launch/diagnosticreport", "Know which diagnostic report you are working with"),
        ("offline_access", "Keep this access when you are away, until you revoke it"),
        ("https://a.example/scopes/x", "Use the additional function https://a.example/scopes/x"),
    ],
)
def test_a_scope_is_said_in_plain_words(scope: str, words: str) -> None:
    parsed = parse_scope(scope)
    assert parsed is not None
    assert describe(parsed) == words


def test_every_named_scope_and_every_type_has_words_of_its_own() -> None:
    sentences = {describe(NamedScope(name)) for name in NAMES}
    assert len(sentences) == len(NAMES)
    nouns = {noun(name) for name in RESOURCE_TYPES}
    assert len(nouns) == len(RESOURCE_TYPES)


def test_different_letters_are_said_in_different_words() -> None:
    said = [
        describe(ResourceScope("patient", "Goal", letters))
        for letters in ("c", "r", "u", "d", "s", "rs", "cud")
    ]
    assert len(set(said)) == len(said)

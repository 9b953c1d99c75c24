"""What people read on the consent page."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from fhir.registry import RESOURCE_TYPES
from oauth.catalogue import FIRST_LINES
from oauth.own_scopes import LAUNCH_CONTEXT_WORDS, launch_context_scope
from oauth.scope_words import describe, describe_for, noun
from oauth.scopes import LAUNCH_TYPES, NAMES, WILDCARD, NamedScope, ResourceScope, parse_scope
from oauth.us_core_categories import CATEGORIES

LETTERS = ["".join(chosen) for size in range(1, 6) for chosen in itertools.combinations("cruds", size)]
SENTENCE = re.compile(r"[A-Z][a-z]+,? [^?|_/*]+\Z")
"""Beginning with a verb, and with none of the signs by which scopes are written."""


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
            "Read and search only laboratory results of the patient",
        ),
        (
            "patient/Observation.rs?category=laboratory",
            "Read and search lab results, vital signs and other observations of the patient,"
            " only where category is laboratory",
        ),
        (
            "user/Condition.r?category=http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern",
            "Read only health concerns of everyone whose records you may see",
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
        ("offline_access", "Keep this access when you are away, until it runs out or until you take it back"),
        ("launch/encounter", "Know which visit or hospital stay you are working with"),
        ("launch/location?role=x", "Know which place of care you are working with"),
        ("https://a.example/scopes/own-thing", "Use an additional function, “own thing”, of a.example"),
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


def words_of(text: str) -> str:
    """The words for a scope as it goes over the wire."""
    scope = parse_scope(text)
    assert scope is not None, text
    return describe(scope)


@pytest.mark.parametrize("level", ["patient", "user", "system"])
@pytest.mark.requirement("issue: plain words for every scope")
def test_every_type_with_every_combination_of_letters_is_said_in_words_of_its_own(level: str) -> None:
    said = {
        words_of(f"{level}/{name}.{letters}") for name in (*RESOURCE_TYPES, WILDCARD) for letters in LETTERS
    }
    assert len(said) == (len(RESOURCE_TYPES) + 1) * len(LETTERS)
    for sentence in said:
        assert SENTENCE.match(sentence), sentence
        assert not any(
            len(word) > 1 and word != word.capitalize() and word != word.lower() for word in sentence.split()
        )


def test_every_scope_of_the_catalogue_every_name_and_every_context_is_said_in_words() -> None:
    texts = {*NAMES, *(pattern for pattern, _, _ in FIRST_LINES), "launch"}
    texts |= {f"launch/{name}" for name in LAUNCH_TYPES}
    for text in texts:
        assert SENTENCE.match(words_of(text)), text
        assert text not in words_of(text)
    assert describe(launch_context_scope()) == LAUNCH_CONTEXT_WORDS


def test_every_category_is_said_in_words_of_its_own() -> None:
    texts = [f"patient/{name}.rs?{each.query}" for name, found in CATEGORIES.items() for each in found]
    said = {words_of(text) for text in texts}
    assert len(said) == len(texts)
    for sentence in said:
        assert SENTENCE.match(sentence), sentence
        assert sentence.startswith("Read and search only ")


PARAMETERS = [
    "category",
    "status",
    "code",
    "date",
    "value-quantity",
    "patient",
    "_lastUpdated",
    "_id",
    "code:not",
]
VALUES = [
    "final",
    "ge2020-01-01",
    "5|http://unitsofmeasure.org|mg",
    "http://loinc.org|1-8",
    "a,b",
    "%7C%26",
    "x%5C,y",
]
QUERY = st.lists(st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)), min_size=1, max_size=4)


@given(st.sampled_from(RESOURCE_TYPES), st.sampled_from(LETTERS), QUERY)
def test_a_scope_with_any_query_is_said_in_words_and_never_as_it_is_written(
    resource_type: str, letters: str, query: list[tuple[str, str]]
) -> None:
    text = f"patient/{resource_type}.{letters}?{'&'.join(f'{name}={value}' for name, value in query)}"
    said = words_of(text)
    whole = words_of(f"patient/{resource_type}.{letters}")
    assert said.startswith(f"{whole}, only where ")
    assert "http" not in said
    assert "=" not in said
    assert text not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient/Observation.rs?category=a", "in your own record, only where category is a"),
        ("patient/*.rs", "Read and search everything in your own record, now and in future"),
        ("user/Condition.c", "Add conditions and diagnoses in your own record"),
        ("launch/patient", "Know that it is opened for you"),
        ("launch", "Know that it is opened for you"),
        ("launch/encounter", "Know which visit or hospital stay you are working with"),
    ],
)
def test_patients_read_of_their_own_record(text: str, words: str) -> None:
    scope = parse_scope(text)
    assert scope is not None
    assert words in describe_for(User(fhir_user="Patient/p1"), scope)
    assert "own record" not in describe_for(User(fhir_user="RelatedPerson/r1"), scope)
    assert describe_for(User(fhir_user="Practitioner/d1"), scope) == describe(scope)

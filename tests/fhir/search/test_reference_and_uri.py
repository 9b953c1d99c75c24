"""Reference and uri parameters, and the parameters that every type has."""

import pytest

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, lab, matches, patient, put

pytestmark = pytest.mark.django_db
FOREIGN = "http://other.example/fhir/Patient/1"


@pytest.fixture
def results(db: None) -> None:
    """Results about patients here, a patient elsewhere, a group, and somebody known by an identifier."""
    put(
        lab("one", "1"),
        lab("two", "2"),
        lab("absolute", "1", subject={"reference": "http://testserver/fhir/Patient/1"}),
        lab("versioned", "1", subject={"reference": "Patient/1/_history/2"}),
        lab("foreign", "1", subject={"reference": FOREIGN}),
        lab("group", "1", subject={"reference": "Group/1"}),
        lab("named", "1", subject={"identifier": {"system": "urn:mrn", "value": "77"}}),
        lab("performed", "2", performer=[{"reference": "Patient/1"}]),
    )


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#reference")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("patient=1", {"one", "absolute", "versioned"}),
        ("patient=Patient/1", {"one", "absolute", "versioned"}),
        ("patient=http://testserver/fhir/Patient/1", {"one", "absolute", "versioned"}),
        (f"patient={FOREIGN}", {"foreign"}),
        ("patient=1,2", {"one", "absolute", "versioned", "two", "performed"}),
        ("subject=Patient/1", {"one", "absolute", "versioned"}),
        ("subject:Patient=1", {"one", "absolute", "versioned"}),
        ("subject=1", {"one", "absolute", "versioned", "group"}),
        ("subject=Group/1", {"group"}),
        ("subject:Group=1", {"group"}),
        ("subject:identifier=urn:mrn|77", {"named"}),
        ("subject:identifier=urn:mrn|78", set()),
        ("performer=Patient/1", {"performed"}),
        ("patient=2&performer=Patient/1", {"performed"}),
        ("patient=2&performer=Patient/2", set()),
        ("patient=1&code=4548-4", {"one", "absolute", "versioned"}),
        ("patient=2&code=4548-4", {"two", "performed"}),
        ("patient=2&code=4548-4&performer=Patient/1", {"performed"}),
        ("patient=1&patient=2", set()),
        ("patient=3", set()),
        ("performer:missing=false", {"performed"}),
        ("patient=1&encounter:missing=true", {"one", "absolute", "versioned"}),
    ],
)
def test_a_reference_is_found_in_each_of_its_forms(results: None, asked: str, found: set[str]) -> None:
    assert matches(f"Observation?{asked}") == found


@pytest.mark.parametrize(
    "asked", ["subject:Patient=Group/1", "subject:Practitioner=1", "patient:exact=1", "subject:Patient=a b"]
)
def test_a_reference_that_contradicts_itself_is_refused(results: None, asked: str) -> None:
    with pytest.raises(BadRequest):
        bundle(f"Observation?{asked}")


def test_a_bare_id_is_looked_for_among_all_types_that_the_parameter_may_name(db: None) -> None:
    base = {"resourceType": "List", "status": "current", "mode": "working"}
    put(
        {**base, "id": "a", "entry": [{"item": {"reference": "Medication/7"}}]},
        {
            **base,
            "id": "b",
            "entry": [{"item": {"reference": "Observation/7"}}, {"item": {"reference": "Basic/8"}}],
        },
    )
    assert matches("List?item=7") == {"a", "b"}
    assert matches("List?item=7&item=8") == {"b"}
    assert matches("List?item:Observation=7") == {"b"}


def test_a_canonical_is_found_with_and_without_its_version(db: None) -> None:
    base = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    put(
        {**base, "id": "v1", "questionnaire": "http://example.org/q|1"},
        {**base, "id": "v2", "questionnaire": "http://example.org/q|2"},
    )
    assert matches("QuestionnaireResponse?questionnaire=http://example.org/q") == {"v1", "v2"}
    assert matches(r"QuestionnaireResponse?questionnaire=http://example.org/q\|1") == {"v1"}


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#uri")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("url=http://acme.org/fhir/ValueSet/1", {"one"}),
        ("url=http://acme.org/fhir/valueset/1", set()),
        ("url=http://acme.org/fhir", {"root"}),
        ("url:below=http://acme.org/fhir/", {"one", "eleven"}),
        ("url:below=http://acme.org/fhir", {"root", "one", "eleven"}),
        ("url:above=http://acme.org/fhir/ValueSet/1/deeper", {"root", "one"}),
        ("url:above=http://acme.org/fhir/ValueSet/12", {"root"}),
        ("url=http://acme.org/fhir,urn:oid:1.2.3", {"root", "oid"}),
        ("url:missing=true", {"without"}),
    ],
)
def test_a_uri_is_the_very_text_or_lies_below_or_above(db: None, asked: str, found: set[str]) -> None:
    base = {"resourceType": "ValueSet", "status": "active"}
    put(
        {**base, "id": "root", "url": "http://acme.org/fhir"},
        {**base, "id": "one", "url": "http://acme.org/fhir/ValueSet/1"},
        {**base, "id": "eleven", "url": "http://acme.org/fhir/ValueSet/11"},
        {**base, "id": "oid", "url": "urn:oid:1.2.3"},
        {**base, "id": "without"},
    )
    assert matches(f"ValueSet?{asked}") == found


def test_a_long_uri_is_compared_whole(db: None) -> None:
    long = "http://example.org/" + "a" * 150
    put({"resourceType": "ValueSet", "id": "v", "status": "active", "url": long})
    assert matches(f"ValueSet?url={long}") == {"v"}
    assert matches(f"ValueSet?url={long[:-1]}") == set()
    assert matches(f"ValueSet?url:below={long[:-1]}") == {"v"}
    assert matches(f"ValueSet?url:below={long[:-1]}b") == set()
    assert matches(f"ValueSet?url:below={long[:-1]}A") == set()


def test_every_type_has_id_tag_profile_and_security(db: None) -> None:
    meta = {
        "profile": ["http://example.org/profile"],
        "tag": [{"system": "urn:tags", "code": "red"}],
        "security": [{"system": "urn:labels", "code": "R"}],
        "source": "http://example.org/feed",
    }
    put(patient("marked", meta=meta), patient("plain"))
    for asked in (
        "_id=marked",
        "_id=marked,absent",
        "_tag=urn:tags|red",
        "_tag=red",
        "_security=R",
        "_profile=http://example.org/profile",
        "_source=http://example.org/feed",
        "_id=marked&_tag=red",
    ):
        assert matches(f"Patient?{asked}") == {"marked"}, asked
    assert matches("Patient?_id=plain&_tag=red") == set()
    assert matches("Patient?_id=marked&_id=plain") == set()
    assert matches("Patient?_tag:not=red") == {"plain"}


def test_a_search_for_one_type_never_finds_another(db: None) -> None:
    put(patient("x"), {"resourceType": "Organization", "id": "x"})
    assert bundle("Patient?_id=x")["entry"][0]["resource"]["resourceType"] == "Patient"
    assert matches("Organization") == {"x"}

"""Chains of references, and _has."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import Access, Rule
from fhir.outcome import BadRequest, Forbidden
from tests.fhir.search.shelf import bundle, coded, lab, matches, of_patients, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#chaining"),
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#has"),
]


@pytest.fixture(autouse=True)
def clinic(db: None) -> None:
    """Two patients of two practices, with results, of which one was audited."""
    put(
        {"resourceType": "Organization", "id": "north", "name": "North"},
        {
            "resourceType": "Organization",
            "id": "south",
            "name": "South",
            "partOf": {"reference": "Organization/north"},
        },
        patient(
            "a",
            name=[{"family": "Adler"}],
            birthDate="1980-01-01",
            managingOrganization={"reference": "Organization/north"},
        ),
        patient("b", name=[{"family": "Baum"}], managingOrganization={"reference": "Organization/south"}),
        {"resourceType": "Group", "id": "a", "type": "person", "actual": True},
        lab("a1", "a", code="hba1c"),
        lab("a2", "a", code="glucose", effectiveDateTime="2021-01-01"),
        lab("b1", "b", code="glucose", performer=[{"reference": "Organization/south"}]),
        lab("g1", subject={"reference": "Group/a"}),
        {
            "resourceType": "Provenance",
            "id": "pr",
            "recorded": "2020-01-01T00:00:00Z",
            "target": [{"reference": "Observation/a1"}],
            "agent": [{"who": {"reference": "Organization/north"}}],
        },
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Observation?subject:Patient.family=adler", {"a1", "a2"}),
        ("Observation?patient.family=adler", {"a1", "a2"}),
        ("Observation?subject.family=adler", {"a1", "a2"}),
        ("Observation?patient.family=adler,baum", {"a1", "a2", "b1"}),
        ("Observation?patient.family:exact=adler", set()),
        ("Observation?patient.family=adler&code=glucose", {"a2"}),
        ("Observation?patient.family=adler&patient.birthdate=1980", {"a1", "a2"}),
        ("Observation?patient.birthdate=lt1979", set()),
        ("Observation?subject._id=a", {"a1", "a2", "g1"}),
        ("Observation?subject:Group._id=a", {"g1"}),
        ("Observation?patient.organization.name=north", {"a1", "a2"}),
        ("Observation?patient.organization.partof.name=north", {"b1"}),
        ("Observation?performer:Organization.name=south", {"b1"}),
        ("Observation?patient.organization:missing=true", set()),
        ("Patient?_has:Observation:patient:code=glucose", {"a", "b"}),
        ("Patient?_has:Observation:patient:code=hba1c", {"a"}),
        ("Patient?_has:Observation:subject:date=ge2021", {"a"}),
        ("Patient?family=baum&_has:Observation:patient:code=glucose", {"b"}),
        ("Patient?_has:Observation:patient:code=hba1c&_has:Observation:patient:code=glucose", {"a"}),
        ("Patient?_has:Observation:patient:_has:Provenance:target:agent=Organization/north", {"a"}),
        ("Patient?_has:Observation:patient:performer.name=south", {"b"}),
        ("Organization?_has:Patient:organization:family=adler", {"north"}),
        ("Organization?_has:Patient:organization:_has:Observation:patient:code=hba1c", {"north"}),
        ("Observation?patient._has:Observation:patient:code=hba1c", {"a1", "a2"}),
        ("Observation?_has:Provenance:target:recorded=2020&code=hba1c", {"a1"}),
        ("Organization?_id=north&_has:Organization:partof:name=south", {"north"}),
    ],
)
def test_a_chain_follows_references_to_what_is_asked(asked: str, found: set[str]) -> None:
    assert matches(asked) == found


@pytest.mark.parametrize(
    "asked",
    [
        "Observation?patient.colour=x",
        "Observation?code.text=x",
        "Observation?colour.name=x",
        "Observation?subject:Practitioner.name=x",
        "Observation?patient.organization.colour=x",
        "Observation?patient.=x",
        "Observation?" + "patient." * 8 + "family=x",
        "Organization?" + "partof." * 8 + "name=x",
        "Patient?_has:Observation:patient=x",
        "Patient?_has:Nonsense:patient:code=x",
        "Patient?_has:Observation:code:code=x",
        "Patient?_has:Observation:patient:colour=x",
        "Organization?_has:Observation:patient:code=x",
        "Patient?_has=x",
        "Observation?patient.family:nonsense=x",
        "Observation?patient.birthdate=x",
    ],
)
def test_a_chain_that_leads_nowhere_is_refused(asked: str) -> None:
    with pytest.raises(BadRequest):
        bundle(asked, handling="strict")


def test_a_chain_finds_only_over_resources_within_reach() -> None:
    put(lab("shared", "b", performer=[{"reference": "Patient/a"}]))
    only_a = of_patients("a")
    assert matches("Observation", only_a) == {"a1", "a2", "shared"}
    assert matches("Observation?patient.family=baum", only_a) == set()
    assert matches("Observation?patient.family=adler", only_a) == {"a1", "a2"}
    assert matches("Organization?_has:Patient:organization:family=baum", only_a) == set()
    assert matches("Organization?_has:Patient:organization:family=adler", only_a) == {"north"}
    assert matches("Organization?_has:Observation:performer:code=glucose", only_a) == set()


def test_a_chain_over_a_type_that_may_not_be_searched_is_forbidden() -> None:
    access = Access((Rule(frozenset({"Observation", "Group"}), frozenset("rs"), None),))
    with pytest.raises(Forbidden):
        bundle("Observation?patient.family=adler", access)
    assert matches("Observation?subject._id=a", access) == {"g1"}
    with pytest.raises(Forbidden):
        bundle(
            "Patient?_has:Observation:patient:code=x",
            Access((Rule(frozenset({"Patient"}), frozenset("s"), None),)),
        )


def test_a_chain_takes_no_statement_of_its_own() -> None:
    with CaptureQueriesContext(connection) as statements:
        bundle("Observation?patient.organization.partof.name=north&_total=accurate")
    assert len(statements) == 1


def test_a_chain_goes_on_backwards_at_those_of_its_types_that_are_pointed_at(db: None) -> None:
    put(
        {
            "resourceType": "Condition",
            "id": "c",
            "subject": {"reference": "Patient/sick"},
            "code": coded(("", "x")),
        },
        {"resourceType": "Patient", "id": "sick"},
        {"resourceType": "Patient", "id": "well"},
        lab("yes", "sick"),
        lab("no", "well"),
        lab("group", subject={"reference": "Group/sick"}),
    )
    assert matches("Observation?subject._has:Condition:patient:code=x&_id=yes,no,group") == {"yes"}
    assert matches("Observation?patient._has:AllergyIntolerance:asserter:code=x") == set()
    with pytest.raises(BadRequest, match="leads to nothing"):
        bundle("Observation?encounter._has:AllergyIntolerance:patient:code=x")
    with pytest.raises(BadRequest, match="_has"):
        bundle("Observation?subject._has:Condition=x")

"""_include and _revinclude."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, entries, lab, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#include"),
]


@pytest.fixture(autouse=True)
def clinic(db: None) -> None:
    """Two patients with results, an encounter within another, a practitioner's organization."""
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    put(
        patient("p1", generalPractitioner=[{"reference": "Practitioner/d1"}]),
        patient("p2"),
        {"resourceType": "Practitioner", "id": "d1"},
        {"resourceType": "Organization", "id": "o1"},
        {"resourceType": "Organization", "id": "o2", "partOf": {"reference": "Organization/o1"}},
        {"resourceType": "Organization", "id": "o3", "partOf": {"reference": "Organization/o2"}},
        {**encounter, "id": "e1", "subject": {"reference": "Patient/p1"}},
        {
            **encounter,
            "id": "e2",
            "subject": {"reference": "Patient/p1"},
            "partOf": {"reference": "Encounter/e1"},
        },
        lab(
            "r1", "p1", encounter={"reference": "Encounter/e2"}, performer=[{"reference": "Organization/o3"}]
        ),
        lab("r2", "p1", performer=[{"reference": "http://testserver/fhir/Practitioner/d1"}]),
        lab(
            "r3",
            "p2",
            performer=[
                {"reference": "Practitioner/absent"},
                {"reference": "http://x.example/Practitioner/d1"},
            ],
        ),
    )


def added(url: str) -> set[str]:
    """What was included, as "Type/id", each once."""
    found = [f"{each['resourceType']}/{each['id']}" for each in entries(bundle(url), "include")]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Observation?_include=Observation:subject", {"Patient/p1", "Patient/p2"}),
        ("Observation?_include=Observation:patient", {"Patient/p1", "Patient/p2"}),
        ("Observation?patient=p1&_include=Observation:subject", {"Patient/p1"}),
        ("Observation?_include=Observation:subject:Group", set()),
        ("Observation?_include=Observation:performer", {"Organization/o3", "Practitioner/d1"}),
        ("Observation?_include=Observation:performer:Organization", {"Organization/o3"}),
        (
            "Observation?_id=r1&_include=Observation:performer&_include=Observation:encounter",
            {"Organization/o3", "Encounter/e2"},
        ),
        ("Observation?_id=r1&_include=Observation:*", {"Organization/o3", "Encounter/e2", "Patient/p1"}),
        ("Observation?_id=r1&_include=*", {"Organization/o3", "Encounter/e2", "Patient/p1"}),
        ("Patient?_id=p1&_revinclude=Observation:subject", {"Observation/r1", "Observation/r2"}),
        ("Patient?_id=p1&_revinclude=Observation:*", {"Observation/r1", "Observation/r2"}),
        ("Patient?_id=p1&_revinclude=Encounter:patient", {"Encounter/e1", "Encounter/e2"}),
        ("Patient?_revinclude=Observation:performer", set()),
        ("Organization?_id=o3&_include=Organization:partof", {"Organization/o2"}),
        ("Organization?_id=o3&_include:iterate=Organization:partof", {"Organization/o2", "Organization/o1"}),
        (
            "Organization?_id=o1&_revinclude:iterate=Organization:partof",
            {"Organization/o2", "Organization/o3"},
        ),
        ("Organization?_include:iterate=Organization:partof", set()),
        (
            "Observation?_id=r2&_include=Observation:patient&_include:iterate=Patient:general-practitioner",
            {"Patient/p1", "Practitioner/d1"},
        ),
        (
            "Observation?_id=r2&_include=Observation:patient&_include=Patient:general-practitioner",
            {"Patient/p1"},
        ),
        ("Observation?_id=absent&_include=Observation:patient", set()),
        ("Patient?_id=p1&_revinclude=Observation:subject:Group", set()),
        ("Observation?_id=r1&_include=Encounter:subject", set()),
    ],
)
def test_what_is_pointed_at_or_points_here_is_added_once(asked: str, found: set[str]) -> None:
    assert added(asked) == found


def test_what_matches_is_not_added_again_and_not_counted_twice() -> None:
    found = bundle("Encounter?_include=Encounter:part-of&_total=accurate")
    assert len(entries(found, "match")) == 2
    assert entries(found, "include") == []
    assert found["total"] == 2


@pytest.mark.parametrize(
    "asked",
    [
        "_include=subject",
        "_include=Nonsense:subject",
        "_include=Observation:nonsense",
        "_include=Observation:code",
        "_include=Observation:subject:Nonsense",
        "_include=a:b:c:d",
        "_include:sometimes=Observation:subject",
        "_revinclude=*",
        "_include=",
    ],
)
def test_an_include_that_is_not_understood_is_refused(asked: str) -> None:
    with pytest.raises(BadRequest, match="include"):
        bundle(f"Observation?{asked}")


def test_all_includes_of_a_page_take_one_statement_more() -> None:
    includes = "_include=Observation:subject&_include=Observation:performer&_revinclude=Provenance:target"
    with CaptureQueriesContext(connection) as statements:
        bundle(f"Observation?{includes}")
    assert len(statements) == 2


def test_more_than_the_largest_page_is_cut_and_said(settings: object) -> None:
    settings.FHIR_MAX_PAGE_SIZE = 3  # type: ignore[attr-defined]
    put(*(lab(f"more-{number}", "p1") for number in range(5)))
    found = bundle("Patient?_id=p1&_revinclude=Observation:subject")
    assert len(entries(found, "include")) == 3
    assert entries(found, "outcome")[0]["issue"][0]["code"] == "incomplete"


def test_links_in_a_circle_end() -> None:
    put(
        {"resourceType": "Organization", "id": "c1", "partOf": {"reference": "Organization/c2"}},
        {"resourceType": "Organization", "id": "c2", "partOf": {"reference": "Organization/c1"}},
    )
    assert added("Organization?_id=c1&_include:iterate=Organization:partof") == {"Organization/c2"}

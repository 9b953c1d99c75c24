"""_include and _revinclude through canonical URLs."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.access import Access, Rule
from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, entries, of_patients, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/references.html#canonical"),
]
URL = "http://example.org/Questionnaire/pain"
LONG = "http://example.org/" + "x" * 200


def questionnaire(fhir_id: str, **more: Any) -> dict[str, Any]:
    """A Questionnaire."""
    return {"resourceType": "Questionnaire", "id": fhir_id, "status": "active", **more}


def answers(fhir_id: str, canonical: str | None, of: str = "p1") -> dict[str, Any]:
    """Answers to the questionnaire that is named so."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": fhir_id,
        "status": "completed",
        "subject": {"reference": f"Patient/{of}"},
        **({"questionnaire": canonical} if canonical else {}),
    }


@pytest.fixture(autouse=True)
def forms(db: None) -> None:
    """Questionnaires in two versions, and answers to each, to either and to none."""
    put(
        patient("p1"),
        questionnaire("v1", url=URL, version="1"),
        questionnaire("v2", url=URL, version="2"),
        questionnaire("bare", url="http://example.org/bare"),
        questionnaire("none"),
        questionnaire("long-a", url=LONG + "a"),
        questionnaire("long-b", url=LONG + "b", version="1"),
        answers("to-1", f"{URL}|1"),
        answers("to-2", f"{URL}|2"),
        answers("to-any", URL),
        answers("to-3", f"{URL}|3"),
        answers("to-part", f"{URL}|2#section"),
        answers("to-here", "http://testserver/fhir/Questionnaire/none"),
        answers("to-bare", "http://example.org/bare|1"),
        answers("to-long", LONG + "b"),
        answers("to-nothing", None),
    )


def added(url: str, access: Access | None = None) -> set[str]:
    """What was included, as ids, each once."""
    found = bundle(url, *([access] if access else []))
    ids = [each["id"] for each in entries(found, "include")]
    assert len(ids) == len(set(ids))
    return set(ids)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("to-1", {"v1"}),
        ("to-2", {"v2"}),
        ("to-any", {"v1", "v2"}),
        ("to-3", set()),
        ("to-part", {"v2"}),
        ("to-here", {"none"}),
        ("to-bare", set()),
        ("to-long", {"long-b"}),
        ("to-nothing", set()),
        ("to-1,to-2,to-3,to-here", {"v1", "v2", "none"}),
    ],
)
def test_what_a_canonical_names_is_included_in_the_version_it_names(answer: str, found: set[str]) -> None:
    asked = f"QuestionnaireResponse?_id={answer}"
    assert added(f"{asked}&_include=QuestionnaireResponse:questionnaire") == found
    assert added(f"{asked}&_include=QuestionnaireResponse:questionnaire:Questionnaire") == found
    assert added(f"{asked}&_include=QuestionnaireResponse:questionnaire:Measure") == set()
    assert added(f"{asked}&_include=*") == found | {"p1"}


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("v1", {"to-1", "to-any"}),
        ("v2", {"to-2", "to-any"}),
        ("bare", set()),
        ("none", {"to-here"}),
        ("long-a", set()),
        ("long-b", {"to-long"}),
        ("v1,v2", {"to-1", "to-2", "to-any"}),
    ],
)
def test_what_names_a_version_by_its_canonical_is_included_in_reverse(form: str, found: set[str]) -> None:
    asked = f"Questionnaire?_id={form}&_revinclude=QuestionnaireResponse"
    assert added(f"{asked}:questionnaire") == found
    assert added(f"{asked}:*") == found
    assert added(f"{asked}:questionnaire:Questionnaire") == found
    assert added(f"{asked}:questionnaire:Patient") == set()


def test_a_canonical_among_others_counts_by_itself() -> None:
    """One that names another version, beside one that names none of this."""
    library = {"resourceType": "Library", "status": "active", "type": {"text": "x"}}

    def needs(*names: str) -> list[dict[str, str]]:
        return [{"type": "depends-on", "resource": name} for name in names]

    put(
        {**library, "id": "base1", "url": "http://l.example/base", "version": "1"},
        {**library, "id": "base2", "url": "http://l.example/base", "version": "2"},
        {**library, "id": "other", "url": "http://l.example/other"},
        {**library, "id": "a", "relatedArtifact": needs("http://l.example/base|2", "http://l.example/other")},
        {**library, "id": "b", "relatedArtifact": needs("http://l.example/base", "http://l.example/other|9")},
        {
            **library,
            "id": "c",
            "relatedArtifact": [{"type": "citation", "resource": "http://l.example/base"}],
        },
    )
    assert added("Library?_id=a&_include=Library:depends-on") == {"base2", "other"}
    assert added("Library?_id=b&_include=Library:depends-on") == {"base1", "base2"}
    assert added("Library?_id=c&_include=Library:depends-on") == set()
    assert added("Library?_id=base1&_revinclude=Library:depends-on") == {"b"}
    assert added("Library?_id=base2&_revinclude=Library:depends-on") == {"a", "b"}
    assert added("Library?_id=other&_revinclude=Library:depends-on") == {"a"}
    assert added("Library?_id=a&_include:iterate=Library:depends-on") == {"base2", "other"}


def test_nothing_out_of_reach_is_included_and_nothing_is_inferred_of_it() -> None:
    put(answers("foreign", f"{URL}|1", of="p2"), patient("p2"))
    me = of_patients("p1")
    assert added("Questionnaire?_id=v1&_revinclude=QuestionnaireResponse:questionnaire", me) == {
        "to-1",
        "to-any",
    }
    # Questionnaires are shared, but only where the token's scopes name them.
    without = Access((Rule(frozenset({"QuestionnaireResponse"}), frozenset("rs"), frozenset({"p1"})),))
    for answer in ("to-1", "to-3"):
        found = bundle(
            f"QuestionnaireResponse?_id={answer}&_include=QuestionnaireResponse:questionnaire", without
        )
        assert entries(found, "include") == []
        assert entries(found, "outcome") == []
    criteria = Access(
        (
            Rule(frozenset({"QuestionnaireResponse"}), frozenset("rs"), frozenset({"p1"})),
            Rule(frozenset({"Questionnaire"}), frozenset("rs"), None, "version=2"),
        )
    )
    asked = "QuestionnaireResponse?_id=to-any&_include=QuestionnaireResponse:questionnaire"
    assert added(asked, criteria) == {"v2"}


def test_a_page_with_canonical_includes_takes_two_statements() -> None:
    for asked in (
        "QuestionnaireResponse?_include=QuestionnaireResponse:questionnaire&_include=*",
        "Questionnaire?_revinclude=QuestionnaireResponse:questionnaire",
    ):
        with CaptureQueriesContext(connection) as statements:
            bundle(asked)
        assert len(statements) == 2


@pytest.mark.parametrize("asked", ["_include=Bundle:composition", "_include=Bundle:message"])
def test_what_lies_in_the_resource_itself_is_not_included(asked: str) -> None:
    with pytest.raises(BadRequest, match="no parameter"):
        bundle(f"Bundle?{asked}")


@pytest.mark.parametrize(
    "asked",
    [
        "QuestionnaireResponse?questionnaire.title=x",
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed",
    ],
)
def test_a_chain_through_a_canonical_is_refused_by_name(asked: str) -> None:
    with pytest.raises(BadRequest, match="'questionnaire' that holds references"):
        bundle(asked)

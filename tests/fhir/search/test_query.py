"""Reading a query: what is ignored, what is refused, and what strictness changes."""

import json

import pytest

from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.search import search_posted
from fhir.outcome import BadRequest, UnsupportedMediaType
from fhir.search.escapes import split, unescape
from fhir.search.meaning import criterion
from fhir.search.query import parse
from tests.fhir.search.shelf import bundle, entries, lab, link, matches, put

pytestmark = pytest.mark.django_db


def test_a_separator_behind_a_backslash_separates_nothing() -> None:
    assert split(r"a\,b,c\\,d", ",") == [r"a\,b", r"c\\", "d"]
    assert [unescape(part) for part in split(r"a\,b,c\\,d\|\$", ",")] == ["a,b", "c\\", "d|$"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#errors")
def test_an_unknown_parameter_is_ignored_and_the_answer_says_so() -> None:
    put(lab("a"), lab("b", code="x"))
    found = bundle("Observation?colour=red&code=4548-4")
    assert [resource["id"] for resource in entries(found, "match")] == ["a"]
    [said] = entries(found, "outcome")
    assert said["resourceType"] == "OperationOutcome"
    assert "'colour'" in said["issue"][0]["diagnostics"]
    assert said["issue"][0]["severity"] == "warning"
    assert found["total"] == 1


def test_an_unknown_parameter_is_refused_under_strict_handling() -> None:
    with pytest.raises(BadRequest, match="'colour'"):
        bundle("Observation?colour=red", handling="strict")
    assert "outcome" not in str(bundle("Observation?code=x", handling="strict"))


@pytest.mark.parametrize("asked", ["_text=x", "_content=x", "_query=x", "_filter=x", "phonetic=x"])
def test_parameters_that_are_not_supported_count_as_unknown(asked: str) -> None:
    assert len(entries(bundle(f"Patient?{asked}"), "outcome")) == 1


@pytest.mark.parametrize("asked", ["_summary=sometimes", "_contained=true", "_elements="])
def test_a_wish_about_the_answer_that_is_not_met_is_named(asked: str) -> None:
    [said] = entries(bundle(f"Patient?{asked}"), "outcome")
    assert asked.partition("=")[0] in said["issue"][0]["diagnostics"]


def test_a_parameter_without_a_value_is_ignored_and_named() -> None:
    put(lab("a"))
    assert len(entries(bundle("Observation?code="), "match")) == 1
    assert "'code'" in str(entries(bundle("Observation?code="), "outcome"))


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "_count=1",
        "_sort=date&_total=accurate",
        "_format=json",
        "code=",
        "colour=red",
        "code=x&colour=red",
        "code:in=x",
        "code=x&_text=y",
        "code=x&status=",
    ],
)
def test_a_strict_reading_refuses_what_is_unknown_and_what_asks_for_nothing(asked: str) -> None:
    with pytest.raises(BadRequest):
        read_strictly(asked)


def read_strictly(asked: str) -> None:
    """Read strictly and ask for the meaning of each part."""
    for part in parse("Observation", asked, strict=True).asked:
        criterion(part, EVERYTHING)


def test_a_strict_reading_takes_criteria_with_or_without_result_parameters() -> None:
    assert len(parse("Observation", "code=x&status=final&_count=1", strict=True).asked) == 2


@pytest.mark.parametrize("asked", ["code=%00", "%00=x", "code=%ff", "code=%C3%28"])
def test_nul_and_broken_text_are_refused(asked: str) -> None:
    with pytest.raises(BadRequest):
        bundle(f"Observation?{asked}")


def test_a_query_of_endless_length_is_refused() -> None:
    with pytest.raises(BadRequest, match="200"):
        bundle("Observation?" + "&".join(["code=x"] * 201))
    with pytest.raises(BadRequest, match="200"):
        bundle("Observation?code=" + ",".join(["x"] * 201))


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#search a POST to _search is the same as a GET")
def test_a_posted_form_is_the_same_search() -> None:
    put(lab("a"), lab("b", code="x"))
    form = "application/x-www-form-urlencoded; charset=utf-8"
    request = Request(
        EVERYTHING, type="Observation", query="status=final", body=b"code=4548-4", content_type=form
    )
    posted = search_posted(request)
    found = json.loads(posted.text)
    assert [resource["id"] for resource in entries(found, "match")] == ["a"]
    assert link(found, "self") == "http://testserver/fhir/Observation?status=final&code=4548-4"


@pytest.mark.parametrize(
    ("body", "media", "error"),
    [
        (b"{}", "application/fhir+json", UnsupportedMediaType),
        (b"code=\xff", "application/x-www-form-urlencoded", BadRequest),
    ],
)
def test_a_body_that_is_no_form_is_refused(body: bytes, media: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        search_posted(Request(EVERYTHING, type="Observation", body=body, content_type=media))


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#modifiers")
@pytest.mark.parametrize("code", ["_id", "_lastUpdated"])
def test_what_every_resource_has_is_missing_in_none(code: str) -> None:
    put(lab("a"), lab("b", code="other"))
    assert matches(f"Observation?{code}:missing=false") == {"a", "b"}
    assert matches(f"Observation?{code}:missing=false&code=other") == {"b"}
    assert matches(f"Observation?{code}:missing=true") == set()
    with pytest.raises(BadRequest, match="true or false"):
        matches(f"Observation?{code}:missing=x")

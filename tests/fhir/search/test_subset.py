"""_elements and _summary."""

import pytest

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import bundle, entries, lab, patient, put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def record(db: None) -> None:
    """A result with a narrative and a number whose digits count."""
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    put(
        patient(
            "p1",
            name=[{"family": "Adler"}],
            text=narrative,
            active=True,
            gender="female",
            _gender={"id": "g"},
        ),
        lab(
            "r",
            text=narrative,
            valueQuantity={"value": 1.5},
            meta={"tag": [{"code": "mine"}]},
            note=[{"text": "n"}],
        ),
    )


def only(url: str) -> dict[str, object]:
    """The one match."""
    [found] = entries(bundle(url), "match")
    return found


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#elements")
def test_only_the_elements_that_are_named_come_with_the_mandatory_and_the_modifying_ones() -> None:
    found = only("Observation?_elements=value,note")
    assert set(found) == {"resourceType", "id", "meta", "status", "code", "valueQuantity", "note"}
    found = only("Patient?_elements=gender")
    assert set(found) == {"resourceType", "id", "meta", "active", "gender", "_gender"}


def test_what_is_cut_says_so_and_keeps_its_own_tags() -> None:
    meta = only("Observation?_elements=code")["meta"]
    assert isinstance(meta, dict)
    assert [tag["code"] for tag in meta["tag"]] == ["mine", "SUBSETTED"]
    assert meta["versionId"] == "1"


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#summary")
def test_a_summary_of_text_has_the_narrative_and_one_of_data_has_all_but_it() -> None:
    assert set(only("Observation?_summary=text")) == {"resourceType", "id", "meta", "status", "code", "text"}
    found = only("Observation?_summary=data")
    assert "text" not in found
    assert found["note"] == [{"text": "n"}]
    assert "text" in only("Observation?_summary=false")


def test_included_resources_stay_whole_and_every_page_is_cut() -> None:
    found = bundle("Observation?_elements=code&_include=Observation:subject&_count=1")
    assert "name" in entries(found, "include")[0]
    assert "_elements=code" in found["link"][0]["url"]


@pytest.mark.parametrize(
    "asked",
    [
        "_summary=text&_include=Observation:subject",
        "_summary=data&_elements=code",
        "_summary=text&_elements=x",
    ],
)
def test_wishes_that_exclude_each_other_are_refused(asked: str) -> None:
    with pytest.raises(BadRequest, match="_summary"):
        bundle(f"Observation?{asked}")

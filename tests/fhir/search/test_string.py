"""String parameters: folding, beginnings, and the modifiers."""

import pytest

from fhir.outcome import BadRequest
from fhir.search.types.string import fold
from tests.fhir.search.shelf import bundle, matches, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#string"),
]
LONG = "An organisation whose name goes on and on, " * 4 + "to 100% _exactly_ here"


@pytest.fixture
def names(db: None) -> None:
    """Patients with names that differ in case, accents and length."""
    put(
        patient("muller", name=[{"family": "Müller", "given": ["Zoë", "Ann-Marie"]}]),
        patient("mueller", name=[{"family": "Mueller", "text": "Dr. Mueller"}]),
        patient("strasse", name=[{"family": "Straße"}], address=[{"city": "Köln", "line": ["Am Ring 1"]}]),
        {"resourceType": "Organization", "id": "long", "name": LONG},
        {"resourceType": "Organization", "id": "short", "name": "An organisation"},
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Patient?family=mul", {"muller"}),
        ("Patient?family=MÜL", {"muller"}),
        ("Patient?family=ller", set()),
        ("Patient?family:contains=LLER", {"muller", "mueller"}),
        ("Patient?family:exact=Müller", {"muller"}),
        ("Patient?family:exact=Muller", set()),
        ("Patient?family:exact=Mül", set()),
        ("Patient?family=strasse", {"strasse"}),
        ("Patient?name=zoe", {"muller"}),
        ("Patient?name=ann-m", {"muller"}),
        ("Patient?name=dr. muel", {"mueller"}),
        ("Patient?given=zo,dr", {"muller"}),
        ("Patient?given=zo&given=ann", {"muller"}),
        ("Patient?address=koln", {"strasse"}),
        ("Patient?address-city=Köln", {"strasse"}),
        ("Patient?address=am ring", {"strasse"}),
        ("Patient?family:missing=true", set()),
        ("Patient?address:missing=false", {"strasse"}),
        ("Organization?name=an organisation", {"long", "short"}),
        ("Organization?name:contains=100%25 _exactly_", {"long"}),
        ("Organization?name:contains=100_ %25exactly", set()),
    ],
)
def test_a_string_is_found_without_regard_to_case_and_accents(
    names: None, asked: str, found: set[str]
) -> None:
    assert matches(asked) == found


def test_a_text_longer_than_the_index_is_compared_whole(names: None) -> None:
    start = LONG[:120].replace(",", r"\,")
    assert matches(f"Organization?name={start}") == {"long"}
    assert matches(f"Organization?name={start}x") == set()
    whole = LONG.replace(",", r"\,").replace("%", "%25")
    assert matches(f"Organization?name:exact={whole}") == {"long"}


def test_a_comma_in_a_name_is_escaped(db: None) -> None:
    put(patient("comma", name=[{"text": "Doe, Jane"}]), patient("doe", name=[{"text": "Doe"}]))
    assert matches(r"Patient?name=doe\, j") == {"comma"}
    assert matches("Patient?name=doe, j") == {"comma", "doe"}


def test_the_wildcards_of_sql_are_plain_text(db: None) -> None:
    put(patient("a", name=[{"family": "a%b"}]), patient("b", name=[{"family": "axb"}]))
    assert matches("Patient?family=a%25") == {"a"}
    assert matches("Patient?family:contains=%25") == {"a"}
    assert matches("Patient?family:contains=_") == set()


def test_folding_makes_one_of_what_differs_in_case_accents_and_blanks() -> None:
    assert fold("  Ångström\u0301  X ") == fold("ANGSTROM x")


@pytest.mark.parametrize("modifier", ["text", "not", "phonetic"])
def test_another_modifier_is_refused_by_name(db: None, modifier: str) -> None:
    with pytest.raises(BadRequest, match=f":{modifier}"):
        bundle(f"Patient?name:{modifier}=x")

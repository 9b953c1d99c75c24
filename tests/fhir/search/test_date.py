"""Date parameters: precision, periods and prefixes."""

import datetime as dt

import pytest

from fhir.condition import Condition
from fhir.outcome import BadRequest
from fhir.search.criteria import Asked
from fhir.search.plain import plain
from fhir.search.query import parse
from fhir.search.types.date import EARLIEST, LATEST, DateError, span
from tests.fhir.search.shelf import bundle, lab, matches, patient, put

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#date"),
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#prefix"),
]


def micros(text: str) -> int:
    """Microseconds since 1970 of an ISO text with a time zone."""
    return int(dt.datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020", "2020-01-01T00:00:00+00:00", "2021-01-01T00:00:00+00:00"),
        ("2020-02", "2020-02-01T00:00:00+00:00", "2020-03-01T00:00:00+00:00"),
        ("2020-12", "2020-12-01T00:00:00+00:00", "2021-01-01T00:00:00+00:00"),
        ("2020-02-29", "2020-02-29T00:00:00+00:00", "2020-03-01T00:00:00+00:00"),
        ("2020-02-29T10:30Z", "2020-02-29T10:30:00+00:00", "2020-02-29T10:31:00+00:00"),
        ("2020-02-29T10:30:05Z", "2020-02-29T10:30:05+00:00", "2020-02-29T10:30:06+00:00"),
        ("2020-02-29T10:30:05.25+02:00", "2020-02-29T08:30:05.25+00:00", "2020-02-29T08:30:05.26+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", "2017-01-01T00:00:00+00:00"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59+00:00", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_date_covers_all_that_its_precision_leaves_open(text: str, first: str, last: str) -> None:
    assert span(text) == (micros(first), micros(last) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "2020-13",
        "2020-02-30",
        "2020-2-1",
        "2020-02-29T",
        "2020-02-29T25:00:00Z",
        "x",
        "２０２０",
        "20200229",
        "2020-W01-1",
        "2020-W01-1T10:00:00",
    ],
)
def test_what_is_no_date_is_an_error(text: str) -> None:
    with pytest.raises(DateError):
        span(text)


def test_the_ends_of_time_lie_outside_of_every_date() -> None:
    assert span("0001")[0] == EARLIEST
    assert span("9999")[1] == LATEST


@pytest.fixture
def shelf(db: None) -> None:
    """An instant, a day, a month, a closed and two open periods, and a result without a date."""
    put(
        lab("instant", effectiveDateTime="2020-03-14T10:00:00Z"),
        lab("day", effectiveDateTime="2020-03-14"),
        lab("month", effectiveDateTime="2020-03"),
        lab("period", effectiveDateTime=None, effectivePeriod={"start": "2020-03-13", "end": "2020-03-15"}),
        lab("since", effectiveDateTime=None, effectivePeriod={"start": "2020-03-20"}),
        lab("until", effectiveDateTime=None, effectivePeriod={"end": "2020-03-10"}),
        lab("never", effectiveDateTime=None),
    )


CASES = [
    ("2020-03-14", {"instant", "day"}),
    ("eq2020-03", {"instant", "day", "month", "period"}),
    ("eq2020-03-14T10:00:00Z", {"instant"}),
    ("ne2020-03-14", {"month", "period", "since", "until"}),
    ("gt2020-03-14", {"month", "period", "since"}),
    ("lt2020-03-14", {"month", "period", "until"}),
    ("ge2020-03-14", {"instant", "day", "month", "period", "since"}),
    ("le2020-03-14", {"instant", "day", "month", "period", "until"}),
    ("sa2020-03-14", {"since"}),
    ("eb2020-03-14", {"until"}),
    ("sa2020-03-12", {"instant", "day", "period", "since"}),
    ("eb2020-03-16", {"instant", "day", "period", "until"}),
    ("ge2020-03-14T12:00:00+02:00", {"instant", "day", "month", "period", "since"}),
    ("eq2020-03-14T12:00:00+02:00", {"instant"}),
    ("eq2020-03-14T12:00:00 02:00", {"instant"}),
    ("2020-03-14,sa2020-03-19", {"instant", "day", "since"}),
    ("ge2020-03-14&date=le2020-03-14", {"instant", "day", "month", "period"}),
]


@pytest.mark.parametrize(("asked", "found"), CASES)
def test_the_main_date_compares_as_its_prefix_says(shelf: None, asked: str, found: set[str]) -> None:
    assert matches(f"Observation?date={asked}") == found


@pytest.mark.parametrize(("asked", "found"), CASES)
def test_it_compares_the_same_from_within_an_index_that_carries_the_date(
    shelf: None, asked: str, found: set[str]
) -> None:
    assert matches(f"Observation?code=4548-4&date={asked}") == found
    assert matches(f"Observation?patient=p1&category=laboratory&date={asked}") == found
    assert matches(f"Observation?patient=p1&date={asked}") == found


@pytest.mark.parametrize(("asked", "found"), CASES)
def test_a_date_that_is_not_the_main_one_compares_the_same(db: None, asked: str, found: set[str]) -> None:
    periods = {
        "instant": {"start": "2020-03-14T10:00:00Z", "end": "2020-03-14T10:00:00Z"},
        "day": {"start": "2020-03-14", "end": "2020-03-14"},
        "month": {"start": "2020-03", "end": "2020-03"},
        "period": {"start": "2020-03-13", "end": "2020-03-15"},
        "since": {"start": "2020-03-20"},
        "until": {"end": "2020-03-10"},
    }
    put(
        *(
            {
                "resourceType": "Task",
                "id": fhir_id,
                "status": "draft",
                "intent": "order",
                "executionPeriod": period,
            }
            for fhir_id, period in periods.items()
        )
    )
    assert matches(f"Task?period={asked.replace('date=', 'period=')}") == found


def test_about_a_date_widens_by_a_tenth_of_the_time_since(db: None) -> None:
    now = dt.datetime.now(tz=dt.UTC)
    year = dt.timedelta(days=365)
    put(
        lab("near", effectiveDateTime=(now - 10.5 * year).date().isoformat()),
        lab("far", effectiveDateTime=(now - 12 * year).date().isoformat()),
    )
    assert matches(f"Observation?date=ap{(now - 10 * year).date().isoformat()}") == {"near"}


def test_births_before_1970_are_found_and_sorted_among_the_others(db: None) -> None:
    put(patient("old", birthDate="1950-06-01"), patient("young", birthDate="2010-06-01"), patient("none"))
    assert matches("Patient?birthdate=lt1960") == {"old"}
    assert matches("Patient?birthdate=ge1950") == {"old", "young"}
    assert matches("Patient?birthdate:missing=true") == {"none"}


def test_last_updated_is_compared_too(db: None) -> None:
    put(lab("a"))
    assert matches("Observation?_lastUpdated=gt2020-01-01") == {"a"}
    assert matches("Observation?_lastUpdated=lt2020-01-01") == set()
    assert matches("Observation?code=4548-4&_lastUpdated=gt2020-01-01") == {"a"}
    assert matches("Observation?code=4548-4&_lastUpdated=lt2020-01-01,gt2020-01-02") == {"a"}


def test_a_database_that_plans_for_any_value_knows_when_a_change_is_asked_for() -> None:
    """Among a million resources the difference is a second."""
    [asked] = parse("Patient", "_lastUpdated=gt2026-01-01,lt2020", strict=True).asked
    assert isinstance(asked, Asked)
    home = plain(asked).home
    assert home == Condition(
        f"({{home}}.last_updated > {micros('2026-01-02T00:00:00+00:00') - 1} "
        f"OR {{home}}.last_updated < {micros('2020-01-01T00:00:00+00:00')})"
    )


@pytest.mark.parametrize("value", ["x", "xx2020", "2020-13-01", "gt", "2020-01-01,"])
def test_a_value_that_is_no_date_is_refused(db: None, value: str) -> None:
    with pytest.raises(BadRequest, match="not a date"):
        bundle(f"Observation?date={value}")


def test_a_date_has_no_modifier_but_missing(db: None) -> None:
    with pytest.raises(BadRequest, match=":exact"):
        bundle("Observation?date:exact=2020")

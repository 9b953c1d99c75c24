"""The Lab Viewer's pure modules, asked directly: what it makes of Observations, and where its ticks go."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Error

from smartcdr.demo.viewer_server import ViewerServer
from tests.demo.conftest import serving

pytestmark = pytest.mark.browser

Json = dict[str, Any]
DAY = 86_400_000


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(chromium: Browser) -> Iterator[Ask]:
    """What a function of one of the app's modules returns in the browser: ask(module, name, *arguments)."""
    config = {"client_id": "x", "iss": "http://localhost:9/fhir", "trusted_iss": []}
    with serving(ViewerServer(0, config)) as app:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{app.server_port}/index.html")
        call = "async ([module, name, given]) => (await import(`/${module}.js`))[name](...given)"
        yield lambda module, function, *given: page.evaluate(call, [module, function, list(given)])
        page.close()


def observation(**members: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1-1", "display": "Thing"}]},
        "effectiveDateTime": "2024-03-09T23:30:00-05:00",
        **members,
    }


def quantity(value: float, unit: str = "mg/dL", **members: Any) -> Json:
    return {"value": value, "unit": unit, **members}


def test_a_date_is_told_as_the_laboratory_wrote_it_whatever_the_time_zone(ask: Ask) -> None:
    assert ask("results", "readDate", "2024-03-09T23:30:00-05:00")["text"] == "9 Mar 2024"
    assert ask("results", "readDate", "2024-03")["text"] == "Mar 2024"
    assert ask("results", "readDate", "2024") == {"time": 1704067200000, "text": "2024"}
    assert ask("results", "readDate", "yesterday") is None


def test_values_in_different_units_become_tests_of_their_own(ask: Ask) -> None:
    made = ask(
        "results",
        "testsOf",
        [
            observation(valueQuantity=quantity(90)),
            observation(valueQuantity=quantity(5, "mmol/L")),
            observation(valueString="see note"),
        ],
    )
    assert [(one["name"], len(one["results"]), len(one["points"])) for one in made] == [
        ("Thing (mg/dL)", 2, 1),
        ("Thing (mmol/L)", 1, 1),
    ]


def test_one_test_under_two_names_is_one_test_with_the_newest_name(ask: Ask) -> None:
    older = observation(valueQuantity=quantity(1), effectiveDateTime="2020-01-01")
    newer = observation(valueQuantity=quantity(2))
    newer["code"] = {
        "text": "New name",
        "coding": [{"system": "urn:local", "code": "x"}, *older["code"]["coding"]],
    }
    made = ask("results", "testsOf", [newer, older])
    assert [(one["name"], [r["value"] for r in one["results"]]) for one in made] == [("New name", [1, 2])]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"valueQuantity": quantity(5, comparator="<")}, "<5 mg/dL"),
        ({"valueQuantity": quantity(6.012345678)}, "6.0123 mg/dL"),
        ({"valueInteger": 3}, "3"),
        ({"valueString": "Trace"}, "Trace"),
        ({"valueBoolean": False}, "No"),
        ({"valueCodeableConcept": {"coding": [{"code": "neg", "display": "Negative"}]}}, "Negative"),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "1 to 2"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 : 128"),
        ({"dataAbsentReason": {"text": "Error"}}, "Not measured (error)"),
        ({}, "No value"),
    ],
)
def test_every_kind_of_value_has_words(ask: Ask, members: Json, text: str) -> None:
    assert [one["text"] for one in ask("results", "resultsOf", observation(**members))] == [text]


def test_the_table_keeps_every_digit_of_a_long_number(ask: Ask) -> None:
    found = ask("results", "resultsOf", observation(valueQuantity=quantity(6.012345678)))
    assert found[0]["exact"] == "6.012345678 mg/dL"


def test_numbers_keep_the_digits_in_which_they_were_written(ask: Ask) -> None:
    text = '{"value": 5.0, "other": 5.0, "inner": [{"value": 5.10}, {"value": "5.0"}]}'
    assert ask("records", "parseJson", text) == {
        "value": 5,
        "written": "5.0",
        "other": 5,
        "inner": [{"value": 5.1, "written": "5.10"}, {"value": "5.0"}],
    }
    written = quantity(5) | {"written": "5.0"}
    found = ask("results", "resultsOf", observation(valueQuantity=written, referenceRange=[{"low": written}]))
    assert (found[0]["text"], found[0]["exact"], found[0]["range"]["text"]) == (
        "5.0 mg/dL",
        "5.0 mg/dL",
        "≥ 5.0 mg/dL",
    )


def test_components_are_results_of_their_own(ask: Ask) -> None:
    panel = observation(
        component=[
            {"code": {"text": "A"}, "valueQuantity": quantity(1)},
            {"code": {"text": "B"}, "valueQuantity": quantity(2)},
        ]
    )
    assert [one["name"] for one in ask("results", "testsOf", [panel])] == ["A", "B"]


@pytest.mark.parametrize(
    ("members", "flag"),
    [
        ({"interpretation": [{"coding": [{"code": "HH"}]}]}, "high"),
        (
            {"interpretation": [{"coding": [{"code": "L"}]}], "referenceRange": [{"high": {"value": 1}}]},
            "low",
        ),
        ({"interpretation": [{"coding": [{"code": "A"}]}]}, "abnormal"),
        ({"referenceRange": [{"low": {"value": 3}, "high": {"value": 9}}]}, "normal"),
        ({"referenceRange": [{"high": {"value": 4}}]}, "high"),
        ({"referenceRange": [{"low": {"value": 6}}]}, "low"),
        ({"referenceRange": [{"text": "negative"}]}, "unknown"),
        ({"referenceRange": [{"type": {"coding": [{"code": "critical"}]}, "high": {"value": 4}}]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_laboratorys_word_comes_first_and_the_range_second(ask: Ask, members: Json, flag: str) -> None:
    found = ask("results", "resultsOf", observation(valueQuantity=quantity(5), **members))
    assert [one["flag"] for one in found] == [flag]


def test_a_value_below_the_limit_of_measurement_is_not_called_high(ask: Ask) -> None:
    members = {"valueQuantity": quantity(5, comparator="<"), "referenceRange": [{"high": {"value": 3}}]}
    assert ask("results", "resultsOf", observation(**members))[0]["flag"] == "unknown"


@pytest.mark.parametrize(
    ("span", "most", "texts"),
    [
        ([0, 10], 5, ["0", "2", "4", "6", "8", "10"]),
        ([0.52, 0.58], 3, ["0.52", "0.54", "0.56", "0.58"]),
        ([-12, 7], 4, ["-10", "-5", "0", "5"]),
        ([980, 4120], 4, ["1000", "2000", "3000", "4000"]),
    ],
)
def test_value_ticks_are_round_numbers(ask: Ask, span: list[float], most: int, texts: list[str]) -> None:
    assert [one["text"] for one in ask("scale", "valueTicks", span, most)] == texts


@pytest.mark.parametrize(
    ("start", "days", "texts"),
    [
        ("2020-11-20", 365 * 6, ["2021", "2022", "2023", "2024", "2025", "2026"]),
        ("2023-12-01", 400, ["2024", "Apr", "Jul", "Oct", "2025"]),
        ("2024-02-25", 40, ["1 Mar", "8 Mar", "15 Mar", "22 Mar", "1 Apr"]),
        ("1980-06-01", 365 * 44, ["1990", "2000", "2010", "2020"]),
    ],
)
def test_time_ticks_are_beginnings_of_days_months_or_years(
    ask: Ask, start: str, days: int, texts: list[str]
) -> None:
    begin = ask("results", "readDate", start)["time"]
    found = ask("scale", "timeTicks", [begin, begin + days * DAY], 6)
    assert [one["text"] for one in found] == texts


def test_points_at_one_value_or_one_moment_still_get_a_span(ask: Ask) -> None:
    point = {"value": 4, "time": 10 * DAY, "range": {"low": None, "high": None}}
    low, high = ask("scale", "valueSpan", [point])
    assert low < 4 < high
    first, last = ask("scale", "timeSpan", [point, point])
    assert first < 10 * DAY < last


def test_a_band_ends_half_way_to_the_result_that_has_another_range(ask: Ask) -> None:
    def at(time: int, low: float | None) -> Json:
        return {"value": 1, "time": time, "range": {"low": low, "high": None}}

    made = ask("scale", "bands", [at(10, 1), at(20, 1), at(40, 2), at(60, None)], [0, 70])
    assert made == [
        {"start": 0, "end": 30, "low": 1, "high": None},
        {"start": 30, "end": 50, "low": 2, "high": None},
    ]


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://a.example/fhir?page=2", "https://a.example/fhir?page=2"),
        ("https://a.example/fhir/Observation?page=2", "https://a.example/fhir/Observation?page=2"),
        ("Observation?page=2", "https://a.example/fhir/Observation?page=2"),
    ],
)
def test_a_next_link_within_the_server_is_followed(ask: Ask, link: str, found: str) -> None:
    bundle = {"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": link}]}
    assert ask("records", "nextLink", bundle, "https://a.example/fhir") == found


@pytest.mark.parametrize(
    "link", ["https://a.example/other", "https://a.example/fhirs/x", "//b.example/fhir/x"]
)
def test_a_next_link_out_of_the_server_is_refused(ask: Ask, link: str) -> None:
    bundle = {"link": [{"relation": "next", "url": link}]}
    with pytest.raises(Error, match="another server"):
        ask("records", "nextLink", bundle, "https://a.example/fhir")


@pytest.mark.requirement("RFC 7636 https://www.rfc-editor.org/rfc/rfc7636#appendix-B")
def test_the_challenge_is_the_one_of_the_specifications_example(ask: Ask) -> None:
    made = ask("smart", "challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert made == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

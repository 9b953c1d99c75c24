"""What the Lab Viewer draws: trends, ranges, marks, tips, tables, and what it says when there is no trend."""

import re

import pytest
from playwright.sync_api import expect

from tests.demo.conftest import Viewer

pytestmark = pytest.mark.browser


def test_all_pages_are_read_and_every_result_becomes_a_point(viewer: Viewer) -> None:
    viewer.server.page_size = 30
    viewer.launch()
    viewer.open_test("Hemoglobin A1c")
    expect(viewer.page.locator(".point")).to_have_count(24)
    pages = [path for path in viewer.server.fhir_paths if path.startswith("/fhir/Observation")]
    assert len(pages) > 3
    assert "patient=patient-anna-bauer&category=laboratory" in pages[0]


def test_the_list_names_every_test_with_its_newest_value_and_can_be_filtered(viewer: Viewer) -> None:
    viewer.launch()
    names = viewer.page.locator(".test-name").all_inner_texts()
    assert {"Hemoglobin A1c", "Creatinine", "eGFR", "LDL cholesterol", "Blood group"} <= set(names)
    assert names == sorted(names, key=str.lower)
    viewer.page.get_by_label("Find a test").fill("chol LD")
    expect(viewer.page.locator(".test-name")).to_have_text(["LDL cholesterol"])
    viewer.page.get_by_label("Find a test").fill("4548")
    expect(viewer.page.locator(".test-name")).to_have_text(["Hemoglobin A1c"])
    viewer.page.get_by_label("Find a test").fill("no such thing")
    viewer.wait_for("No test has that name.")


def test_high_and_low_results_differ_in_shape_and_not_only_in_colour(viewer: Viewer) -> None:
    viewer.launch("thomas-okafor")
    shapes = {}
    for name, flag in (("Creatinine", "high"), ("eGFR", "low"), ("Creatinine", "normal")):
        viewer.open_test(name)
        shapes[flag] = viewer.page.locator(f".point .mark.{flag}").first.get_attribute("d")
    assert len(set(shapes.values())) == 3
    assert "above range" in viewer.page.locator(".legend").inner_text()


def test_the_reference_band_follows_a_range_that_changed(viewer: Viewer) -> None:
    viewer.launch("thomas-okafor")
    viewer.open_test("Creatinine")
    bands = viewer.page.locator(".band rect")
    expect(bands).to_have_count(2)
    heights = {bands.nth(0).get_attribute("height"), bands.nth(1).get_attribute("height")}
    assert len(heights) == 2
    viewer.open_test("eGFR")
    expect(viewer.page.locator(".band rect")).to_have_count(1)
    expect(viewer.page.locator(".band line")).to_have_count(1)


def test_the_axes_say_the_unit_and_the_years(viewer: Viewer) -> None:
    viewer.launch()
    viewer.open_test("Hemoglobin A1c")
    assert viewer.page.locator(".axis .unit").text_content() == "%"
    words = viewer.page.locator(".axis text").all_text_contents()
    assert {"2021", "2022", "2023", "2024", "2025", "2026"} <= set(words)


def test_hovering_shows_value_date_assessment_and_range(viewer: Viewer) -> None:
    viewer.launch()
    viewer.open_test("Hemoglobin A1c")
    viewer.page.locator(".point").first.hover()
    tip = viewer.page.locator(".tip")
    expect(tip).to_be_visible()
    words = tip.inner_text()
    assert re.search(r"9\.\d %", words)
    assert "Dec 2020" in words
    assert "High" in words
    assert "Range 4.0 – 5.6 %" in words
    viewer.page.mouse.move(0, 0)
    expect(tip).to_be_hidden()


def test_the_points_can_be_walked_with_the_keyboard(viewer: Viewer) -> None:
    viewer.launch()
    viewer.open_test("Hemoglobin A1c")
    points = viewer.page.locator(".point")
    points.first.focus()
    tip = viewer.page.locator(".tip")
    expect(tip).to_be_visible()
    first = tip.inner_text()
    viewer.page.keyboard.press("ArrowRight")
    expect(points.nth(1)).to_be_focused()
    assert tip.inner_text() != first
    viewer.page.keyboard.press("End")
    expect(points.last).to_be_focused()
    assert points.last.get_attribute("aria-label") == "6.3 %, 20 Sep 2026, High, reference range 4.0 – 5.6 %"
    viewer.page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_values_beyond_what_can_be_measured_keep_their_comparator(viewer: Viewer) -> None:
    viewer.launch("grace-lindqvist")
    viewer.open_test("C-reactive protein")
    expect(viewer.page.locator(".point.limit .beyond").first).to_be_visible()
    expect(viewer.page.locator(".point.limit").first).to_have_attribute(
        "aria-label", re.compile("^<5 mg/L, ")
    )
    viewer.page.locator(".values summary").click()
    assert "Value (mg/L)" in viewer.page.locator("thead").inner_text()
    assert "<5" in viewer.page.locator("tbody td").all_inner_texts()


def test_the_table_holds_all_values_newest_first_and_says_what_was_not_measured(viewer: Viewer) -> None:
    viewer.launch("thomas-okafor")
    viewer.open_test("Potassium")
    expect(viewer.page.locator(".point")).to_have_count(27)
    viewer.page.locator(".values summary").click()
    rows = viewer.page.locator("tbody tr")
    expect(rows).to_have_count(28)
    assert "2026" in rows.first.inner_text()
    assert "Not measured (error)" in viewer.page.locator("table").inner_text()


def test_a_value_that_was_entered_in_error_is_never_shown(viewer: Viewer) -> None:
    wrong = [one for one in viewer.server.resources if one.get("status") == "entered-in-error"]
    assert wrong[0]["valueQuantity"]["value"] == 612
    viewer.launch()
    viewer.open_test("Glucose")
    viewer.page.locator(".values summary").click()
    assert "612" not in viewer.text()


def test_the_period_buttons_narrow_the_chart(viewer: Viewer) -> None:
    viewer.launch()
    viewer.open_test("Hemoglobin A1c")
    viewer.click("3 years")
    expect(viewer.page.locator(".point")).to_have_count(13)
    viewer.click("All")
    expect(viewer.page.locator(".point")).to_have_count(24)


def test_a_patient_without_results_gets_a_sentence(viewer: Viewer) -> None:
    viewer.launch("henry-calloway")
    assert viewer.title() == "There is nothing to plot"
    assert "Henry Calloway" in viewer.text()


def test_a_single_value_is_shown_and_said_to_be_the_only_one(viewer: Viewer) -> None:
    viewer.launch("olivia-ferreira")
    assert "There is only one value, so there is no trend yet." in viewer.text()
    expect(viewer.page.locator(".point")).to_have_count(1)


def test_a_test_without_numbers_says_that_there_is_nothing_to_plot(viewer: Viewer) -> None:
    viewer.launch()
    viewer.open_test("Blood group")
    assert "There is nothing to plot" in viewer.text()
    assert "A Rh(D) positive" in viewer.page.locator("table").inner_text()
    expect(viewer.page.locator(".chart")).to_have_count(0)


@pytest.mark.requirement(
    "SMART 2.2 https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#need_patient_banner"
)
@pytest.mark.parametrize("needed", [True, False])
def test_the_banner_is_shown_unless_the_launching_system_shows_one(viewer: Viewer, needed: bool) -> None:
    viewer.server.token_extra = {"need_patient_banner": needed}
    viewer.launch()
    expect(viewer.page.locator(".banner")).to_have_count(1 if needed else 0)
    if needed:
        assert viewer.page.locator(".banner").inner_text().split("\n") == [
            "Anna Bauer",
            "Born 17 Apr 1968",
            "Female",
        ]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(viewer: Viewer, width: int) -> None:
    viewer.page.set_viewport_size({"width": width, "height": 844})
    viewer.launch("thomas-okafor")
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        viewer.page.locator(".canvas svg").evaluate("chart => chart.getBoundingClientRect().width") <= width
    )


def test_on_a_phone_the_list_folds_away_when_a_test_is_chosen(viewer: Viewer) -> None:
    viewer.page.set_viewport_size({"width": 390, "height": 844})
    viewer.launch()
    viewer.page.locator(".list summary").click()
    viewer.open_test("Hemoglobin A1c")
    assert viewer.title() == "Hemoglobin A1c"
    expect(viewer.page.locator(".tests")).to_be_hidden()
    expect(viewer.page.locator(".list summary")).to_contain_text("Hemoglobin A1c")

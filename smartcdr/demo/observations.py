"""Laboratory results: Observations with reference range and interpretation, grouped by DiagnosticReports."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from smartcdr.demo.clinic import CLINIC, practitioner_reference
from smartcdr.demo.elements import (
    LOINC,
    Json,
    before,
    concept,
    instant,
    jitter,
    profile,
    quantity,
    reference,
    term,
)
from smartcdr.demo.lab_tests import (
    BLOOD_GROUP,
    PANELS,
    TESTS,
    LabTest,
    Range,
    filtration_rate,
    reference_range,
)
from smartcdr.demo.stories import Course, Story

_LIPID_LDL: Final = "13457-7"
_EGFR: Final = "98979-8"
_SPOILED: Final = ("thomas-okafor", "2823-3", 12)
"""Patient, test and number of the visit whose specimen could not be measured."""


def value_at(course: Course, years_before: float) -> float | None:
    """The course's value so many years before the anchor, between its points by straight lines.

    None before the course begins. After its last point the last value holds.
    """
    if years_before > course[0][0] + 0.01:
        return None
    for (older, first), (newer, second) in pairwise(course):
        if older >= years_before >= newer:
            return first + (second - first) * (older - years_before) / (older - newer)
    return course[0][1] if years_before >= course[0][0] else course[-1][1]


def laboratory(story: Story, anchor: date) -> list[Json]:
    """All Observations and DiagnosticReports of the laboratory for one patient, oldest visit first."""
    found: list[Json] = []
    for index, years in enumerate(story.visits):
        found += _visit(story, anchor, index, years)
    for code, (years, value) in story.once.items():
        found.append(_result(story, TESTS[code], before(anchor, years), years, value))
    if story.blood_group:
        found.append(_blood_group(story, before(anchor, story.visits[0])))
    if story.slug == "anna-bauer":
        found.append(_mix_up(story, before(anchor, story.visits[4])))
    return found


def _visit(story: Story, anchor: date, index: int, years: float) -> list[Json]:
    day = before(anchor, years)
    results: dict[str, list[Json]] = {}
    for code, value in _values(story, index, years).items():
        test = TESTS[code]
        made = (
            _unmeasured(story, test, day)
            if (story.slug, code, index) == _SPOILED
            else _result(story, test, day, years, value)
        )
        results.setdefault(test.panel, []).append(made)
    found: list[Json] = []
    for panel, observations in results.items():
        found += [*observations, _report(story, panel, day, observations)]
    return found


def _values(story: Story, index: int, years: float) -> dict[str, float]:
    """What the analyser measured at that visit, by LOINC code, with what is calculated from it."""
    often = len(story.visits) > 14
    found: dict[str, float] = {}
    for code, course in story.labs.items():
        test = TESTS[code]
        value = value_at(course, years)
        if value is None or (often and test.panel == "lipids" and index % 2):
            continue
        noisy = value + test.noise * jitter(f"{story.slug}/{code}/{index}")
        found[code] = round(max(noisy, 0.1), test.digits)
    if {"2093-3", "2085-9", "2571-8"} <= found.keys():
        found[_LIPID_LDL] = found["2093-3"] - found["2085-9"] - found["2571-8"] / 5
    if "2160-0" in found and story.age - years >= 18:
        found[_EGFR] = filtration_rate(found["2160-0"], story.age - years, story.sex)
    return found


def _frame(story: Story, code: str, display: str, short: str, day: date) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"lab-{story.slug}-{code}-{day.isoformat()}",
        "meta": profile("observation-lab"),
        "status": "final",
        "category": [term("observation-category", "laboratory", "Laboratory")],
        "code": concept(LOINC, code, display) | {"text": short},
        "subject": reference("Patient", story.identity, story.name),
        "encounter": reference("Encounter", encounter_id(story, day)),
        "effectiveDateTime": instant(day, 8, 20),
        "issued": instant(day, 14, 5),
        "performer": [CLINIC],
    }


def encounter_id(story: Story, day: date) -> str:
    """The id of the Encounter of that patient on that day."""
    return f"encounter-{story.slug}-{day.isoformat()}"


def _result(story: Story, test: LabTest, day: date, years: float, value: float) -> Json:
    limits = reference_range(test, story.sex, years)
    found = _frame(story, test.code, test.display, test.short, day)
    if story.once.get(test.code) == (years, value):
        # Taken outside a visit, so there is no encounter to name.
        del found["encounter"]
    shown, comparator = round(value, test.digits), ""
    if test.floor is not None and shown < test.floor:
        shown, comparator = test.floor, "<"
    if test.ceiling is not None and shown > test.ceiling:
        shown, comparator = test.ceiling, ">"
    found["valueQuantity"] = quantity(_digits(shown, test), test.unit, test.ucum, comparator)
    found["interpretation"] = [_interpretation(shown, comparator, limits)]
    found["referenceRange"] = [_range(test, limits)]
    return found


def _digits(value: float, test: LabTest) -> float:
    return round(value) if test.digits == 0 else round(value, test.digits)


def _interpretation(value: float, comparator: str, limits: Range) -> Json:
    low, high = limits
    if not comparator and low is not None and value < low:
        return term("v3-ObservationInterpretation", "L", "Low")
    if not comparator and high is not None and value > high:
        return term("v3-ObservationInterpretation", "H", "High")
    return term("v3-ObservationInterpretation", "N", "Normal")


def _range(test: LabTest, limits: Range) -> Json:
    low, high = limits
    found: Json = {}
    if low is not None:
        found["low"] = quantity(low, test.unit, test.ucum)
    if high is not None:
        found["high"] = quantity(high, test.unit, test.ucum)
    words = (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else (f"{low:g} or more" if low is not None else f"up to {high:g}")
    )
    return found | {
        "type": term("referencerange-meaning", "normal", "Normal Range"),
        "text": f"{words} {test.unit}",
    }


def _unmeasured(story: Story, test: LabTest, day: date) -> Json:
    return _frame(story, test.code, test.display, test.short, day) | {
        "dataAbsentReason": term("data-absent-reason", "error", "Error"),
        "note": [{"text": "The specimen was hemolyzed and could not be measured."}],
    }


def _blood_group(story: Story, day: date) -> Json:
    code, display = BLOOD_GROUP
    return _frame(story, code, display, "Blood group", day) | {
        "valueCodeableConcept": {"text": story.blood_group}
    }


def _mix_up(story: Story, day: date) -> Json:
    """A value of somebody else's tube: withdrawn by the laboratory, so nobody should show it."""
    test = TESTS["2345-7"]
    found = _result(story, test, day + timedelta(days=3), story.visits[4], 612)
    del found["encounter"]
    return found | {"status": "entered-in-error"}


def _report(story: Story, panel: str, day: date, observations: list[Json]) -> Json:
    code, display = PANELS[panel]
    return {
        "resourceType": "DiagnosticReport",
        "id": f"report-{story.slug}-{panel}-{day.isoformat()}",
        "meta": profile("diagnosticreport-lab"),
        "status": "final",
        "category": [term("v2-0074", "LAB", "Laboratory")],
        "code": concept(LOINC, code, display),
        "subject": reference("Patient", story.identity, story.name),
        "encounter": reference("Encounter", encounter_id(story, day)),
        "effectiveDateTime": instant(day, 8, 20),
        "issued": instant(day, 14, 5),
        "performer": [CLINIC],
        "resultsInterpreter": [practitioner_reference(story.practitioner)],
        "result": [reference("Observation", one["id"], one["code"]["text"]) for one in observations],
    }

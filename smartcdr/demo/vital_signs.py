"""A visit's vital signs: blood pressure, height, weight, BMI, heart rate, temperature."""

from __future__ import annotations

from datetime import date

from smartcdr.demo.clinic import practitioner_reference
from smartcdr.demo.elements import LOINC, Json, concept, instant, jitter, profile, quantity, reference, term
from smartcdr.demo.observations import encounter_id
from smartcdr.demo.stories import Story


def vital_signs(story: Story, day: date, progress: float) -> list[Json]:
    """The six vital signs of one visit; `progress` runs from 0 (the oldest visit) to 1 (the newest)."""

    def measure(ends: tuple[float, float], noise: float, key: str) -> float:
        first, last = ends
        return first + (last - first) * progress + noise * jitter(f"{story.slug}/{key}/{day}")

    vitals = story.vitals
    height = round(measure(vitals.height, 0, "height"), 1)
    weight = round(measure(vitals.weight, 0.6, "weight"), 1)
    rate = round(measure((vitals.heart_rate, vitals.heart_rate), 5, "rate"))
    warmth = round(measure((36.7, 36.7), 0.3, "temperature"), 1)
    return [
        _pressure(
            story,
            day,
            round(measure(vitals.systolic, 5, "systolic")),
            round(measure(vitals.diastolic, 4, "diastolic")),
        ),
        _single(story, day, "body-height", ("8302-2", "Body height"), quantity(height, "cm", "cm")),
        _single(story, day, "body-weight", ("29463-7", "Body weight"), quantity(weight, "kg", "kg")),
        _single(
            story,
            day,
            "bmi",
            ("39156-5", "Body mass index (BMI) [Ratio]"),
            quantity(round(weight / (height / 100) ** 2, 1), "kg/m²", "kg/m2"),
        ),
        _single(story, day, "heart-rate", ("8867-4", "Heart rate"), quantity(rate, "beats/minute", "/min")),
        _single(
            story, day, "body-temperature", ("8310-5", "Body temperature"), quantity(warmth, "°C", "Cel")
        ),
    ]


def _frame(story: Story, day: date, shape: str, code: tuple[str, str]) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"vital-{story.slug}-{code[0]}-{day.isoformat()}",
        "meta": profile(shape),
        "status": "final",
        "category": [term("observation-category", "vital-signs", "Vital Signs")],
        "code": concept(LOINC, *code),
        "subject": reference("Patient", story.identity, story.name),
        "encounter": reference("Encounter", encounter_id(story, day)),
        "effectiveDateTime": instant(day, 8, 5),
        "performer": [practitioner_reference(story.practitioner)],
    }


def _single(story: Story, day: date, shape: str, code: tuple[str, str], value: Json) -> Json:
    return _frame(story, day, shape, code) | {"valueQuantity": value}


def _pressure(story: Story, day: date, systolic: int, diastolic: int) -> Json:
    panel = ("85354-9", "Blood pressure panel with all children optional")
    return _frame(story, day, "blood-pressure", panel) | {
        "component": [
            {
                "code": concept(LOINC, "8480-6", "Systolic blood pressure"),
                "valueQuantity": quantity(systolic, "mmHg", "mm[Hg]"),
            },
            {
                "code": concept(LOINC, "8462-4", "Diastolic blood pressure"),
                "valueQuantity": quantity(diastolic, "mmHg", "mm[Hg]"),
            },
        ]
    }

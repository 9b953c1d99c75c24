"""The demonstration's data as transaction Bundles that can be loaded again and again with the same result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from fhir.resources.R4B import get_fhir_model_class

from smartcdr.demo.chart import allergy, condition, encounter, immunizations, prescription
from smartcdr.demo.clinic import clinic_resources
from smartcdr.demo.elements import Json, before
from smartcdr.demo.observations import laboratory
from smartcdr.demo.people import care_team, patient, related_persons
from smartcdr.demo.roster import ROSTER
from smartcdr.demo.stories import Story
from smartcdr.demo.vital_signs import vital_signs

ANCHOR: Final = date(2026, 11, 2)
"""The demonstration's "today": a fixed day, so that every installation holds the very same data."""


def bundles(anchor: date = ANCHOR) -> Iterator[Json]:
    """One transaction Bundle for the clinic, then one for each patient, in an order that needs no look-ahead.

    Every entry is a PUT under an id of our own, so a second load finds each resource as it is. Each was
    accepted by its fhir.resources model, which otherwise raises pydantic's ValidationError (a ValueError);
    what is given out is our own dict, since the model's dump would change how numbers are written.
    """
    yield _transaction(clinic_resources())
    for number, story in enumerate(ROSTER, start=1):
        yield _transaction(patient_resources(story, number, anchor))


def patient_resources(story: Story, number: int, anchor: date) -> list[Json]:
    """Everything in one patient's chart, the Patient first; `number` is the place in the roster."""
    found = [patient(story, number, anchor), *related_persons(story)]
    found.append(care_team(story, before(anchor, story.visits[0]).isoformat()))
    found += [condition(story, problem, anchor) for problem in story.problems]
    found += [allergy(story, one, anchor) for one in story.allergies]
    found += [prescription(story, drug, anchor) for drug in story.drugs]
    last = max(len(story.visits) - 1, 1)
    for index, years in enumerate(story.visits):
        day = before(anchor, years)
        found += [encounter(story, day, index == 0), *vital_signs(story, day, index / last)]
    return [*found, *laboratory(story, anchor), *immunizations(story, anchor)]


def _transaction(resources: list[Json]) -> Json:
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ],
    }

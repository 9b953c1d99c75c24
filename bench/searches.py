"""The searches that are measured, and which resources each must find: asked of the resources themselves, one
by one, by code that knows nothing of the product's search.

Six are taken from US Core's table of what every server must or should answer, the ones that apps ask most:
results of a category since a date, and of a code; problems; visits; orders; reports.
https://hl7.org/fhir/us/core/STU6.1/CapabilityStatement-us-core-server.html
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Facts = dict[str, Any]
"""What bench/facts.py says there is to ask for."""
Values = tuple[str, ...]
YEARS = ("2016", "2020", "2023")


@dataclass(frozen=True)
class Search:
    """A search for one patient. `query` has {patient} or {identifier}, and {0}, {1} for values.

    `values` yields each set of values with which a resource of this type answers; `fewest` is how many
    matches there should be. `by_date`: newest first, by the resource's date. `is_core`: one of the six.
    """

    name: str
    type: str
    query: str
    values: Callable[[Json], Iterator[Values]]
    goal: float | None = None
    by_date: bool = False
    fewest: int = 1
    is_core: bool = False


def when(resource: Json) -> str:
    """The date that results of a search are sorted by; empty if there is none with a time."""
    text = str(resource.get("effectiveDateTime", ""))
    return text if "T" in text else ""


def _codings(concept: Json | None) -> Iterator[str]:
    return (
        f"{each['system']}|{each['code']}" for each in (concept or {}).get("coding", []) if "system" in each
    )


def _codes(resource: Json) -> Iterator[Values]:
    if when(resource):
        yield from ((coding,) for coding in _codings(resource.get("code")))


def _categories(resource: Json) -> Iterator[Values]:
    for concept in resource.get("category", []):
        yield from ((coding,) for coding in _codings(concept))


def _categories_since(resource: Json) -> Iterator[Values]:
    date = when(resource)
    for (coding,) in _categories(resource) if date else ():
        yield from ((coding, year) for year in YEARS if _year(date) >= year)


def _clinical_status(resource: Json) -> Iterator[Values]:
    return ((each.partition("|")[2],) for each in _codings(resource.get("clinicalStatus")))


def _visited_since(resource: Json) -> Iterator[Values]:
    end = resource.get("period", {}).get("end", "")
    return ((year,) for year in YEARS if "T" in end and _year(end) >= year)


def _intent_and_status(resource: Json) -> Iterator[Values]:
    yield resource["intent"], resource["status"]


def _year(date: str) -> str:
    return str(dt.datetime.fromisoformat(date).astimezone(dt.UTC).year)


SEARCHES = (
    Search(
        "Observation by category+date",
        "Observation",
        "patient={patient}&category={0}&date=ge{1}&_sort=-date",
        _categories_since,
        by_date=True,
        is_core=True,
    ),
    Search(
        "Observation by code",
        "Observation",
        "patient={patient}&code={0}",
        _codes,
        goal=0.6,
        fewest=20,
        is_core=True,
    ),
    Search(
        "Condition by clinical-status",
        "Condition",
        "patient={patient}&clinical-status={0}",
        _clinical_status,
        is_core=True,
    ),
    Search("Encounter by date", "Encounter", "patient={patient}&date=ge{0}", _visited_since, is_core=True),
    Search(
        "MedicationRequest by status",
        "MedicationRequest",
        "patient={patient}&intent={0}&status={1}",
        _intent_and_status,
        is_core=True,
    ),
    Search(
        "DiagnosticReport by category",
        "DiagnosticReport",
        "patient={patient}&category={0}",
        _categories,
        is_core=True,
    ),
    Search(
        "Observation by code, sorted",
        "Observation",
        "patient={patient}&code={0}&_sort=-date",
        _codes,
        goal=0.5,
        by_date=True,
        fewest=20,
    ),
    Search("Observation, chained", "Observation", "patient.identifier={identifier}&code={0}", _codes),
)
"""Of one patient; by what the resource says, newest first where it says so."""
EVERYBODY = "Observation?code={0}&_sort=-date"
"""A further one: the newest results of a code, whoever's they are."""

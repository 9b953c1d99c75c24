"""What the invented people look like on paper: the types of the roster in `roster.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from smartcdr.demo.elements import jitter

Course = tuple[tuple[float, float], ...]
"""A value's course: (years before the anchor date, value), oldest first; straight lines between them."""


@dataclass(frozen=True)
class Problem:
    """A condition by its SNOMED CT code: years since it began and, if it is over, since it was resolved."""

    code: str
    display: str
    since: float
    resolved: float | None = None


@dataclass(frozen=True)
class Drug:
    """A prescription by its RxNorm ingredient; `until` (years before the anchor) says when it was stopped."""

    code: str
    display: str
    dose: str
    since: float
    until: float | None = None


@dataclass(frozen=True)
class Allergy:
    """An allergy by its SNOMED CT code, and what happened."""

    code: str
    display: str
    reaction_code: str
    reaction: str
    criticality: Literal["low", "high"] = "low"


@dataclass(frozen=True)
class Vitals:
    """Body measures at the oldest and the newest visit (between them: a straight line)."""

    height: tuple[float, float]
    weight: tuple[float, float]
    systolic: tuple[float, float] = (118, 120)
    diastolic: tuple[float, float] = (74, 76)
    heart_rate: float = 70


@dataclass(frozen=True)
class Story:
    """One invented patient: who it is, how often it visits the clinic, and what was found."""

    slug: str
    given: str
    family: str
    sex: Literal["female", "male"]
    age: int
    birthday: tuple[int, int]
    vitals: Vitals
    visits: tuple[float, ...]
    practitioner: str = "practitioner-mei-chen"
    labs: dict[str, Course] = field(default_factory=dict)
    once: dict[str, tuple[float, float]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    drugs: tuple[Drug, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    blood_group: str = ""
    language: tuple[str, str] = ("en", "English")

    @property
    def identity(self) -> str:
        """The id of this person's Patient resource."""
        return f"patient-{self.slug}"

    @property
    def name(self) -> str:
        """Given and family name, as people say it."""
        return f"{self.given} {self.family}"

    def birth_date(self, anchor: date) -> date:
        """The day of birth that gives this person the stated age on the anchor date."""
        month, day = self.birthday
        had_birthday = (anchor.month, anchor.day) >= (month, day)
        return date(anchor.year - self.age - (0 if had_birthday else 1), month, day)


def every(months: float, years: float, newest: float = 0.1) -> tuple[float, ...]:
    """Visits at a steady pace, a few days early or late: years before the anchor, oldest first."""
    step = months / 12
    count = int((years - newest) / step) + 1
    return tuple(
        round(newest + step * index + 0.04 * jitter(f"{months}/{years}/{index}"), 3)
        for index in reversed(range(count))
    )

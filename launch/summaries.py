"""Patients, encounters and other resources in the few words that a list or a banner needs. Pure: JSON in,
words out.

Data may come from anywhere, so no element is taken for granted: what is not as R4 has it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

NAME_USES = ("official", "usual", "temp", "nickname", "anonymous", "maiden", "old")
"""Which of several names is shown, best first; a name without `use` counts as usual.

https://hl7.org/fhir/R4/valueset-name-use.html
"""


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """What tells one patient from another. Empty strings where the record says nothing.

    `until` is when the right to act for them ends, of the person to whom they are shown; None if never.
    """

    id: str
    name: str
    birth_date: str = ""
    gender: str = ""
    deceased: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EncounterSummary:
    """An encounter, and the words for it in a list."""

    id: str
    label: str


def summarize_patient(resource: dict[str, Any]) -> PatientSummary:
    """The summary of a Patient resource."""
    return PatientSummary(
        id=_text(resource.get("id")),
        name=_name(_items(resource.get("name"))) or "Name not known",
        birth_date=_text(resource.get("birthDate")),
        gender=_text(resource.get("gender")),
        deceased=resource.get("deceasedBoolean") is True or bool(_text(resource.get("deceasedDateTime"))),
    )


def summarize_encounter(resource: dict[str, Any]) -> EncounterSummary:
    """The summary of an Encounter resource: its day, kind and status, as far as they are known."""
    period = resource.get("period")
    day = _text(period.get("start"))[:10] if isinstance(period, dict) else ""
    kinds = [_concept(kind) for kind in _items(resource.get("type"))]
    kind = next((words for words in kinds if words), "") or _coding(resource.get("class"))
    words = [day or "Date not known", kind, _text(resource.get("status"))]
    return EncounterSummary(_text(resource.get("id")), " · ".join(word for word in words if word))


TITLES = (
    "code",
    "medicationCodeableConcept",
    "vaccineCode",
    "type",
    "serviceType",
    "specialty",
    "title",
    "name",
    "description",
    "category",
    "class",
)
"""Elements that say what a resource is about, the most telling first."""
DATES = (
    "effectiveDateTime",
    "effectivePeriod",
    "occurrenceDateTime",
    "performedDateTime",
    "performedPeriod",
    "onsetDateTime",
    "authoredOn",
    "period",
    "started",
    "date",
    "recordedDate",
    "issued",
    "created",
)
"""Elements that say of when it is."""
LONGEST_TITLE = 100


def summarize_resource(resource: dict[str, Any]) -> str:
    """What any resource is about, and its day, as far as it says so: "Potassium, 2026-05-03", or ""."""
    words = next((found for name in TITLES if (found := _title(resource.get(name)))), "")
    day = next((found[:10] for name in DATES if (found := _start(resource.get(name)))), "")
    if len(words) > LONGEST_TITLE:
        words = f"{words[:LONGEST_TITLE].rstrip()} …"
    return ", ".join(part for part in (words, day) if part)


def _title(value: Any) -> str:
    """A text, a HumanName, a CodeableConcept or a Coding in words; of several the first."""
    if isinstance(value, list):
        return _name(_items(value)) or next(filter(None, map(_title, value)), "")
    if isinstance(value, dict):
        return _concept(value) or _coding(value)
    return _text(value)


def _start(value: Any) -> str:
    return _text(value.get("start")) if isinstance(value, dict) else _text(value)


def _name(names: list[dict[str, Any]]) -> str:
    """The best name: its parts where there are any, else its text."""

    def rank(name: dict[str, Any]) -> int:
        use = _text(name.get("use")) or "usual"
        return NAME_USES.index(use) if use in NAME_USES else len(NAME_USES)

    for name in sorted(names, key=rank):
        parts = [
            *_texts(name.get("prefix")),
            *_texts(name.get("given")),
            _text(name.get("family")),
            *_texts(name.get("suffix")),
        ]
        if words := " ".join(part for part in parts if part) or _text(name.get("text")):
            return words
    return ""


def _concept(value: dict[str, Any]) -> str:
    text = _text(value.get("text"))
    return text or next((words for words in map(_coding, _items(value.get("coding"))) if words), "")


def _coding(value: Any) -> str:
    return (_text(value.get("display")) or _text(value.get("code"))) if isinstance(value, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

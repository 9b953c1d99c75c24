"""The patients whom a person may open an app for, found in the repository under that person's own rights."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from accounts.models import Proxy, User
from fhir import jsontext, store
from fhir.access import Access, Rule
from fhir.incoming import is_id
from fhir.search import engine
from fhir.search.query import parse
from launch.rights import rights_of
from launch.summaries import EncounterSummary, PatientSummary, summarize_encounter, summarize_patient

PAGE = 20
"""Patients on a page, and encounters offered."""
DATE = re.compile(r"(?!0000)\d{4}(-\d{2}){0,2}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Some patients, and the word with which the next page is asked for; empty on the last."""

    patients: list[PatientSummary]
    next_page: str


def viewing_access(user: User) -> Access:
    """What the portal itself may look at for this person: Patient and Encounter, within their rights."""
    rule = Rule(frozenset({"Patient", "Encounter"}), frozenset("rs"), rights_of(user).patients)
    return Access(rules=(rule,), subject=str(user.uid))


def patient_summary(user: User, patient: str) -> PatientSummary | None:
    """This patient, or None: not there, deleted, or out of this person's reach."""
    resource = _read(user, "Patient", patient)
    return summarize_patient(resource) if resource else None


def reachable_patients(user: User) -> list[PatientSummary]:
    """The few patients that a patient or a RelatedPerson reaches, by name, and until when.

    Not for clinicians, who search.
    """
    ids = rights_of(user).patients or frozenset()
    ends = dict(Proxy.objects.in_force().filter(user=user).values_list("patient", "ends"))
    found = [
        replace(one, until=ends.get(one.id)) for patient in ids if (one := patient_summary(user, patient))
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def find_patients(user: User, words: str, page: str) -> PatientPage:
    """Patients whom this person may see, by family name; `page` is what the page before gave as `next_page`.

    Each of the `words` must begin a part of the name, or be the (beginning of the) date of birth; a single
    word with a digit in it is looked up as an id and as an identifier instead. Raises fhir.outcome.BadRequest
    for a `page` that was never ours.
    """
    parts = words.split()
    if len(parts) == 1 and _is_identifier(parts[0]):
        return PatientPage(_identified(user, parts[0]), "")
    asked = [("birthdate" if _is_date(part) else "name", _escaped(part)) for part in parts]
    found, following = _search(user, "Patient", [*asked, ("_sort", "family")], page)
    return PatientPage([summarize_patient(resource) for resource in found], following)


def encounters_of(user: User, patient: str) -> list[EncounterSummary]:
    """The patient's latest encounters, newest first; none if the patient is out of this person's reach."""
    if not rights_of(user).reaches(patient):
        return []
    found, _ = _search(user, "Encounter", [("patient", f"Patient/{patient}"), ("_sort", "-date")])
    return [summarize_encounter(resource) for resource in found]


def has_encounter(user: User, patient: str, encounter: str) -> bool:
    """Whether this encounter is this patient's, and within this person's reach."""
    if not rights_of(user).reaches(patient) or not is_id(encounter):
        return False
    rule = Rule(frozenset({"Encounter"}), frozenset("r"), frozenset({patient}))
    version = store.read(Access(rules=(rule,), subject=str(user.uid)), "Encounter", encounter)
    return version is not None and not version.deleted


def may_launch_with(user: User, patient: str, reference: str) -> bool:
    """Whether this person may read the resource of a relative reference, and it is this patient's or of no
    patient. With "" for the patient: whether the person may read it.
    """
    resource_type, fhir_id = reference.split("/")[:2]
    patients = frozenset({patient}) if patient else rights_of(user).patients
    if patient and not rights_of(user).reaches(patient):
        return False
    rule = Rule(frozenset({resource_type}), frozenset("r"), patients)
    version = store.read(Access(rules=(rule,), subject=str(user.uid)), resource_type, fhir_id)
    return version is not None and not version.deleted


def _is_identifier(word: str) -> bool:
    return any(letter.isdigit() for letter in word) and not _is_date(word)


def _is_date(word: str) -> bool:
    """Whether the word is a year, a month or a day that the calendar has."""
    if not DATE.match(word):
        return False
    try:
        date.fromisoformat(word + "-01-01"[len(word) - 4 :])
    except ValueError:
        return False
    return True


def _identified(user: User, word: str) -> list[PatientSummary]:
    found, _ = _search(user, "Patient", [("identifier", _escaped(word))])
    by_id = patient_summary(user, word)
    others = (summarize_patient(resource) for resource in found)
    return ([by_id] if by_id else []) + [one for one in others if by_id is None or one.id != by_id.id]


def _escaped(word: str) -> str:
    """The word as one search value: https://hl7.org/fhir/R4/search.html#escaping"""
    return re.sub(r"([\\,$|])", r"\\\1", word)


def _search(
    user: User, resource_type: str, asked: list[tuple[str, str]], page: str = ""
) -> tuple[list[dict[str, Any]], str]:
    query = parse(resource_type, urlencode([*asked, ("_cursor", page)] if page else asked), strict=False)
    found = engine.page(viewing_access(user), query, PAGE, counted=False)
    return [jsontext.parse(hit.text.encode()) for hit in found.hits], found.cursor


def _read(user: User, resource_type: str, fhir_id: str) -> dict[str, Any] | None:
    version = store.read(viewing_access(user), resource_type, fhir_id) if is_id(fhir_id) else None
    if version is None or version.deleted:
        return None
    resource: dict[str, Any] = jsontext.parse(version.text.encode())
    return resource

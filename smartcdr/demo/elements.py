"""Small builders for the FHIR data types that the demonstration's resources share.

Each returns a plain dict that is ready for JSON: we keep our own dicts, so that numbers keep their digits.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

Json = dict[str, Any]

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
UCUM: Final = "http://unitsofmeasure.org"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
US_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
IDENTIFIERS: Final = "https://meadowbrook.example/identifiers/"

_CLINIC_TIME: Final = timezone(timedelta(hours=-5))


def profile(name: str) -> Json:
    """A resource's `meta` that claims the US Core profile `us-core-<name>`."""
    return {"profile": [US_CORE + name]}


def coding(system: str, code: str, display: str) -> Json:
    """One Coding."""
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str) -> Json:
    """A CodeableConcept with one coding, whose display is its text too."""
    return {"coding": [coding(system, code, display)], "text": display}


def term(system: str, code: str, display: str) -> Json:
    """A CodeableConcept from one of HL7's own code systems, named by the last part of its URL."""
    return concept(TERMINOLOGY + system, code, display)


def reference(kind: str, identity: str, display: str = "") -> Json:
    """A relative literal Reference to `kind/identity`, with a display text when there is one."""
    found = {"reference": f"{kind}/{identity}"}
    return found | {"display": display} if display else found


def quantity(value: float, unit: str, code: str, comparator: str = "") -> Json:
    """A Quantity in UCUM; `unit` is for people and `code` for machines."""
    found: Json = {"value": value, "unit": unit, "system": UCUM, "code": code}
    return found | {"comparator": comparator} if comparator else found


def instant(day: date, hour: int, minute: int = 0) -> str:
    """That moment at the clinic (UTC-5 all year), as FHIR writes a dateTime."""
    return datetime.combine(day, time(hour, minute), _CLINIC_TIME).isoformat()


def before(anchor: date, years: float) -> date:
    """The day that lies so many years (of 365.25 days) before the anchor."""
    return anchor - timedelta(days=round(years * 365.25))


def jitter(key: str) -> float:
    """A number from -1 to 1 that depends on the key alone: noise that is the same in every run."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 47) - 1

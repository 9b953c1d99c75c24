"""What tests of the ledger share: apps with an Access as tokens give it, and the events that they leave."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from audit.models import Event
from audit.recording import waiting
from fhir.access import Access, Rule
from tests.fhir.callers import Caller

ALL = frozenset("cruds")


def app(client: str, *rules: Rule, context: str = "", person: str = "ann", is_first: bool = False) -> Caller:
    """An app in use by a person; without rules it may do everything, in a context what is the patient's."""
    default = Rule(None, ALL, frozenset({context}) if context else None)
    access = Access(
        rules or (default,),
        subject=person,
        client=client,
        patient=context,
        origin="192.0.2.1",
        attempt="ATTEMPT2",
    )
    return Caller(replace(access, is_first=is_first))


def events(**wanted: Any) -> list[Event]:
    """The events in their order, those that wait included; without what the operator loaded."""
    waiting.write()
    return list(Event.objects.exclude(kind="load").filter(**wanted).order_by("id"))


def told(event: Event) -> tuple[str, str, int]:
    """Kind, outcome and status."""
    return event.kind, event.outcome, event.status


def detail(event: Event) -> dict[str, Any]:
    """The event's details."""
    found: dict[str, Any] = json.loads(event.detail or "{}")
    return found


def put(api: Caller, resource: dict[str, Any]) -> None:
    """Store a resource under its id."""
    address = f"{resource['resourceType']}/{resource['id']}"
    assert api.send("PUT", address, resource).status_code in (200, 201)


def observation(fhir_id: str, patient: str, **more: Any) -> dict[str, Any]:
    """A laboratory result of this patient, measured by the practitioner d1."""
    return {
        "resourceType": "Observation",
        "id": fhir_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": "Practitioner/d1"}],
        **more,
    }


def fill(api: Caller) -> None:
    """Two patients with a result each, and a practitioner."""
    put(api, {"resourceType": "Practitioner", "id": "d1"})
    for number in ("1", "2"):
        put(api, {"resourceType": "Patient", "id": f"p{number}"})
        put(api, observation(f"o{number}", f"p{number}"))

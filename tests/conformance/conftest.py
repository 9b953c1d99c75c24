"""A small clinic, and an app that reads in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.launch.conftest import encounter, patient, put

CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture
def clinic(db: None) -> None:
    """Amy with an encounter, a laboratory value, a vital sign and a condition; Ben with a value."""
    put(patient("amy", "Shaw", "Amy"))
    put(patient("ben", "Stone", "Ben"))
    put(encounter("amy-1", "amy", "2024-01-05"))
    put(observation("amy-sugar", "amy", "laboratory"))
    put(observation("amy-pulse", "amy", "vital-signs"))
    put(observation("ben-sugar", "ben", "laboratory"))
    put({"resourceType": "Condition", "id": "amy-flu", "subject": {"reference": "Patient/amy"}})


def observation(fhir_id: str, of: str, category: str) -> dict[str, Any]:
    """An Observation of a patient."""
    return {
        "resourceType": "Observation",
        "id": fhir_id,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORIES, "code": category}]}],
        "code": {"text": "Something measured"},
        "subject": {"reference": f"Patient/{of}"},
    }


def ask(tokens: dict[str, Any], path: str, method: str = "GET") -> Any:
    """The FHIR API's answer to a token response's access token."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return Client().generic(method, f"/fhir/{path}", headers=headers)


def found(tokens: dict[str, Any], path: str) -> set[str]:
    """The ids that a search with a token response's access token finds."""
    answer = ask(tokens, path)
    assert answer.status_code == 200, answer.content
    return {entry["resource"]["id"] for entry in answer.json().get("entry", [])}

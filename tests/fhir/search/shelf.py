"""A database with resources that a test puts there, and searches in it without HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fhir import store
from fhir.access import EVERYTHING, Access, Rule
from fhir.exchange import Request
from fhir.interactions.search import search, search_system


def put(*resources: dict[str, Any]) -> None:
    """Store resources under the ids they have, those that are there already as new versions."""

    def write() -> None:
        places = [(resource["resourceType"], resource["id"]) for resource in resources]
        current = store.lock(EVERYTHING, places)
        changes = [
            store.draft(*place, "PUT", dict(resource), current.get(place))
            for place, resource in zip(places, resources, strict=True)
        ]
        store.apply(EVERYTHING, changes)

    store.in_transaction(write)


def remove(resource_type: str, fhir_id: str) -> None:
    """Delete a resource."""
    place = (resource_type, fhir_id)

    def write() -> None:
        current = store.lock(EVERYTHING, [place])[place]
        store.apply(EVERYTHING, [store.draft(*place, "DELETE", None, current)])

    store.in_transaction(write)


def bundle(url: str, access: Access = EVERYTHING, **prefer: str) -> dict[str, Any]:
    """The searchset that answers "Type?query", or a link of another one."""
    parts = urlsplit(url)
    request = Request(access, type=parts.path.rpartition("/")[2], query=parts.query, prefer=prefer)
    answer = search(request)
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.text)
    assert found["resourceType"] == "Bundle"
    assert found["type"] == "searchset"
    return found


def bundle_at_base(url: str, access: Access = EVERYTHING, **prefer: str) -> dict[str, Any]:
    """The searchset that answers "?query" at the FHIR base, or a link of another one."""
    answer = search_system(Request(access, query=urlsplit(url).query, prefer=prefer))
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found


def entries(found: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    """The resources of a searchset that are there as match, include or outcome."""
    return [entry["resource"] for entry in found.get("entry", ()) if entry["search"]["mode"] == mode]


def ids(url: str, access: Access = EVERYTHING) -> list[str]:
    """The ids that match "Type?query", in the order of the answer, which must be whole."""
    found = bundle(url, access)
    assert link(found, "next") is None
    return [resource["id"] for resource in entries(found, "match")]


def matches(url: str, access: Access = EVERYTHING) -> set[str]:
    """The ids that match, whatever their order; and the number of them is what a count says."""
    found = ids(url, access)
    assert len(set(found)) == len(found)
    sign = "&" if "?" in url else "?"
    assert bundle(f"{url}{sign}_count=0", access)["total"] == len(found)
    return set(found)


def link(found: dict[str, Any], relation: str) -> str | None:
    """The link of this relation, if there is one."""
    return next((each["url"] for each in found["link"] if each["relation"] == relation), None)


def walk(url: str, access: Access = EVERYTHING) -> Iterable[list[str]]:
    """The ids of each page, one page after the other."""
    following: str | None = url
    while following is not None:
        found = bundle(following, access)
        yield [resource["id"] for resource in entries(found, "match")]
        following = link(found, "next")


def of_patients(*patients: str, letters: str = "rs", types: frozenset[str] | None = None) -> Access:
    """An Access to the compartments of these patients."""
    return Access((Rule(types, frozenset(letters), frozenset(patients)),))


def patient(fhir_id: str, **more: Any) -> dict[str, Any]:
    """A Patient."""
    return {"resourceType": "Patient", "id": fhir_id, **more}


def coded(*pairs: tuple[str, str]) -> dict[str, Any]:
    """A CodeableConcept of (system, code) pairs; an empty system is left out."""
    return {
        "coding": [{"system": system, "code": code} if system else {"code": code} for system, code in pairs]
    }


def lab(
    fhir_id: str, patient_id: str = "p1", code: str | dict[str, Any] = "4548-4", **more: Any
) -> dict[str, Any]:
    """A laboratory result of a patient, its code one of LOINC or as given; None removes an element."""
    resource = {
        "resourceType": "Observation",
        "id": fhir_id,
        "status": "final",
        "category": [{"coding": [{"system": "http://example.org/category", "code": "laboratory"}]}],
        "code": coded(("http://loinc.org", code)) if isinstance(code, str) else code,
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2020-01-01T10:00:00Z",
        **more,
    }
    return {name: value for name, value in resource.items() if value is not None}

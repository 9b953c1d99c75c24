"""A random mix of requests over published records, counted twice: by the answers, and by the ledger."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from fhir.access import Rule
from fhir.indexing import owners
from fhir.models import Resource
from tests.fhir.callers import Caller
from tests.fhir.ledger import ALL, app, events
from tests.fhir.published import folder

pytestmark = [pytest.mark.corpus, pytest.mark.django_db]
REQUESTS = 400
_QUERIES = (
    "Observation?patient={patient}&_count=5",
    "Observation?patient={patient}&_include=*&_count=5",
    "Patient?_id={patient}&_revinclude=Condition:subject&_count=5",
    "Encounter?subject=Patient/{patient}&_include=Encounter:participant&_count=3",
    "Observation?patient={patient}&code=none",
    "Condition?_count=20",
    "Practitioner?_count=3",
    "?_type=Condition,Procedure&_count=7",
    "Patient/{patient}/$everything?_count=20",
    "{address}",
    "{address}/_history",
    "{address}/_history/1",
    "{address}/_history/9",
    "Observation/unknown",
    "Provenance?_count=2",
)


def resources(answer: Any) -> Iterator[dict[str, Any]]:
    """The resources in an answer."""
    if answer.get("resourceType") == "Bundle":
        for entry in answer.get("entry", ()):
            yield from resources(entry.get("resource") or {})
    elif answer.get("resourceType") not in (None, "OperationOutcome"):
        yield answer


def concerned(answer: Any, otherwise: str) -> set[str]:
    """The patients of the resources in an answer; `otherwise` where it has none of anybody's."""
    found = [owners(each["resourceType"], each) for each in resources(answer)]
    return set[str]().union(*found) or {otherwise}


def test_any_mix_of_requests_is_counted_to_the_last_one() -> None:
    files = sorted((folder() / "synthea" / "v2.7-uscore").iterdir(), key=lambda each: each.stat().st_size)
    first = [each for each in files if each.name.startswith("0-")]
    call_command("load_fhir", *map(str, [*first, *files[:4]]), "--keep-ids", stdout=StringIO())
    patients = list(Resource.objects.filter(type="Patient").values_list("fhir_id", flat=True))
    addresses = [str(each) for each in Resource.objects.exclude(type="Provenance").order_by("id")]
    draw = random.Random(20)
    apps = {
        "diary": (app("diary", context=patients[0]), patients[0]),
        "results": (app("results", Rule(None, ALL, None), context=""), ""),
        "ward": (app("ward", Rule(frozenset({"Observation", "Patient"}), ALL, None)), ""),
    }
    wanted: Counter[tuple[str, str]] = Counter()
    for _ in range(REQUESTS):
        name = draw.choice(list(apps))
        caller, context = apps[name]
        paths = [_path(draw, patients, addresses) for _ in range(draw.choice((1, 1, 1, 4)))]
        for patient in _asked(caller, draw, paths, context):
            wanted[name, patient] += 1
    assert sum(wanted.values()) > REQUESTS
    assert Counter((event.client, event.patient) for event in events() if event.patient) == Counter(
        {key: number for key, number in wanted.items() if key[1]}
    )


def _path(draw: random.Random, patients: list[str], addresses: list[str]) -> str:
    return draw.choice(_QUERIES).format(patient=draw.choice(patients), address=draw.choice(addresses))


def _asked(caller: Caller, draw: random.Random, paths: list[str], context: str) -> Iterator[str]:
    """Ask, alone or in a batch; the patients that each answer should be an entry of."""
    if len(paths) == 1:
        answer = caller.get(paths[0])
        yield from _patients_of(paths[0], answer.json(), context)
        return
    paths = [path for path in paths if "$" not in path]
    entries = [{"request": {"method": "GET", "url": path}} for path in paths]
    kind = draw.choice(("batch", "transaction"))
    answer = caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})
    if answer.status_code != 200:
        yield context
        return
    for path, entry in zip(paths, answer.json().get("entry", ()), strict=True):
        yield from _patients_of(path, entry.get("resource") or {}, context)


def _patients_of(path: str, answer: Any, context: str) -> set[str]:
    return concerned(answer, context or _named(path))


def _named(path: str) -> str:
    """The patient that a request is about which is refused, or finds nothing."""
    for mark in ("patient=", "_id=", "Patient/"):
        if mark in path:
            named = path.partition(mark)[2]
            return named.partition("&")[0].partition("/")[0].partition("?")[0]
    if path.count("/") and "unknown" not in path:
        kind, fhir_id = path.split("/")[:2]
        found = Resource.objects.get(type=kind, fhir_id=fhir_id)
        row = Resource.objects.filter(key=found.patient, type="Patient").first()
        return str(row.fhir_id) if row else ""
    return ""

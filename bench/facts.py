"""What there is to ask for, read from the tables directly, and what the answers must be."""

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bench.searches import EVERYBODY, SEARCHES, Facts, Json, Search, when
from fhir.hashing import reference_key
from fhir.models import Compartment, Resource

ADDRESSES, PATIENTS, MOST_FOUND = 4000, 200, 900


def facts() -> Facts:
    """JSON: how many resources there are, addresses to read, a Practitioner's address, searches by name,
    whole records, and the patients for whom new resources may be made.

    Patients are asked about or written to, never both, so that what is expected stays true.
    """
    draw = random.Random(4)
    numbers = list(Resource.objects.filter(deleted=False).order_by("id").values_list("id", flat=True))
    sample = draw.sample(numbers, min(ADDRESSES, len(numbers)))
    patients = _addresses(Resource.objects.filter(type="Patient", deleted=False).order_by("id"))
    draw.shuffle(patients)
    asked = patients[: min(PATIENTS, (len(patients) + 1) // 2)]
    searches: dict[str, list[Json]] = defaultdict(list)
    records = []
    for address in asked:
        resources = list(_compartment(address))
        records.append({"patient": address.partition("/")[2], "size": len(resources)})
        for search in SEARCHES:
            searches[search.name] += _searches(search, address, resources)
        searches[EVERYBODY] += _of_everybody(draw, resources)
    for search in SEARCHES:
        enough = [each for each in searches[search.name] if len(each["found"]) >= search.fewest]
        searches[search.name] = enough or searches[search.name]
    practitioner = Resource.objects.filter(type="Practitioner", deleted=False).earliest("id")
    return {
        "count": len(numbers),
        "addresses": _addresses(Resource.objects.filter(id__in=sample)),
        "practitioner": f"Practitioner/{practitioner.fhir_id}",
        "searches": searches,
        "records": records,
        "written": patients[len(asked) :][:PATIENTS] or asked,
    }


def _addresses(resources: Any) -> list[str]:
    return [f"{kind}/{fhir_id}" for kind, fhir_id in resources.values_list("type", "fhir_id")]


def _compartment(address: str) -> Iterator[Json]:
    """All resources of a patient, parsed."""
    own = Compartment.objects.filter(patient=reference_key(*address.split("/")))
    numbers = list(own.values_list("resource_id", flat=True))
    for text in Resource.objects.filter(id__in=numbers, deleted=False).values_list("text", flat=True):
        yield json.loads(text)


def _searches(search: Search, address: str, resources: list[Json]) -> Iterator[Json]:
    """One for each set of values that any of the resources answers to."""
    groups: dict[tuple[str, ...], list[Json]] = defaultdict(list)
    for resource in resources:
        if resource["resourceType"] == search.type and _names(resource, address):
            for values in dict.fromkeys(search.values(resource)):
                groups[values].append(resource)
    identifier = _identifier(resources)
    for values, found in groups.items():
        if len(found) > MOST_FOUND:
            continue
        quoted = (quote(value, safe="") for value in values)
        query = search.query.format(
            *quoted, patient=quote(address, safe=""), identifier=quote(identifier, safe="")
        )
        dates = sorted((when(each) for each in found), key=_instant, reverse=True) if search.by_date else None
        yield {
            "path": f"/fhir/{search.type}?{query}",
            "patient": address.partition("/")[2],
            "identifier": identifier,
            "found": [each["id"] for each in found],
            "dates": dates,
        }


def _names(resource: Json, address: str) -> bool:
    """A compartment also holds what others have said or done about it; searches ask for the subject."""
    return bool(resource.get("subject", {}).get("reference") == address)


def _identifier(resources: list[Json]) -> str:
    [patient] = [each for each in resources if each["resourceType"] == "Patient"]
    last = patient["identifier"][-1]
    return f"{last['system']}|{last['value']}"


def _of_everybody(draw: random.Random, resources: list[Json]) -> Iterator[Json]:
    """Codes as common as they are."""
    observations = [each for each in resources if each["resourceType"] == "Observation" and when(each)]
    for resource in draw.sample(observations, min(10, len(observations))):
        for coding in resource["code"].get("coding", [])[:1]:
            query = EVERYBODY.format(quote(f"{coding['system']}|{coding['code']}", safe=""))
            yield {"path": f"/fhir/{query}", "code": coding["code"]}


def _instant(date: str) -> dt.datetime:
    return dt.datetime.fromisoformat(date)

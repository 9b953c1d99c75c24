"""All published Synthea records: 39 Bundles, 19,563 resources, 15,441 conditional references."""

import json
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from fhir.models import Resource, ResourceVersion
from tests.fhir.published import folder

pytestmark = [pytest.mark.corpus, pytest.mark.django_db]
TOTAL, CONDITIONAL = 19_563, 583


def _load(*words: str) -> Counter[str]:
    """Load these files, or all: outcome → how many. Refusals would end with CommandError."""
    out = StringIO()
    call_command("load_fhir", *(words or [str(_records())]), stdout=out)
    head, *lines = out.getvalue().splitlines()
    sums = next(line.split()[1:] for line in lines if line.startswith("all "))
    return Counter(
        {name: int(number.replace(",", "")) for name, number in zip(head.split(), sums, strict=True)}
    )


def test_all_records_are_loaded_and_again_as_post_demands() -> None:
    assert _load()["created"] == TOTAL
    texts = "\n".join(Resource.objects.filter(type__in=["Encounter", "Claim"]).values_list("text", flat=True))
    assert "urn:uuid:" not in texts
    assert "?identifier=" not in texts
    targets = [len(json.loads(text)["target"]) for text in _texts("Provenance")]
    assert max(targets) == 2278
    again = _load()
    assert (again["unchanged"], again["created"]) == (CONDITIONAL, TOTAL - CONDITIONAL)
    assert Resource.objects.count() == 2 * TOTAL - CONDITIONAL


def test_records_with_their_ids_are_the_same_after_a_second_load() -> None:
    """Of every fourth person, and of all whom they refer to."""
    files = sorted(_records().iterdir())
    people = [file for file in files if "Information" not in file.name]
    chosen = [str(file) for file in files if file not in people or file in people[::4]]
    created = _load(*chosen, "--keep-ids")["created"]
    again = _load(*chosen, "--keep-ids")
    assert (again["unchanged"], again["created"], again["updated"]) == (created, 0, 0)
    assert Resource.objects.count() == created > TOTAL / 5
    assert not ResourceVersion.objects.exists()


def _records() -> Path:
    return folder() / "synthea" / "v2.7-uscore"


def _texts(resource_type: str) -> list[str]:
    return list(Resource.objects.filter(type=resource_type).values_list("text", flat=True))

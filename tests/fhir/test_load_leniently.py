"""manage.py load_fhir --lenient: what breaks a rule and has its shape is loaded with a warning."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fhir.models import Resource
from fhir.validation import MAX_ISSUES
from fhir.validation.sample import MOST_VALUES
from tests.fhir.published import zipped

pytestmark = pytest.mark.django_db

TOLERABLE: dict[str, dict[str, Any]] = {
    "Observation.status": {"resourceType": "Observation", "id": "a", "code": {"text": "x"}},
    "Patient.gender": {"resourceType": "Patient", "id": "b", "gender": "x"},
    "Encounter.subject.reference": {
        "resourceType": "Encounter",
        "id": "c",
        "status": "planned",
        "class": {"code": "AMB"},
        "subject": {"reference": "Device/1"},
    },
    "CodeSystem.content": {
        "resourceType": "CodeSystem",
        "id": "d",
        "status": "draft",
        "content": "complete",
        "supplements": "http://loinc.org",
    },
}
GRAVE: list[dict[str, Any]] = [
    {"resourceType": "Nothing"},
    {"resourceType": "Patient", "nothing": 1},
    {"resourceType": "Patient", "birthDate": "then"},
    {"resourceType": "Patient", "name": []},
    {"resourceType": "Patient", "gender": "x", "active": "true"},
    {"resourceType": "Patient", "managingOrganization": {"reference": "nowhere"}},
    {"resourceType": "Patient", "contained": [{"id": "x"}]},
    {"resourceType": "Patient", "name": [{"use": "x"}] * MAX_ISSUES, "birthDate": "then"},
    {"resourceType": "Patient", "gender": "x", "name": [*[{"text": "A"}] * MOST_VALUES, {"nothing": 1}]},
]


def _load(folder: Path, *options: str) -> str:
    return _both(folder, *options)[1]


def _both(folder: Path, *options: str) -> tuple[str, str]:
    """The summary, and what is complained about."""
    out, err = StringIO(), StringIO()
    try:
        call_command("load_fhir", folder, *options, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def test_the_summary_counts_what_is_loaded_with_a_warning(tmp_path: Path) -> None:
    for resource in TOLERABLE.values():
        (tmp_path / f"{resource['id']}.json").write_text(json.dumps(resource))
    summary, told = _both(tmp_path, "--lenient")
    assert "4 accepted with a warning" in summary
    assert told.count("accepted with a warning") == 4
    assert "accepted with a warning" not in _both(tmp_path)[0]


@pytest.mark.parametrize("element", TOLERABLE)
def test_what_breaks_a_rule_and_has_its_shape_is_loaded_with_a_warning(element: str, tmp_path: Path) -> None:
    resource = TOLERABLE[element]
    (tmp_path / "one.json").write_text(json.dumps(resource))
    assert "refused: one.json" in _load(tmp_path)
    assert not Resource.objects.exists()
    told = _load(tmp_path, "--lenient")
    assert told.startswith("accepted with a warning: one.json")
    assert f"{element}:" in told
    assert Resource.objects.get().fhir_id == resource["id"]


@pytest.mark.parametrize("resource", GRAVE, ids=range(len(GRAVE)))
def test_what_has_no_shape_is_refused_all_the_same(resource: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({**resource, "id": "a"}))
    assert "refused: one.json" in _load(tmp_path, "--lenient")
    assert not Resource.objects.exists()


def test_the_entries_of_a_transaction_may_refer_to_types_that_are_not_foreseen(tmp_path: Path) -> None:
    place, visit = "0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f", "7c1f0f52-62a5-4f5d-8d70-3a0c1f1f6b11"
    resources: dict[str, dict[str, Any]] = {
        place: {"resourceType": "Location"},
        visit: {
            "resourceType": "Encounter",
            "status": "planned",
            "class": {"code": "AMB"},
            "subject": {"reference": f"urn:uuid:{place}"},
        },
    }
    entries = [
        {
            "fullUrl": f"urn:uuid:{key}",
            "resource": each,
            "request": {"method": "POST", "url": each["resourceType"]},
        }
        for key, each in resources.items()
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    (tmp_path / "visit.json").write_text(json.dumps(bundle))
    assert "R4 does not foresee a Location at Encounter.subject" in _load(tmp_path)
    assert not Resource.objects.exists()
    assert "refused" not in _load(tmp_path, "--lenient")
    assert Resource.objects.count() == 2


def test_strict_and_lenient_do_not_go_together(tmp_path: Path) -> None:
    assert "not allowed with" in _load(tmp_path, "--strict", "--lenient")


@pytest.mark.corpus
def test_the_published_examples_that_are_wrong_are_loaded_with_warnings(tmp_path: Path) -> None:
    wrong = {
        "Questionnaire-qs1.json": "hl7-examples/hl7-r4-4.0.1-examples.zip",
        "diagnosticreport-cbc.json": "us-core/us-core-6.1.0-examples.zip",
    }
    for name, source in wrong.items():
        (tmp_path / name).write_bytes(dict(zipped(source))[name])
    told = _load(tmp_path, "--lenient")
    assert "refused" not in told
    assert told.count("accepted with a warning") == 2
    assert Resource.objects.count() == 2

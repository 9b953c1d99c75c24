"""manage.py load_fhir: files in, a summary and the reasons out."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fhir.loading import files
from fhir.models import Resource, ResourceVersion

pytestmark = pytest.mark.django_db

URN = "urn:uuid:"
HOSPITAL = "69176529-fd1f-3b3f-abce-a0a3626769eb"
ADA, VISIT = "0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f", "7c1f0f52-62a5-4f5d-8d70-3a0c1f1f6b11"


def _hospital() -> dict[str, Any]:
    """A batch, as hospitals' directories come: created unless they are there."""
    return {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {
                "fullUrl": URN + HOSPITAL,
                "resource": {
                    "resourceType": "Organization",
                    "id": HOSPITAL,
                    "identifier": [{"system": "urn:org", "value": "1"}],
                    "name": "St. Ada",
                },
                "request": {"method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:org|1"},
            }
        ],
    }


def _record(**patient: Any) -> dict[str, Any]:
    """A transaction with a patient's record, which refers to the hospital by a condition."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": URN + ADA,
                "resource": {"resourceType": "Patient", "id": ADA, **patient},
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "fullUrl": URN + VISIT,
                "resource": {
                    "resourceType": "Encounter",
                    "status": "finished",
                    "class": {"code": "AMB"},
                    "subject": {"reference": URN + ADA},
                    "serviceProvider": {"reference": "Organization?identifier=urn:org|1"},
                },
                "request": {"method": "POST", "url": "Encounter"},
            },
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a record, and the hospital that has to come first."""
    (tmp_path / "000-ada.json").write_text(json.dumps(_record()))
    (tmp_path / "0-hospital.json.gz").write_bytes(gzip.compress(json.dumps(_hospital()).encode()))
    (tmp_path / "notes.txt").write_text("not for loading")
    return tmp_path


def _load(*words: str | Path) -> tuple[str, str]:
    """What the command prints, and what it complains about; refusals end with CommandError, whose text
    follows."""
    out, err = StringIO(), StringIO()
    try:
        call_command("load_fhir", *map(str, words), stdout=out, stderr=err)
    except CommandError as error:
        err.write(f"{error} (exit code {error.returncode})")
    return out.getvalue(), err.getvalue()


def _counts(out: str) -> dict[str, list[int]]:
    """The table: created, updated, unchanged, deleted and refused for each type."""
    rows = [line.split() for line in out.splitlines()[1:]]
    return {row[0]: [int(word.replace(",", "")) for word in row[1:]] for row in rows if len(row) == 6}


def _stored(resource_type: str) -> list[dict[str, Any]]:
    return [json.loads(row.text) for row in Resource.objects.filter(type=resource_type)]


def test_files_come_in_an_order_that_conditions_need(folder: Path) -> None:
    assert [path.name for path in files([folder])] == ["0-hospital.json.gz", "000-ada.json"]


def test_bundles_are_loaded_with_their_references(folder: Path) -> None:
    out, err = _load(folder)
    assert err == ""
    assert _counts(out)["all"] == [3, 0, 0, 0, 0]
    (patient,), (visit,), (hospital,) = _stored("Patient"), _stored("Encounter"), _stored("Organization")
    assert visit["subject"]["reference"] == f"Patient/{patient['id']}"
    assert visit["serviceProvider"]["reference"] == f"Organization/{hospital['id']}"
    assert {patient["id"], visit["id"], hospital["id"]}.isdisjoint({ADA, VISIT, HOSPITAL})


def test_loading_again_adds_what_is_posted_and_leaves_what_a_condition_finds(folder: Path) -> None:
    _load(folder)
    out, _ = _load(folder)
    counts = _counts(out)
    assert counts["Organization"] == [0, 0, 1, 0, 0]
    assert counts["Patient"] == counts["Encounter"] == [1, 0, 0, 0, 0]
    assert Resource.objects.count() == 5


def test_with_keep_ids_loading_again_changes_nothing(folder: Path) -> None:
    out, _ = _load(folder, "--keep-ids")
    assert _counts(out)["all"] == [3, 0, 0, 0, 0]
    before = list(Resource.objects.order_by("id").values_list())
    assert {row.fhir_id for row in Resource.objects.all()} == {ADA, VISIT, HOSPITAL}
    assert _stored("Encounter")[0]["subject"]["reference"] == f"Patient/{ADA}"
    out, err = _load(folder, "--keep-ids")
    assert err == ""
    assert _counts(out)["all"] == [0, 0, 3, 0, 0]
    assert list(Resource.objects.order_by("id").values_list()) == before
    assert not ResourceVersion.objects.exists()


def test_with_keep_ids_changed_content_is_a_new_version(folder: Path) -> None:
    _load(folder, "--keep-ids")
    (folder / "000-ada.json").write_text(json.dumps(_record(active=True)))
    out, _ = _load(folder, "--keep-ids")
    assert _counts(out)["all"] == [0, 1, 2, 0, 0]
    assert _stored("Patient")[0]["meta"]["versionId"] == "2"


def test_a_transaction_with_a_bad_entry_is_refused_as_a_whole_with_the_reason(folder: Path) -> None:
    (folder / "000-ada.json").write_text(json.dumps(_record(gender="x")))
    out, err = _load(folder)
    assert "000-ada.json" in err
    assert "Bundle.entry[0].resource.gender" in err
    assert "2 refused. (exit code 1)" in err
    assert _counts(out)["all"] == [1, 0, 0, 0, 2]
    assert not Resource.objects.filter(type="Encounter").exists()


def test_a_reference_that_matches_nothing_is_a_reason(folder: Path) -> None:
    (folder / "0-hospital.json.gz").unlink()
    _, err = _load(folder)
    assert "Organization?identifier=urn:org|1 matches no resource" in err
    assert not Resource.objects.exists()


def test_lines_of_ndjson_are_loaded_one_by_one_under_their_ids(tmp_path: Path) -> None:
    lines = [
        {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "Patient", "id": "p2", "gender": "x"},
        {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}},
        {"resourceType": "Patient", "id": "p1", "active": True},
        {"resourceType": "Patient"},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n\nno json\n"
    (tmp_path / "all.ndjson.gz").write_bytes(gzip.compress(text.encode()))
    out, err = _load(tmp_path)
    assert _counts(out)["Patient"] == [2, 1, 0, 0, 1]
    assert _counts(out)["Observation"] == [1, 0, 0, 0, 0]
    assert {row.fhir_id for row in Resource.objects.all()} > {"p1", "o1"}
    assert "gender" in err
    assert "all.ndjson.gz:7" in err


def test_a_single_resource_and_a_collection_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"resourceType": "Patient", "id": "one"}))
    entries = [
        {"fullUrl": URN + ADA, "resource": {"resourceType": "Patient"}},
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": URN + ADA},
            }
        },
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (tmp_path / "two.json").write_text(json.dumps(bundle))
    out, err = _load(tmp_path / "one.json", tmp_path / "two.json")
    assert err == ""
    assert _counts(out)["all"] == [3, 0, 0, 0, 0]
    subject = _stored("Observation")[0]["subject"]["reference"]
    assert subject != f"Patient/{ADA}"
    assert Resource.objects.filter(type="Patient", fhir_id=subject.removeprefix("Patient/")).exists()


def test_a_document_is_a_resource_in_its_own_right(tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "type": "history", "id": "h"}
    (tmp_path / "h.json").write_text(json.dumps(bundle))
    _load(tmp_path)
    assert _stored("Bundle")[0]["id"] == "h"


def test_independent_entries_are_refused_one_by_one(tmp_path: Path) -> None:
    bad = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    entries = [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": {**bad, "subject": {"reference": "Patient?identifier=urn:x|none"}},
            "request": {"method": "POST", "url": "Observation"},
        },
        {"request": {"method": "DELETE", "url": "Patient/nobody"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    out, err = _load(tmp_path)
    assert _counts(out)["all"] == [1, 0, 0, 0, 2]
    assert "entry 1 (Observation)" in err
    assert "entry 2 (Patient)" in err


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"{", "not JSON"),
        ("a.json.gz", b"not gzip", "cannot be read"),
        ("b.json.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9], "cannot be read"),
        ("a.json", b'{"resourceType":"Bundle","type":"transaction","entry":7}', "Bundle.entry"),
        ("a.json", b'{"resourceType":"Nothing"}', "R4"),
        ("a.json", b'{"a":1}', "resourceType"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_a_refusal(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.json").write_text(json.dumps({"resourceType": "Patient", "id": "good"}))
    out, err = _load(tmp_path)
    assert name in err
    assert reason in err
    assert _counts(out)["Patient"] == [1, 0, 0, 0, 0]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, err = _load(tmp_path / "nowhere")
    assert "nowhere" in err


def test_strict_asks_the_second_library_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fhir import loading
    from fhir.outcome import Issue

    monkeypatch.setattr(
        loading, "second_opinion", lambda resource: [Issue("error", "structure", "I doubt it", "Patient")]
    )
    (tmp_path / "one.json").write_text(json.dumps({"resourceType": "Patient", "id": "one"}))
    assert _load(tmp_path)[1] == ""
    _, err = _load(tmp_path, "--strict")
    assert "I doubt it" in err


def test_progress_is_drawn_on_a_terminal_only(folder: Path) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    err = Terminal()
    call_command("load_fhir", str(folder), stdout=StringIO(), stderr=err)
    assert "[##############################] 2/2 files, 3 resources" in err.getvalue()

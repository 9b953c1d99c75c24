"""$export: what is exported, and how a client gets it."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from fhir.access import Rule
from fhir.exchange import moment
from fhir.export.files import path_of as disk_path
from fhir.export.models import ExportFile, ExportJob
from fhir.export.running import now
from fhir.models import Resource
from tests.fhir.exporting import ASYNC, EVERYBODY, Exporter, of_patients, path_of, work
from tests.fhir.records import group, observation, patient, put_records, reference
from tests.fhir.search.shelf import put, remove

BULK = "https://hl7.org/fhir/uv/bulkdata/STU2/export.html"
Json = dict[str, Any]


@pytest.fixture
def directory(db: None, tmp_path: Path) -> Iterator[Path]:
    exports = tmp_path / "exports"
    with override_settings(
        FHIR_ACCESS_BY_TICKET="tests.fhir.exporting.access_by_ticket", EXPORT_DIRECTORY=exports
    ):
        yield exports


@pytest.fixture
def exporter(directory: Path) -> Exporter:
    put_records()
    return Exporter(EVERYBODY)


def parameters(*pairs: tuple[str, str]) -> Json:
    def part(name: str, value: str) -> Json:
        if name == "patient":
            return {"name": name, "valueReference": reference(value)}
        return {"name": name, "valueInstant" if name == "_since" else "valueString": value}

    return {"resourceType": "Parameters", "parameter": [part(*pair) for pair in pairs]}


ALL = {
    "Organization/clinic", "Organization/lab", "Practitioner/doctor", "Practitioner/stranger",
    "PractitionerRole/role", "Patient/ann", "Patient/ben", "Encounter/visit", "Observation/old",
    "Observation/new", "Observation/undated", "Observation/other", "Condition/cold",
}  # fmt: skip


@pytest.mark.requirement(f"{BULK}#endpoint---system-level-export")
def test_a_system_export_holds_everything_that_the_token_reaches(exporter: Exporter) -> None:
    assert exporter.exported() == ALL
    few = Exporter(Rule(frozenset({"Patient", "Organization"}), frozenset("rs"), None))
    assert few.exported() == {"Organization/clinic", "Organization/lab", "Patient/ann", "Patient/ben"}


@pytest.mark.requirement(f"{BULK}#endpoint---all-patients")
def test_a_patient_export_holds_compartments_and_what_they_refer_to(exporter: Exporter) -> None:
    assert exporter.exported("Patient/$export") == ALL - {"Practitioner/stranger"}


@pytest.mark.requirement(f"{BULK}#endpoint---group-of-patients")
def test_a_group_export_holds_its_members_at_present(exporter: Exporter) -> None:
    put(
        patient("cid"), patient("dot"), patient("eve"), patient("fay"),
        *(observation(f"of-{name}", name) for name in ("cid", "dot", "eve", "fay")),
        group(
            "g",
            {"entity": reference("Patient/ben")},
            {"entity": reference("http://testserver/fhir/Patient/cid/_history/1"), "inactive": False},
            {"entity": reference("Patient/dot"), "inactive": True},
            {"entity": reference("Patient/eve"), "period": {"end": "2020-01-01"}},
            {"entity": reference("Patient/fay"), "period": {"start": "2999-01-01"}},
            {"entity": reference("Practitioner/stranger")},
            {"entity": reference("http://elsewhere.example.org/fhir/Patient/ann")},
        ),
    )  # fmt: skip
    found = exporter.exported("Group/g/$export")
    assert found == {
        "Patient/ben", "Observation/other", "Organization/lab", "Patient/cid", "Observation/of-cid",
        "Group/g",
        "Practitioner/stranger",  # to whom the Group itself refers
    }  # fmt: skip
    put(group("empty"))
    assert exporter.exported("Group/empty/$export") == set()


@pytest.mark.requirement(f"{BULK}#query-parameters")
def test_only_named_types_are_exported(exporter: Exporter) -> None:
    expected = {"Patient/ann", "Patient/ben", "Condition/cold"}
    assert exporter.exported("$export?_type=Patient,Condition") == expected
    assert exporter.exported("$export?_type=Patient&_type=Condition") == expected
    body = parameters(("_type", "Patient"), ("_type", "Condition"))
    assert exporter.exported("Patient/$export", body) == expected
    assert exporter.exported("Patient/$export?_type=Organization,Patient") == {
        "Patient/ann", "Patient/ben", "Organization/clinic",
    }  # fmt: skip


@pytest.mark.requirement(f"{BULK}#query-parameters")
def test_named_patients_only(exporter: Exporter) -> None:
    put(group("g", {"entity": reference("Patient/ben")}, {"entity": reference("Patient/ann")}))
    expected = {"Patient/ben", "Observation/other", "Organization/lab", "Group/g"}
    body = parameters(("patient", "Patient/ben"))
    assert exporter.exported("Patient/$export", body) == expected
    assert exporter.exported("Group/g/$export", body) == expected
    put(group("g", {"entity": reference("Patient/ann")}))
    for path, named in (("Group/g/$export", "Patient/ben"), ("Patient/$export", "Patient/nobody")):
        response = exporter.send("POST", path, parameters(("patient", named)), **ASYNC)
        assert response.status_code == 400


def test_lines_are_the_stored_texts_to_the_byte(exporter: Exporter) -> None:
    put(
        {
            **observation("exact", "ann"),
            "valueQuantity": {"value": 1},
            "note": [{"text": "two\nlines \u2028 é"}],
        }
    )
    status = exporter.start("$export?_type=Observation")
    work()
    [row] = exporter.manifest(status)["output"]
    response = exporter.get(path_of(row["url"]))
    lines = b"".join(response.streaming_content).decode().split("\n")
    texts = Resource.objects.filter(type="Observation").order_by("id").values_list("text", flat=True)
    assert lines == [*texts, ""]


@pytest.mark.requirement(f"{BULK}#response---success")
def test_a_client_is_told_where_to_ask_and_how_far_it_is(exporter: Exporter, directory: Path) -> None:
    kicked = exporter.get("Patient/$export?_type=Patient&_outputFormat=application/fhir%2Bndjson", **ASYNC)
    assert kicked.status_code == 202
    status = path_of(kicked["Content-Location"])
    waiting = exporter.get(status)
    assert waiting.status_code == 202
    assert waiting.content == b""
    assert waiting["X-Progress"] == "queued"
    assert int(waiting["Retry-After"]) > 0
    ExportJob.objects.update(state="running", done=3, total=9)
    assert exporter.get(status)["X-Progress"] == "33 %"
    ExportJob.objects.update(state="queued")
    work()
    done = exporter.get(status)
    assert done.status_code == 200
    assert done["Content-Type"] == "application/json"
    assert done["Expires"].endswith(" GMT")
    manifest = done.json()
    url = "http://testserver/fhir/Patient/$export?_type=Patient&_outputFormat=application/fhir%2Bndjson"
    assert manifest["request"] == url
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    assert "deleted" not in manifest
    dt.datetime.fromisoformat(manifest["transactionTime"])
    [row] = manifest["output"]
    assert (row["type"], row["count"]) == ("Patient", 2)
    response = exporter.get(path_of(row["url"]), Accept="application/fhir+ndjson")
    assert response["Content-Type"] == "application/fhir+ndjson"
    assert b"".join(response.streaming_content)


@pytest.mark.requirement(f"{BULK}#response---output-manifest")
def test_nothing_is_lost_between_two_exports(exporter: Exporter) -> None:
    put(observation("gone", "ann"), observation("before", "ann"))
    remove("Observation", "before")
    first = exporter.start()
    work()
    time = dt.datetime.fromisoformat(exporter.manifest(first)["transactionTime"])
    written = dt.datetime.fromisoformat(
        json.loads(Resource.objects.get(fhir_id="gone").text)["meta"]["lastUpdated"]
    )
    assert time < written  # what was written in the last minute will come again
    put(observation("old", "ann", effectiveDateTime="2019-07-01"))
    changed = moment(Resource.objects.get(type="Observation", fhir_id="old").last_updated).isoformat()
    remove("Observation", "gone")
    status = exporter.start("$export", parameters(("_since", changed)))
    work()
    manifest = exporter.manifest(status)
    assert [(row["type"], row["count"]) for row in manifest["output"]] == [("Observation", 1)]
    [deleted] = manifest["deleted"]
    assert exporter.lines(deleted) == [
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"request": {"method": "DELETE", "url": "Observation/gone"}}],
        }
    ]


def test_since_leaves_out_unchanged_data_of_patients_but_not_changed_doctors(exporter: Exporter) -> None:
    put({"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Renamed"}]})
    changed = moment(Resource.objects.get(type="Practitioner", fhir_id="doctor").last_updated).isoformat()
    body = parameters(("_since", changed))
    assert exporter.exported("Patient/$export", body) == {"Practitioner/doctor"}


def test_large_types_are_spread_over_files(exporter: Exporter) -> None:
    put(*(observation(f"o{number}", "ann") for number in range(25)))
    with override_settings(EXPORT_FILE_RESOURCES=10), pytest.MonkeyPatch.context() as patch:
        patch.setattr("fhir.export.running.CHUNK", 5)
        status = exporter.start("$export?_type=Observation")
        work()
    rows = exporter.manifest(status)["output"]
    assert [row["count"] for row in rows] == [10, 10, 9]
    assert len({each["id"] for row in rows for each in exporter.lines(row)}) == 29


def test_files_are_for_our_own_eyes_only(exporter: Exporter, directory: Path) -> None:
    exporter.start()
    work()
    for file in ExportFile.objects.all():
        path = disk_path(file)
        assert path.is_relative_to(directory)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert len(file.name) == 32


@pytest.mark.requirement(f"{BULK}#query-parameters")
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("$export?_outputFormat=text/csv", "_outputFormat"),
        ("$export?_typeFilter=Observation%3Fcode%3Dx", "_typeFilter"),
        ("$export?includeAssociatedData=LatestProvenanceResources", "includeAssociatedData"),
        ("$export?_elements=id", "_elements"),
        ("$export?patient=Patient/ann", "patient"),
        ("$export?_since=yesterday", "_since"),
        ("$export?_type=Nothing", "_type"),
        ("Patient/$export?_type=TestReport", "_type"),
        ("Patient/$export?_type=CodeSystem,AuditTrail", "_type"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(exporter: Exporter, path: str, named: str) -> None:
    response = exporter.get(path, **ASYNC)
    assert response.status_code == 400
    assert f"'{named}'" in response.json()["issue"][0]["diagnostics"]
    assert not ExportJob.objects.exists()


def test_an_export_must_be_asked_for_as_asynchronous(exporter: Exporter) -> None:
    response = exporter.get("$export")
    assert response.status_code == 400
    assert "respond-async" in response.json()["issue"][0]["diagnostics"]


def test_groups_that_are_not_there(exporter: Exporter) -> None:
    put(group("short"))
    remove("Group", "short")
    assert exporter.get("Group/nothing/$export", **ASYNC).status_code == 404
    assert exporter.get("Group/short/$export", **ASYNC).status_code == 410


@pytest.mark.requirement(f"{BULK}#bulk-data-delete-request")
def test_an_export_is_cancelled_before_during_and_after(exporter: Exporter, directory: Path) -> None:
    early = exporter.start()
    assert exporter.send("DELETE", early).status_code == 202
    assert exporter.get(early).status_code == 404
    work()
    assert not ExportJob.objects.exists()
    late = exporter.start()
    work()
    [row, *_] = exporter.manifest(late)["output"]
    assert exporter.send("DELETE", late).status_code == 202
    assert exporter.get(path_of(row["url"])).status_code == 404
    assert exporter.send("DELETE", late).status_code == 404
    assert list(directory.iterdir()) == []


@pytest.mark.requirement(f"{BULK}#response---output-manifest")
def test_files_expire(exporter: Exporter, directory: Path) -> None:
    status = exporter.start()
    work()
    assert exporter.get(status).status_code == 200
    ExportJob.objects.update(expires=now())
    assert exporter.get(status).status_code == 404
    assert any(directory.iterdir())
    exporter.start()  # and sweeps
    assert list(directory.iterdir()) == []
    assert ExportJob.objects.count() == 1


def test_a_command_removes_what_has_expired(exporter: Exporter, directory: Path) -> None:
    kept, ended = exporter.start(), exporter.start()
    work()
    ExportJob.objects.filter(pk=ended.rpartition("/")[2]).update(expires=now())
    said = StringIO()
    call_command("remove_expired_exports", stdout=said)
    assert said.getvalue() == "Removed 1 expired exports.\n"
    assert [path.name for path in directory.iterdir()] == [kept.rpartition("/")[2]]


def test_the_number_of_unfinished_exports_is_limited(exporter: Exporter) -> None:
    with override_settings(EXPORT_MAX_JOBS=2):
        exporter.start()
        exporter.start()
        response = exporter.get("$export", **ASYNC)
        assert response.status_code == 429
        assert response["Retry-After"]
        Exporter(EVERYBODY, subject="another").start()
        work()
        exporter.start()


def test_a_group_is_found_by_its_members(exporter: Exporter) -> None:
    put(group("g", {"entity": reference("Patient/ben")}), group("h", {"entity": reference("Patient/ann")}))
    found = exporter.get("Group?member=Patient/ben").json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["g"]


def test_a_patients_own_export_holds_that_record_only(exporter: Exporter) -> None:
    own = Exporter(of_patients("ben"))
    expected = {"Patient/ben", "Observation/other", "Organization/lab"}
    assert own.exported("Patient/$export") == expected

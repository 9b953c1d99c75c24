"""$export gives nobody more than reading and searching would, and nobody else's export at all."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir.access import Access, Guard, Rule
from fhir.export import asking, running
from fhir.export.models import ExportJob
from fhir.outcome import Unauthorized
from oauth.models import Standing
from oauth.tokens import standing
from tests.fhir.callers import Caller
from tests.fhir.exporting import ASYNC, EVERYBODY, Exporter, of_patients, path_of, work
from tests.fhir.racing import together
from tests.fhir.records import group, observation, put_records, reference
from tests.fhir.search.shelf import put, remove
from tests.fhir.test_export import directory

__all__ = ["directory"]

PATIENTS = frozenset({"Patient", "Observation"})


@pytest.fixture(autouse=True)
def _records(directory: Path) -> None:
    put_records()


ANN = {"Patient/ann", "Observation/old", "Observation/new", "Observation/undated"}


@pytest.mark.parametrize("path", ["$export", "Patient/$export", "Group/g/$export"])
def test_another_patients_data_is_in_no_export(path: str) -> None:
    put(group("g", {"entity": reference("Patient/ann")}, {"entity": reference("Patient/ben")}))
    found = Exporter(of_patients("ann")).exported(path)
    assert found >= ANN
    assert not {"Patient/ben", "Observation/other"} & found


def test_a_group_out_of_reach_is_not_there() -> None:
    put(group("g", {"entity": reference("Patient/ben")}))
    own = Exporter(of_patients("ann"))
    there, nowhere = (own.get(f"Group/{one}/$export", **ASYNC) for one in ("g", "x"))
    assert there.status_code == nowhere.status_code == 404
    assert there.content.replace(b"/g", b"/x") == nowhere.content


def test_a_patient_out_of_reach_cannot_be_told_from_one_that_is_not_there() -> None:
    own = Exporter(of_patients("ann"))
    answers = []
    for name in ("ben", "nobody"):
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "patient", "valueReference": reference(f"Patient/{name}")}],
        }
        answers.append(own.send("POST", "Patient/$export", body, **ASYNC))
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content


def test_both_letters_are_needed_for_each_type() -> None:
    halves = Exporter(
        of_patients("ann", types=frozenset({"Patient"})),
        of_patients("ann", types=frozenset({"Observation"}), letters="r"),
        of_patients("ann", types=frozenset({"Condition"}), letters="s"),
    )
    assert halves.exported() == {"Patient/ann"}
    for name in ("Observation", "Condition", "Encounter"):
        assert halves.get(f"$export?_type={name}", **ASYNC).status_code == 403
    assert Exporter(of_patients("ann", letters="r")).get("$export", **ASYNC).status_code == 403
    assert Exporter().get("$export", **ASYNC).status_code == 403


def test_what_unseen_resources_refer_to_is_not_exported() -> None:
    some = Exporter(
        of_patients("ann", types=frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization"}))
    )
    assert some.exported("Patient/$export") == {"Patient/ann", "Organization/clinic"}


def test_deletions_are_told_to_those_who_saw_the_resource() -> None:
    put(observation("mine", "ann"), observation("theirs", "ben"))
    remove("Observation", "mine")
    remove("Observation", "theirs")
    for path in ("$export", "Patient/$export"):
        own = Exporter(of_patients("ann"))
        status = own.start(f"{path}?_since=2020-01-01")
        work()
        [row] = own.manifest(status)["deleted"]
        assert [entry["request"]["url"] for bundle in own.lines(row) for entry in bundle["entry"]] == [
            "Observation/mine"
        ]


@pytest.mark.parametrize(
    "other",
    [{"client": "another app"}, {"subject": "another person"}, {"client": "", "subject": ""}],
)
def test_an_export_is_its_owners_only(other: dict[str, str]) -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    work()
    file = path_of(owner.manifest(status)["output"][0]["url"])
    stranger = Exporter(EVERYBODY, **other)
    for method, path in (("GET", status), ("GET", file), ("HEAD", file), ("DELETE", status)):
        assert stranger.send(method, path).status_code == 404
    assert owner.get(status).status_code == 200


def test_without_a_token_there_is_nothing() -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    assert owner.client.get(f"/fhir/{status}").status_code in (401, 403)
    assert owner.client.get("/fhir/$export").status_code in (401, 403)


def test_a_token_that_cannot_be_asked_again_starts_nothing() -> None:
    caller = Caller(Access((EVERYBODY,), subject="ann", client="app"))
    assert caller.get("$export", **ASYNC).status_code == 403
    assert not ExportJob.objects.exists()


def test_a_dead_token_starts_and_sees_nothing() -> None:
    def refuse() -> Access:
        raise Unauthorized("The token was revoked.", challenge="Bearer")

    owner = Exporter(EVERYBODY)
    status = owner.start()
    dead = Caller(
        Access((EVERYBODY,), guard=Guard("1 = 0", (), refuse), subject="ann", client="app", ticket="t")
    )
    assert dead.get("$export", **ASYNC).status_code == 401
    assert dead.get(status).status_code == 401


def test_the_end_of_the_token_ends_an_export_that_waits(directory: Path) -> None:
    owner = Exporter(EVERYBODY)
    owner.start()
    owner.end()
    work()
    assert ExportJob.objects.get().state == ExportJob.State.FAILED
    assert not list(directory.rglob("*.ndjson"))


@pytest.mark.parametrize("path", ["Patient/$export", "Group/g/$export"])
def test_an_export_tells_nobody_how_much_there_is_of_others(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(group("g", {"entity": reference("Patient/ann")}, {"entity": reference("Patient/ben")}))
    own = Exporter(of_patients("ann"))
    progress: list[str] = []
    monkeypatch.setattr(running, "BEAT", 0)
    write = running.Export._write

    def look(self: running.Export, *rest: object) -> None:
        write(self, *rest)  # type: ignore[arg-type]
        progress.append(own.get(status)["X-Progress"])

    monkeypatch.setattr(running.Export, "_write", look)
    told = []
    for _ in range(2):
        status = own.start(path)
        work()
        told.append([*progress, str(ExportJob.objects.latest("created").total)])
        progress.clear()
        put(*(observation(f"ben-{number}", "ben") for number in range(50)))
    assert told[0] == told[1]
    assert all(text.endswith(" %") for text in told[0][:-1])


def test_the_end_of_the_token_ends_an_export_under_way(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    write = running.Export._write

    def revoke(self: running.Export, *rest: object) -> None:
        write(self, *rest)  # type: ignore[arg-type]
        if self.done == 1:
            owner.end()
            self.last_beat = 0

    monkeypatch.setattr(running.Export, "_write", revoke)
    work()
    assert ExportJob.objects.get().state == ExportJob.State.FAILED
    assert not list(directory.rglob("*.ndjson"))
    # The same person with a new token of the same app: what the revoked token began is gone.
    assert Exporter(EVERYBODY).get(status).status_code == 404


def test_the_end_of_the_token_takes_its_files_away(directory: Path) -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    work()
    file = path_of(owner.manifest(status)["output"][0]["url"])
    owner.end()
    assert Exporter(EVERYBODY).get(file).status_code == 404
    assert list(directory.iterdir()) == []


def test_a_download_ends_short_when_the_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    put(*(observation(f"o{number}", "ann", note=[{"text": "x" * 4000}]) for number in range(100)))
    monkeypatch.setattr("fhir.export.download.CHECK_SECONDS", 0)
    owner = Exporter(EVERYBODY)
    status = owner.start("$export?_type=Observation")
    work()
    [row] = owner.manifest(status)["output"]
    response = owner.get(path_of(row["url"]))
    pieces = iter(response.streaming_content)
    got = len(next(pieces))
    owner.end()
    with pytest.raises(Unauthorized):
        next(pieces)
    assert 0 < got < int(response["Content-Length"])


def test_a_download_goes_on_when_something_else_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    put(*(observation(f"o{number}", "ann", note=[{"text": "x" * 4000}]) for number in range(100)))
    monkeypatch.setattr("fhir.export.download.CHECK_SECONDS", 0)
    owner = Exporter(EVERYBODY)
    status = owner.start("$export?_type=Observation")
    work()
    [row] = owner.manifest(status)["output"]
    renewed: list[bool] = []

    def renew() -> Access:
        renewed.append(True)
        return owner.access

    reader = Caller(replace(owner.access, guard=Guard(f"{standing.CURRENT} = 0", (), renew)))
    Standing.objects.all().delete()
    response = reader.get(path_of(row["url"]))
    pieces = iter(response.streaming_content)
    got = len(next(pieces))
    assert not renewed
    Standing.objects.create(pk=1, stamp=1, renewed_by="")
    got += sum(map(len, pieces))
    assert got == int(response["Content-Length"])
    assert renewed


def test_lost_rights_stop_an_export_and_its_files() -> None:
    owner = Exporter(of_patients("ann", "ben"))
    status = owner.start()
    owner.now_has(of_patients("ann"))
    work()
    assert owner.get(status).status_code == 500
    complete = Exporter(of_patients("ann", "ben"))
    status = complete.start()
    work()
    file = path_of(complete.manifest(status)["output"][0]["url"])
    fewer = Exporter(of_patients("ann"))
    assert fewer.get(status).status_code == 403
    assert fewer.get(file).status_code == 403
    assert complete.get(status).status_code == 200


def test_another_scope_of_the_same_client_does_not_open_files_of_other_types() -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    work()
    rows = {row["type"]: path_of(row["url"]) for row in owner.manifest(status)["output"]}
    narrow = Exporter(Rule(PATIENTS, frozenset("rs"), None))
    assert narrow.get(rows["Condition"]).status_code == 403
    response = narrow.get(rows["Patient"])
    assert response.status_code == 200
    assert b"".join(response.streaming_content)


@pytest.mark.parametrize("name", ["..", "x", "%2e%2e%2f1", "0" * 32, "../../settings.py"])
def test_no_other_file_can_be_asked_for(name: str) -> None:
    owner = Exporter(EVERYBODY)
    status = owner.start()
    work()
    assert owner.get(f"{status}/{name}").status_code in (400, 404)


def test_an_export_holds_only_what_the_query_of_a_scope_finds(directory: Path) -> None:
    put(observation("named", "ann", code={"coding": [{"code": "a1c"}]}))
    put(observation("gone", "ann", code={"coding": [{"code": "a1c"}]}), observation("lost", "ann"))
    since = "2000-01-01T00:00:00Z"
    for fhir_id in ("gone", "lost"):
        remove("Observation", fhir_id)
    reading = frozenset("rs")
    exporter = Exporter(Rule(frozenset({"Observation"}), reading, frozenset({"ann"}), "code=a1c"))
    for path in ("$export", "Patient/$export"):
        assert exporter.exported(path) == {"Observation/named"}
    status = exporter.start(f"$export?_since={since}")
    work()
    [row] = exporter.manifest(status)["deleted"]
    [bundle] = exporter.lines(row)
    assert [entry["request"]["url"] for entry in bundle["entry"]] == ["Observation/gone"]
    exporter.now_has(Rule(frozenset({"Observation"}), reading, frozenset({"ann"}), "code=other"))
    status = exporter.start()
    work()
    assert exporter.get(status).status_code == 500


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_more_exports_are_under_way_than_may_be_however_many_are_started_at_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPORT_MAX_JOBS = 2
    owner = Exporter(EVERYBODY)
    meeting = threading.Barrier(6)
    reach = asking._reach

    def meet(*rest: Any) -> Any:
        meeting.wait()
        return reach(*rest)

    monkeypatch.setattr(asking, "_reach", meet)
    statuses = together(6, lambda _: owner.get("$export", **ASYNC).status_code)
    assert sorted(statuses) == [202, 202, 429, 429, 429, 429]
    assert ExportJob.objects.count() == 2

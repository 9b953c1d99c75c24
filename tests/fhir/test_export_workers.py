"""Exports and their workers: killed ones, slow ones, and what the files of an attempt are worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from django_tasks_db.models import DBTaskResult

from fhir.export import running, starting
from fhir.export.models import ExportFile, ExportJob
from tests.fhir.exporting import EVERYBODY, Exporter, path_of, work
from tests.fhir.records import put_records
from tests.fhir.test_export import ALL, directory, exporter

__all__ = ["directory", "exporter"]


class Killed(BaseException):
    """Ends a worker in the middle, as a signal does."""


def kill_in(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let every worker die at this step."""

    def die(*args: object) -> None:
        raise Killed

    patch.setattr(running.Export, name, die)


def die_working(patch: pytest.MonkeyPatch, name: str) -> None:
    """Take the next task from the queue and die over it; the queue believes that it still runs."""
    with patch.context() as context:
        kill_in(context, name)
        task = DBTaskResult.objects.filter(status="READY").get()
        DBTaskResult.objects.filter(pk=task.pk).update(status="RUNNING")
        with pytest.raises(Killed):
            running.run(*task.args_kwargs["args"])


def stall() -> None:
    """Let the last sign of life be long ago."""
    ExportJob.objects.update(beat=running.now() - 10**12)


@pytest.mark.parametrize("step", ["_write", "_write_associated", "_finish"])
def test_what_a_killed_worker_has_begun_another_completes(
    exporter: Exporter, directory: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    status = exporter.start("Patient/$export")
    die_working(monkeypatch, step)
    waiting = exporter.get(status)
    assert waiting.status_code == 202  # it was alive a moment ago
    assert not ExportFile.objects.exists()
    stall()
    assert exporter.get(status)["X-Progress"] == "queued"
    work()
    rows = exporter.manifest(status)["output"]
    found = {f"{each['resourceType']}/{each['id']}" for row in rows for each in exporter.lines(row)}
    assert found == ALL - {"Practitioner/stranger"}
    assert [path.name for path in next(directory.iterdir()).iterdir()] == ["2"]


def test_an_export_over_which_workers_die_again_and_again_has_failed(
    exporter: Exporter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = exporter.start()
    for _ in range(starting.ATTEMPTS):
        assert exporter.get(status).status_code == 202
        die_working(monkeypatch, "_write")
        stall()
    failed = exporter.get(status)
    assert failed.status_code == 500
    assert "died" in failed.json()["issue"][0]["diagnostics"]
    assert list(directory.iterdir()) == []
    assert exporter.exported() == ALL  # another one can be started


def test_a_worker_that_was_believed_dead_can_do_no_harm(
    exporter: Exporter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = exporter.start()
    finish = running.Export._finish

    def late(self: running.Export, *rest: object) -> None:
        if self.job.attempt == 1:
            stall()
            exporter.get(status)
        finish(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(running.Export, "_finish", late)
    work()
    rows = exporter.manifest(status)["output"]
    assert {row["url"] for row in rows} == {
        f"http://testserver/fhir/{status}/{file.name}" for file in ExportFile.objects.filter(attempt=2)
    }
    assert [path.name for path in next(directory.iterdir()).iterdir()] == ["2"]


def test_a_task_that_waits_is_not_taken_for_a_dead_worker(exporter: Exporter) -> None:
    status = exporter.start()
    stall()
    assert exporter.get(status)["X-Progress"] == "queued"
    assert DBTaskResult.objects.count() == 1
    DBTaskResult.objects.all().delete()
    exporter.get(status)
    assert DBTaskResult.objects.count() == 1


def test_cancelling_stops_a_worker_at_its_next_sign_of_life(
    exporter: Exporter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = exporter.start()
    write = running.Export._write

    def cancel(self: running.Export, *rest: object) -> None:
        exporter.send("DELETE", status)
        self.last_beat = 0
        write(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(running.Export, "_write", cancel)
    work()
    assert exporter.get(status).status_code == 404
    assert not ExportJob.objects.exists()
    assert list(directory.iterdir()) == []


def test_files_that_cannot_be_written_fail_the_export_and_say_so(exporter: Exporter, directory: Path) -> None:
    directory.write_text("in the way")
    status = exporter.start()
    work()
    failed = exporter.get(status)
    assert failed.status_code == 500
    assert "could not be written" in failed.json()["issue"][0]["diagnostics"]
    assert str(directory) not in failed.content.decode()


def test_a_file_that_was_lost_is_not_found(exporter: Exporter, directory: Path) -> None:
    status = exporter.start()
    work()
    [row, *_] = exporter.manifest(status)["output"]
    for path in directory.rglob("*.ndjson"):
        path.unlink()
    assert exporter.get(path_of(row["url"])).status_code == 404


def test_statements_grow_with_pieces_and_not_with_resources(exporter: Exporter) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.fhir.records import observation
    from tests.fhir.search.shelf import put

    def statements() -> int:
        exporter.start("Patient/$export?_type=Observation")
        with CaptureQueriesContext(connection) as captured:
            work()
        return len(captured)

    before = statements()
    put(*(observation(f"many{number}", "ann") for number in range(200)))
    assert statements() == before


def test_a_worker_with_nothing_to_do_leaves_everything_alone(directory: Path) -> None:
    put_records()
    Exporter(EVERYBODY)
    work()
    assert not directory.exists()

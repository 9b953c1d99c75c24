"""A worker process that is killed in the middle of an export, and another one that completes it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings

from fhir.export.models import ExportJob
from tests.fhir.exporting import path_of
from tests.fhir.records import put_records
from tests.oauth.issuing import issue, make_key, make_user

ROOT = Path(__file__).resolve().parents[2]


def worker(directory: Path, *options: str) -> subprocess.Popen[bytes]:
    """A db_worker on the tests' database."""
    database = connection.settings_dict
    user = f"{database['USER']}:{database['PASSWORD']}"
    place = f"{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"postgres://{user}@{place}",
        "EXPORT_DIRECTORY": str(directory),
    }
    command = [sys.executable, "-m", "django", "db_worker", "--no-reload", "--no-startup-delay", *options]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def await_state(state: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait until the only export is in this state."""
    end = time.monotonic() + seconds
    while ExportJob.objects.get().state != state:
        assert process.poll() is None, "The worker ended by itself."
        assert time.monotonic() < end, f"The export is not {state}."


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_an_export_survives_the_death_of_its_worker(tmp_path: Path) -> None:
    put_records()
    token = issue(make_key(), make_user("Practitioner/doctor"), scope="user/*.rs").header
    client = Client(headers={"Authorization": token})

    def get(path: str, **headers: str) -> Any:
        return client.get(f"/fhir/{path}", headers=headers)

    with override_settings(EXPORT_DIRECTORY=tmp_path):
        status = path_of(get("Patient/$export", Prefer="respond-async")["Content-Location"])
        with transaction.atomic():
            with connection.cursor() as cursor:
                # The worker begins, and cannot go on.
                cursor.execute("LOCK TABLE fhir_compartment IN ACCESS EXCLUSIVE MODE")
            first = worker(tmp_path)
            await_state("running", first)
            first.kill()
            first.wait()
        assert get(status).status_code == 202
        ExportJob.objects.update(beat=0)
        assert get(status)["X-Progress"] == "queued"
        assert worker(tmp_path, "--batch").wait(timeout=120) == 0
        manifest = get(status).json()
        assert {row["type"]: row["count"] for row in manifest["output"]} == {
            "Condition": 1, "Encounter": 1, "Observation": 4, "Organization": 2, "Patient": 2,
            "Practitioner": 1, "PractitionerRole": 1,
        }  # fmt: skip

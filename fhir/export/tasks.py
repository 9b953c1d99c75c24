"""The task that the database's queue holds for an export; `manage.py db_worker` carries it out."""

from __future__ import annotations

from django_tasks import task

from fhir.export import running
from fhir.export.ending import sweep


@task()
def run_export(job_id: str, attempt: int) -> None:
    """Carry out an attempt of an export, and remove what has expired."""
    sweep()
    running.run(job_id, attempt)

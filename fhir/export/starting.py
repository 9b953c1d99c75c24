"""Puts exports into the queue, and again where a worker has died over one."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django_tasks import TaskResultStatus
from django_tasks.exceptions import TaskResultDoesNotExist

from fhir.export import files
from fhir.export.models import ExportJob
from fhir.export.running import expiry, now
from fhir.export.tasks import run_export

ATTEMPTS = 3
"""How many workers may die over an export before it has failed."""


def enqueue(job: ExportJob) -> None:
    """Store an export with the task that carries it out, both or none."""
    with transaction.atomic():
        job.state = ExportJob.State.QUEUED
        job.beat = now()
        job.done = job.total = 0
        job.save()
        job.task = str(run_export.enqueue(job.pk, job.attempt).id)
        ExportJob.objects.filter(pk=job.pk).update(task=job.task)


def revive(job: ExportJob) -> None:
    """Where no worker has given a sign of life for EXPORT_STALL_SECONDS, begin anew, or give up after three.

    A task that still waits in the queue is not lost, however long it waits.
    """
    stale = job.beat < now() - settings.EXPORT_STALL_SECONDS * 1_000_000
    if not stale or not job.is_unfinished or (job.state == ExportJob.State.QUEUED and _waits(job)):
        return
    dead = job.attempt
    with transaction.atomic():
        held = ExportJob.objects.filter(pk=job.pk, attempt=job.attempt, state=job.state, beat=job.beat)
        if job.attempt >= ATTEMPTS:
            reason = "The workers that wrote this export have died, again and again."
            held.update(state=ExportJob.State.FAILED, reason=reason, expires=expiry())
        elif held.update(attempt=job.attempt + 1):
            job.attempt += 1
            enqueue(job)
    files.remove_attempt(job.pk, dead)
    job.refresh_from_db()


def _waits(job: ExportJob) -> bool:
    try:
        return run_export.get_result(job.task).status == TaskResultStatus.READY
    except TaskResultDoesNotExist:
        return False

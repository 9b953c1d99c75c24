"""How exports end: cancelled, expired, or because the token behind them has ended."""

from __future__ import annotations

from django.db.models import Q

from fhir.export import files
from fhir.export.models import ExportJob
from fhir.export.running import now


def cancel(job: ExportJob) -> None:
    """Put an export out of sight; a worker that has it at hand stops. Its files are still there."""
    ExportJob.objects.filter(pk=job.pk).update(state=ExportJob.State.CANCELLED)


def remove(job: ExportJob) -> None:
    """Remove an export with its files. It is out of sight at once."""
    cancel(job)
    files.remove(job.pk)
    job.delete()


def sweep() -> int:
    """Remove what has expired, and what a removal that was interrupted has left; returns how many there
    were."""
    ended = list(ExportJob.objects.filter(Q(expires__lte=now()) | Q(state=ExportJob.State.CANCELLED)))
    for job in ended:
        remove(job)
    return len(ended)

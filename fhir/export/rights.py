"""What an export may hold, and whether that is still what the accesses of its owner reach.

An export outlives the request that started it. What it holds is decided when it starts; each later step
asks anew for the rights, and where these have become others it is refused rather than worked out what of
it may still be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.conf import settings
from django.utils.module_loading import import_string

from fhir.access import Access
from fhir.export.models import ExportJob
from fhir.hashing import digest
from fhir.outcome import Forbidden
from fhir.reach import Reach, read_and_found


def digests(reach: Reach) -> dict[str, int]:
    """What is kept of a reach: enough to see whether another is the same."""
    return {name: digest(condition.sql, repr(condition.params)) for name, condition in reach.items()}


def again(job: ExportJob) -> Access:
    """The Access that a job was started with, as it is now. Raises Unauthorized if the token behind it has
    ended."""
    access_by_ticket: Callable[[str], Access] = import_string(settings.FHIR_ACCESS_BY_TICKET)
    return access_by_ticket(job.ticket)


def same_reach(access: Access, job: ExportJob, types: Iterable[str]) -> Reach:
    """What `access` reaches of these types, which must be what the export was started with. Raises
    Forbidden."""
    reach = read_and_found(access, types)
    now = digests(reach)
    for name in types:
        if now.get(name) != job.reach.get(name):
            raise Forbidden(
                f"What the token reaches of {name} is no longer what this export was started with: "
                "start a new one."
            )
    return reach

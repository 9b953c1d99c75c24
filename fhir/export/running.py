"""Carries out an export: lists what belongs to it, fetches that in pieces, and writes the stored texts to
files.

Every piece is read under the guard and within the reach of the Access that started the export; once a
second that Access is looked up from scratch. Nothing of an export can be fetched before all of it is written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction

from fhir import store
from fhir.access import Access
from fhir.associated import place, targets
from fhir.associated import resources as resources_at
from fhir.condition import Condition
from fhir.enforcement import AccessLapsed, guard
from fhir.export import deletions, files, listing, rights
from fhir.export.account import Account, record_failure
from fhir.export.files import Writer
from fhir.export.members import patients_of
from fhir.export.models import ExportFile, ExportJob
from fhir.hashing import reference_key
from fhir.outcome import FhirError, NotFound
from fhir.reach import Reach, named_patients, one_of
from fhir.registry import SHARED_TYPES
from fhir.renewal import renewing
from fhir.search.engine import Hit
from fhir.search.rowsets import among

Result = TypeVar("Result")
logger = logging.getLogger(__name__)

CHUNK = 1000
"""How many resources are fetched by one statement."""
BEAT = 1_000_000
"""After how many microseconds the worker says that it lives, and looks again whether it may go on."""
MARGIN = 60_000_000
"""How many microseconds before the listing the transactionTime lies. A change is stamped a little before
others can see it; what is younger than this may come again with the next `_since`, and nothing is lost."""


class Superseded(Exception):
    """The export was cancelled, or another worker has taken it up."""


def run(job_id: str, attempt: int) -> None:
    """Carry out this attempt of an export, unless it was cancelled or taken up by others before.

    What the rights or the disk do not allow ends as a failed export that says why.
    """
    mine = ExportJob.objects.filter(pk=job_id, attempt=attempt)
    if not mine.filter(state=ExportJob.State.QUEUED).update(state=ExportJob.State.RUNNING, beat=now()):
        return
    job = mine.get()
    try:
        Export(job).run()
    except Superseded:
        files.remove_attempt(job_id, attempt)
    except (FhirError, AccessLapsed, OSError) as error:
        logger.warning("Export %s failed", job_id, exc_info=error)
        reason = error.diagnostics if isinstance(error, FhirError) else "The files could not be written."
        running = mine.filter(state=ExportJob.State.RUNNING)
        with transaction.atomic():
            if running.update(state=ExportJob.State.FAILED, reason=reason, expires=expiry()):
                record_failure(job, error, reason)
        files.remove_attempt(job_id, attempt)


def now() -> int:
    """This moment in microseconds since 1970."""
    return time.time_ns() // 1000


def expiry() -> int:
    """When files that are complete now are removed."""
    seconds: int = settings.EXPORT_SECONDS
    return now() + seconds * 1_000_000


class Export:
    """One attempt. `access` is renewed as it goes on."""

    def __init__(self, job: ExportJob) -> None:
        self.job = job
        self.access: Access = rights.again(job)
        self.reach: Reach = rights.same_reach(self.access, job, job.types)
        self.done = 0
        self.total = 0
        self.last_beat = now()
        self.associated: set[int] = set()
        self.account = Account(job.types)

    def run(self) -> None:
        """Write all files, then make them known at once. Raises Superseded, FhirError, AccessLapsed,
        OSError."""
        time_of_listing = now()
        members = self._members()
        own = [name for name in self.job.types if self._is_system or name not in SHARED_TYPES]
        with self._listing(own, members) as found, Writer(self.job) as writer:
            self.total = found.total
            self._beat()
            for resource_type, numbers in found.chunks(CHUNK):
                self._write(writer, resource_type, numbers)
            self._write_associated(writer)
            if self.job.since:
                gone = self._reading(lambda: deletions.gone(self.access, self.job, members))
                writer.write(ExportFile.Kind.DELETED, "Bundle", list(deletions.bundles(gone)))
                self.account.add_deleted(gone)
        self._finish(writer.files, time_of_listing - MARGIN)

    @property
    def _is_system(self) -> bool:
        return self.job.level == ExportJob.Level.SYSTEM

    def _members(self) -> frozenset[int] | None:
        """The digests of the patients that the export is about, as far as they are within reach; None for
        all."""
        patients = frozenset(self.job.patients) if self.job.patients else None
        if self.job.level == ExportJob.Level.GROUP:
            group = self._reading(lambda: store.read(self.access, "Group", self.job.group))
            if group is None or group.deleted:
                raise NotFound(f"Group/{self.job.group} is gone.")
            members = patients_of(group.text)
            patients = members if patients is None else members & patients
        within = named_patients(self.access, self.job.types)
        if within is not None:
            patients = within if patients is None else patients & within
        return None if patients is None else frozenset(reference_key("Patient", each) for each in patients)

    def _listing(self, types: Sequence[str], members: frozenset[int] | None) -> listing.Listing:
        if self._is_system:
            return listing.of_system(types, self.job.since)
        return listing.of_patients(types, members)

    def _write(self, writer: Writer, resource_type: str, numbers: Sequence[int]) -> None:
        """Write those of these resources that are within reach, and note what they refer to."""
        hits = self._reading(
            lambda: _fetch(self.access, resource_type, numbers, self.reach[resource_type], self.job.since)
        )
        self._put(writer, resource_type, hits)
        if not self._is_system:
            self.associated |= targets(map(place, hits))
        self._advance(len(numbers))

    def _put(self, writer: Writer, resource_type: str, hits: Sequence[Hit]) -> None:
        """Write those of these that have a text, and count whose they are."""
        written = [hit for hit in hits if hit.text]
        writer.write(ExportFile.Kind.OUTPUT, resource_type, [hit.text for hit in written])
        self.account.add(written)

    def _write_associated(self, writer: Writer) -> None:
        """Write what belongs to no patient and is referred to by what was written, directly or through
        others."""
        seen: set[int] = set()
        latest = set() if self._is_system else self.associated
        while latest:
            seen |= latest
            due, latest = sorted(latest), set()
            for start in range(0, len(due), CHUNK):
                latest |= self._write_shared(writer, due[start : start + CHUNK]) - seen
                self._advance(0)

    def _write_shared(self, writer: Writer, keys: Sequence[int]) -> set[int]:
        """Write those of the resources with these digests that are shared and within reach; return their
        targets."""
        shared = [name for name in self.job.types if name in SHARED_TYPES]
        hits = self._reading(
            lambda: resources_at(
                self.access, keys, one_of({name: self.reach[name] for name in shared}), self.job.since
            )
        )
        for name in dict.fromkeys(hit.type for hit in hits):
            self._put(writer, name, [hit for hit in hits if hit.type == name])
        return targets(map(place, hits))

    def _reading(self, work: Callable[[], Result]) -> Result:
        """What `work` reads, under an Access that is looked up again where the guard has lapsed."""
        return renewing(work, self._renew)

    def _renew(self) -> None:
        self.access = rights.again(self.job)
        self.reach = rights.same_reach(self.access, self.job, self.job.types)

    def _advance(self, count: int) -> None:
        self.done += count
        if now() - self.last_beat >= BEAT:
            self._renew()
            self._beat()

    def _beat(self) -> None:
        """Say that this attempt lives and how far it is. Raises Superseded if it is no longer wanted."""
        self.last_beat = now()
        mine = ExportJob.objects.filter(
            pk=self.job.pk, attempt=self.job.attempt, state=ExportJob.State.RUNNING
        )
        if not mine.update(beat=self.last_beat, done=self.done, total=self.total):
            raise Superseded

    def _finish(self, written: list[ExportFile], transaction_time: int) -> None:
        with transaction.atomic():
            self._beat()
            ExportFile.objects.bulk_create(written)
            ExportJob.objects.filter(pk=self.job.pk).update(
                state=ExportJob.State.COMPLETE, transaction_time=transaction_time, expires=expiry()
            )
            self.account.record(self.job)


def _fetch(
    access: Access, resource_type: str, numbers: Sequence[int], reach: Condition, since: int
) -> list[Hit]:
    alive, chosen = guard(access), among(numbers)
    text = (
        Condition("CASE WHEN r.last_updated >= %s THEN r.text ELSE '' END", (since,))
        if since
        else Condition("r.text")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT g.alive, r.id, r.patient, r.date, r.type, r.fhir_id, {text.sql}, r.version "
            f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g LEFT JOIN fhir_resource r "
            f"ON g.alive AND r.id {chosen.sql} AND r.type = %s AND NOT r.deleted AND {reach.sql} "
            "ORDER BY r.id",
            (*text.params, *alive.params, *chosen.params, resource_type, *reach.params),
        )
        rows = cursor.fetchall()
    if not rows[0][0]:
        raise AccessLapsed
    return [Hit(*row[1:]) for row in rows if row[1] is not None]

"""Whose resources an export holds, so that each patient sees how much of the record an app took."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from audit.events import Event, outcome_of
from audit.recording import record
from fhir.export.models import ExportJob
from fhir.hashing import MIXED
from fhir.outcome import FhirError
from fhir.search.engine import Hit
from fhir.store.owners import owners

_AT_ONCE = 2_000
_ANY_VERSION = 2**31 - 1


class Account:
    """The numbers of resources that were written, by patient and type, and of those told to be deleted.

    An array for each patient: an export may be of very many, and the worker stays small.
    """

    def __init__(self, types: Sequence[str]) -> None:
        self._names = [*types, "deleted"]
        self._counts: dict[str, array[int]] = {}

    def add(self, hits: Sequence[Hit]) -> None:
        """Count these, which were written. Raises Django's database errors."""
        found = owners([(hit.type, hit.fhir_id, hit.version, hit.patient, hit.text) for hit in hits])
        for hit, patients in zip(hits, found, strict=True):
            self._count(hit.type, patients)

    def add_deleted(self, places: Sequence[tuple[str, str]]) -> None:
        """Count these (type, id), which were told to be deleted. Raises Django's database errors."""
        for patients in owners([(*place, _ANY_VERSION, MIXED, "") for place in places]):
            self._count("deleted", patients)

    def _count(self, name: str, patients: Collection[str]) -> None:
        place = self._names.index(name)
        for patient in patients or ("",):
            if patient not in self._counts:
                self._counts[patient] = array("Q", bytes(8 * len(self._names)))
            self._counts[patient][place] += 1

    def record(self, job: ExportJob) -> None:
        """Write one event for each patient, in the transaction under way. What belongs to nobody goes with
        the patient, if there is one only.
        """
        nobodys = self._counts.get("")
        if nobodys is not None and len(self._counts) == 2:
            del self._counts[""]
            (counts,) = self._counts.values()
            for place, number in enumerate(nobodys):
                counts[place] += number
        events = self._events(job)
        while part := list(islice(events, _AT_ONCE)):
            record(*part)

    def _events(self, job: ExportJob) -> Iterator[Event]:
        for patient, counts in self._counts.items():
            numbers = {name: number for name, number in zip(self._names, counts, strict=True) if number}
            yield _event(job, "allowed", patient, {"resources": numbers})


def record_failure(job: ExportJob, error: Exception, reason: str) -> None:
    """Write that an export has failed, in the transaction under way."""
    outcome = outcome_of(error.status) if isinstance(error, FhirError) else "failed"
    record(*(_event(job, outcome, patient, {"cause": reason}) for patient in _named(job)))


def _named(job: ExportJob) -> Iterable[str]:
    return job.patients or ("",)


def _event(job: ExportJob, outcome: str, patient: str, detail: dict[str, object]) -> Event:
    return Event(
        "$export",
        outcome,
        person="" if job.subject == job.client else job.subject,
        client=job.client,
        patient=patient,
        what=f"_export/{job.pk}",
        detail=detail,
    )

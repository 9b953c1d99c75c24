"""$export: kick-off, status, files and cancellation of Bulk Data exports.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlencode

from django.conf import settings

from fhir import accounting, store
from fhir.exchange import Answer, Request, http_date, instant
from fhir.export import asking, ending, files, rights, starting
from fhir.export.download import Download
from fhir.export.models import ExportFile, ExportJob
from fhir.export.running import now
from fhir.interactions.operation_input import Given, from_body, from_query, hold
from fhir.jsontext import serialise
from fhir.outcome import FhirError, Issue, NotFound, Unauthorized, outcome
from fhir.renewal import with_renewal

Level = ExportJob.Level


def export_system(request: Request) -> Answer:
    """Start an export of everything that the token reaches: GET [base]/$export."""
    return _start(request, Level.SYSTEM, from_query(request, asking.KNOWN))


def export_system_posted(request: Request) -> Answer:
    """The same with the parameters in a Parameters resource."""
    return _start(request, Level.SYSTEM, from_body(request, asking.KNOWN))


def export_patients(request: Request) -> Answer:
    """Start an export of the records of all patients within reach: GET [base]/Patient/$export."""
    return _start(request, Level.PATIENT, from_query(request, asking.KNOWN))


def export_patients_posted(request: Request) -> Answer:
    """The same with the parameters in a Parameters resource, which may name patients."""
    return _start(request, Level.PATIENT, from_body(request, asking.KNOWN_OF_PATIENTS))


def export_group(request: Request) -> Answer:
    """Start an export of the records of a Group's members: GET [base]/Group/[id]/$export."""
    return _start(request, Level.GROUP, from_query(request, asking.KNOWN))


def export_group_posted(request: Request) -> Answer:
    """The same with the parameters in a Parameters resource, which may name some of the members."""
    return _start(request, Level.GROUP, from_body(request, asking.KNOWN_OF_PATIENTS))


def _start(request: Request, level: Level, given: Given) -> Answer:
    """202 with the address to ask for the status at.

    https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---success
    """
    hold(request.access)
    job = asking.job_of(request, level, given, _asked_url(request, level, given))
    ending.sweep()

    said = Issue(
        "information", "informational", "The export was started. Its address is in Content-Location."
    )
    answer = Answer(202, serialise(outcome([said])), headers={"Content-Location": _address(job)})

    def begin() -> None:
        asking.check_number(request.access)
        starting.enqueue(job)
        accounting.record_answer(request, answer)

    store.in_transaction(begin)
    return answer


def _asked_url(request: Request, level: Level, given: Given) -> str:
    place = {Level.SYSTEM: "", Level.PATIENT: "/Patient", Level.GROUP: f"/Group/{request.id}"}[level]
    pairs = [(name, value) for name, values in given.values.items() for value in values]
    query = f"?{urlencode(pairs, safe=':,/-')}" if pairs else ""
    return f"{settings.FHIR_BASE}{place}/$export{query}"


def export_status(request: Request) -> Answer:
    """202 with the progress, or 200 with the manifest of a complete export.

    Raises NotFound for an export that is not there or not this caller's, FhirError (500) for one that has
    failed.
    https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request
    """
    job = _own_job(request)
    starting.revive(job)
    if job.is_unfinished:
        # No numbers: how many resources are looked through says how many there are, for others too.
        progress = f"{100 * job.done // job.total} %" if job.total else job.state
        headers = {"X-Progress": progress, "Retry-After": str(settings.EXPORT_RETRY_SECONDS)}
        return Answer(202, headers=headers)
    if job.state == ExportJob.State.FAILED:
        raise FhirError(500, "exception", f"The export has failed: {job.reason}")
    written = list(job.files.order_by("id"))
    rights.same_reach(request.access, job, _types(written))
    headers = {"Content-Type": "application/json", "Expires": http_date(job.expires)}
    return Answer(200, serialise(_manifest(job, written)), headers=headers)


def cancel_export(request: Request) -> Answer:
    """202: the export is cancelled, or removed if it was complete.

    https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-delete-request
    """
    job = _own_job(request)
    said = Issue("information", "informational", "The export was cancelled, and its files were removed.")
    answer = Answer(202, serialise(outcome([said])))

    def cancel() -> None:
        ending.cancel(job)
        accounting.record_answer(request, answer)

    store.in_transaction(cancel)
    ending.remove(job)
    return answer


def export_file(request: Request) -> Answer:
    """A file of a complete export. Raises NotFound, and Forbidden where the token reaches other data by now.

    https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
    """
    job = _own_job(request)
    file = job.files.filter(name=request.file, job__state=ExportJob.State.COMPLETE).first()
    if file is None:
        raise _unknown()
    rights.same_reach(request.access, job, _types([file]))

    def check() -> None:
        with_renewal(request, lambda: hold(request.access))
        rights.again(job)

    try:
        pieces = Download(files.path_of(file), check)
    except FileNotFoundError as error:
        raise _unknown() from error
    request.type = file.type
    headers = {
        "Content-Type": "application/fhir+ndjson",
        "Content-Length": str(pieces.size),
        "Expires": http_date(job.expires),
    }
    return Answer(200, stream=pieces, headers=headers)


def _own_job(request: Request) -> ExportJob:
    """The export in the address, if the same client started it for the same person, and its token was not
    ended since.

    Raises NotFound, and AccessLapsed if the caller's own token has ended.
    """
    hold(request.access)
    job = ExportJob.objects.filter(
        pk=request.id, client=request.access.client, subject=request.access.subject, expires__gt=now()
    ).first()
    if job is None or job.state == ExportJob.State.CANCELLED:
        raise _unknown()
    try:
        rights.again(job)
    except Unauthorized as error:
        ending.remove(job)
        raise _unknown() from error
    return job


def _unknown() -> NotFound:
    return NotFound("There is no such export that this token can see.")


def _types(written: Collection[ExportFile]) -> set[str]:
    """Of which types these files tell: what was deleted may be of any."""
    if any(file.kind == ExportFile.Kind.DELETED for file in written):
        return {name for file in written for name in file.job.types}
    return {file.type for file in written}


def _address(job: ExportJob) -> str:
    return f"{settings.FHIR_BASE}/_export/{job.pk}"


def _manifest(job: ExportJob, written: Collection[ExportFile]) -> dict[str, object]:
    """https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---output-manifest"""
    lists: dict[str, list[dict[str, object]]] = {"output": [], "error": []}
    if job.since:
        lists["deleted"] = []
    for file in written:
        row: dict[str, object] = {
            "type": file.type,
            "url": f"{_address(job)}/{file.name}",
            "count": file.count,
        }
        lists[file.kind].append(row)
    return {
        "transactionTime": instant(job.transaction_time),
        "request": job.request,
        "requiresAccessToken": True,
        **lists,
    }

"""What a kick-off request asks for, checked before anything is started.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from django.conf import settings

from fhir import store
from fhir.access import Access
from fhir.associated import resources as resources_at
from fhir.elements import is_resource_type
from fhir.enforcement import require, visible
from fhir.exchange import Request
from fhir.export.members import patients_of
from fhir.export.models import ExportJob
from fhir.export.rights import digests
from fhir.export.running import expiry, now
from fhir.hashing import digest, reference_key
from fhir.interactions.operation_input import Given
from fhir.interactions.read import unknown
from fhir.outcome import BadRequest, Forbidden, Gone, TooManyRequests
from fhir.reach import Reach, read_and_found
from fhir.registry import RESOURCE_TYPES, SHARED_TYPES, compartment_class
from fhir.search.types.reference import own_address

KNOWN = frozenset({"_outputFormat", "_since", "_type"})
KNOWN_OF_PATIENTS = KNOWN | {"patient"}
_NDJSON = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})


def job_of(request: Request, level: ExportJob.Level, given: Given, url: str) -> ExportJob:
    """The export that is asked for, not yet stored. `url` is the address that was asked.

    Raises BadRequest for what is not understood or not supported, Forbidden, NotFound (for a Group out of
    reach).
    """
    access = request.access
    if "respond-async" not in request.prefer:
        raise BadRequest("An export is asynchronous: ask for it with the header 'Prefer: respond-async'.")
    # A plus sign in a query string that nobody has encoded arrives as a space.
    if given.one("_outputFormat").replace(" ", "+") not in (*_NDJSON, ""):
        raise BadRequest(
            "'_outputFormat': files are written as application/fhir+ndjson only.", code="not-supported"
        )
    if not access.ticket:
        raise Forbidden("This token cannot start work that goes on after the request.")
    members = _members(request) if level == ExportJob.Level.GROUP else None
    reach = _reach(access, level, given.words("_type"))
    return ExportJob(
        id=secrets.token_hex(16),
        client=access.client,
        subject=access.subject,
        ticket=access.ticket,
        request=url,
        level=level,
        group=request.id,
        patients=_patients(access, given.words("patient"), members),
        types=list(reach),
        since=given.since("_since"),
        reach=digests(reach),
        created=now(),
        beat=now(),
        expires=expiry(),
    )


def _reach(access: Access, level: ExportJob.Level, named: Collection[str]) -> Reach:
    """What may be exported of each type: of those that are named, or of all that the access reaches."""
    for name in named:
        if not is_resource_type(name):
            raise BadRequest(f"'_type': {name[:64]!r} is no resource type of FHIR R4.", code="value")
        if level != ExportJob.Level.SYSTEM and not _is_about_patients(name):
            raise BadRequest(
                f"'_type': {name} says nothing about patients: export it at system level.", code="value"
            )
        require(access, name, "r")
        require(access, name, "s")
    every = (name for name in RESOURCE_TYPES if level == ExportJob.Level.SYSTEM or _is_about_patients(name))
    reach = read_and_found(access, dict.fromkeys(named or every))
    if not reach or not reach.keys() >= set(named):
        raise Forbidden("The token's scopes must allow 'r' and 's' on what is to be exported.")
    return reach


def _is_about_patients(name: str) -> bool:
    return compartment_class(name) == "compartment" or name in SHARED_TYPES


def _members(request: Request) -> frozenset[str]:
    require(request.access, "Group", "r")
    group = store.read(request.access, "Group", request.id)
    if group is None:
        raise unknown(request)
    if group.deleted:
        raise Gone(f"Group/{request.id} was deleted.")
    return patients_of(group.text)


def _patients(access: Access, references: Collection[str], members: frozenset[str] | None) -> list[str]:
    """The ids of the patients that the request names. Raises BadRequest unless all are members, and can be
    seen."""
    addresses = dict.fromkeys(own_address(reference) or "" for reference in references)
    ids = [address.removeprefix("Patient/") for address in addresses]
    if not all(address.startswith("Patient/") for address in addresses):
        raise BadRequest("'patient' takes references to Patients on this server.", code="value")
    keys = {reference_key("Patient", each) for each in ids}
    seen = resources_at(access, keys, visible(access, "Patient", "r"))
    among_members = members is None or members.issuperset(ids)
    if not among_members or {hit.fhir_id for hit in seen if hit.type == "Patient"} != set(ids):
        raise BadRequest(
            "'patient' names somebody whom this token cannot see, or who is no member.", code="not-found"
        )
    return ids


def check_number(access: Access) -> None:
    """Raise TooManyRequests if as many exports of this client and person are under way as may be.

    Only inside a transaction: until it ends nobody else is let past here for the same client and person.
    """
    store.alone([digest("export", access.client, access.subject)])
    unfinished = ExportJob.objects.filter(
        client=access.client,
        subject=access.subject,
        state__in=[ExportJob.State.QUEUED, ExportJob.State.RUNNING],
        expires__gt=now(),
    )
    if unfinished.count() >= settings.EXPORT_MAX_JOBS:
        raise TooManyRequests(
            f"{settings.EXPORT_MAX_JOBS} exports are under way already: wait for one, or cancel one.",
            retry_after=settings.EXPORT_RETRY_SECONDS,
        )

"""The accounting of disclosures: every interaction is one event of the audit trail for each patient it
concerns.

A patient is concerned whose resources the answer tells of. Where it tells of none, that is the patient in the
token's context, else those whom the request names, else (of a resource that was refused) the one it belongs
to. What belongs to nobody goes with the patient concerned, if there is one.

What was allowed and changed nothing is told when the answer is there, and becomes events a moment later, in
another process or thread. Refusals are written at once. Writes are told by the store, with the write itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django.db import Error

from audit.events import Event, now, outcome_of
from audit.recording import record, remember
from fhir import refusals
from fhir.elements import is_resource_type
from fhir.exchange import Answer, Request, Shown
from fhir.incoming import is_id
from fhir.masking import LONGEST, masked, masked_query
from fhir.outcome import FhirError
from fhir.search.types.reference import own_address
from fhir.store.owners import owners, owners_of

logger = logging.getLogger(__name__)

MOST_NAMED = 20
"""So many patients that a query names are told of at the most, where it finds nothing."""

OF_EXPORTS = frozenset({"export-status", "export-delete", "export-file"})
"""Kinds whose address names an export and not a resource."""

_EVENTS_OF = "fhir.accounting.events_of"

Caller = tuple[str, str, str, str, str]
"""Person, client, patient in context, address, and the attempt if the event is to name it."""
Told = tuple[str, Caller, str, str, str, int, int, Sequence[Shown], int]
"""Of an interaction: kind, caller, type, id, query, entry, status, what was shown, when.

Texts and numbers only, which wait as JSON until the events are written.
"""


def tell(request: Request, answer: Answer) -> None:
    """Have an interaction that was allowed in the audit trail soon, unless it is there already.

    All else is done by `events_of`: this is a part of every read.
    """
    if answer.is_on_record or not request.kind:
        return
    remember(_EVENTS_OF, _asked(request, answer.status, answer.shown))


def record_answer(request: Request, answer: Answer) -> None:
    """Write the event of an interaction that was allowed in the transaction under way, for what changes
    something beside resources.
    """
    record(*_events(_asked(request, answer.status, answer.shown), owners(answer.shown)))
    answer.is_on_record = True


def refuse(request: Request, error: FhirError) -> None:
    """Write now that an interaction was refused, or has failed. Raises Django's database errors."""
    if not request.kind:
        return
    told = _asked(request, error.status, ())
    # Nobody without a token has the database asked for anything.
    is_sought = error.status != HTTPStatus.UNAUTHORIZED and refusals.is_addressed(request)
    whose = owners_of(request.type, request.id) if is_sought else []
    cause = error.cause or "; ".join(issue.diagnostics for issue in error.issues[:3])
    detail = {"cause": cause, "code": error.code, **refusals.why(request, error, whose)}
    if error.expression:
        detail["expression"] = error.expression
    detail = {name: masked(text) for name, text in detail.items()}
    patients = _named(told) or whose
    record(*(_event(told, patient, _address(told), detail) for patient in patients or ("",)))


def fail(request: Request) -> None:
    """Write that an interaction has ended in a way that nobody has foreseen, if the database lets us."""
    try:
        refuse(request, FhirError(500, "exception", "The server failed at this request."))
    except Error:
        logger.exception("A failed request could not be written to the audit trail.")


def events_of(told: Sequence[Told]) -> Iterator[Event]:
    """The events of interactions that were allowed. Raises Django's database errors."""
    every = owners([each for one in told for each in one[7]])
    start = 0
    for one in told:
        end = start + len(one[7])
        yield from _events(one, every[start:end])
        start = end


def _asked(request: Request, status: int, shown: Sequence[Shown]) -> Told:
    access = request.access
    attempt = access.attempt if access.is_first or status >= 400 else ""
    caller = (access.person, access.client, access.patient, access.origin, attempt)
    query = request.query[:LONGEST]
    return (request.kind, caller, request.type, request.id, query, request.entry, status, shown, now())


def _events(told: Told, found: Sequence[Collection[str]]) -> Iterable[Event]:
    shown = told[7]
    if not shown:
        return [_event(told, patient, _address(told)) for patient in _named(told) or ("",)]
    if len(shown) == 1 and len(found[0]) == 1:
        kind, fhir_id, version, _, _ = shown[0]
        return [_event(told, next(iter(found[0])), f"{kind}/{fhir_id}/_history/{version}")]
    by_patient: dict[str, list[str]] = {}
    nobodys: list[str] = []
    for (kind, fhir_id, version, _, _), patients in zip(shown, found, strict=True):
        address = f"{kind}/{fhir_id}/_history/{version}"
        for patient in patients:
            by_patient.setdefault(patient, []).append(address)
        if not patients:
            nobodys.append(address)
    if nobodys:
        by_patient.setdefault(_companion(told[1][2], by_patient), []).extend(nobodys)
    return [_event(told, patient, " ".join(addresses)) for patient, addresses in by_patient.items()]


def _companion(in_context: str, by_patient: Collection[str]) -> str:
    """The patient with whom goes what belongs to nobody: the only one concerned, else the one in context."""
    if len(by_patient) == 1:
        return next(iter(by_patient))
    return in_context if in_context in by_patient or not by_patient else ""


def _named(told: Told) -> list[str]:
    """The patients concerned where nothing is shown: the one in context, else those the request names."""
    kind, (_, _, in_context, _, _), resource_type, fhir_id, query, *_ = told
    if in_context:
        return [in_context]
    if resource_type == "Patient" and is_id(fhir_id) and kind not in OF_EXPORTS:
        return [fhir_id]
    return _in_query(resource_type, query) if "=" in query else []


def _in_query(resource_type: str, query: str) -> list[str]:
    names = ("patient", "subject", "_id") if resource_type == "Patient" else ("patient", "subject")
    found: dict[str, None] = {}
    for name, value in parse_qsl(query, errors="replace"):
        base, _, modifier = name.partition(":")
        if base not in names or modifier not in ("", "Patient"):
            continue
        for each in value.split(","):
            is_bare = is_id(each) and (base != "subject" or bool(modifier))
            address = f"Patient/{each}" if is_bare else own_address(each) or ""
            fhir_id = address.removeprefix("Patient/")
            if address.startswith("Patient/") and is_id(fhir_id):
                found[fhir_id] = None
    return list(found)[:MOST_NAMED]


def _address(told: Told) -> str:
    """What was asked for; nothing of an address that is none."""
    kind, _, resource_type, fhir_id, *_ = told
    if kind in OF_EXPORTS:
        return f"_export/{fhir_id}" if is_id(fhir_id) else "_export"
    if not is_resource_type(resource_type):
        return ""
    return masked(f"{resource_type}/{fhir_id}") if is_id(fhir_id) else resource_type


def _event(told: Told, patient: str, what: str, said: dict[str, Any] | None = None) -> Event:
    kind, (person, client, _, origin, attempt), resource_type, _, query, entry, status, _, time = told
    detail = dict(said) if said else {}
    if query:
        detail["query"] = masked_query(query)
    if entry >= 0:
        detail["entry"] = entry
    of_type = resource_type if is_resource_type(resource_type) else ""
    outcome = outcome_of(status)
    return Event(
        kind, outcome, status, person, client, patient, of_type, what, origin, attempt, detail, time
    )  # fmt: skip

"""What the audit trail is told of changes, together with them: one event for each patient of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from audit.events import Event
from fhir.access import Access
from fhir.hashing import MIXED
from fhir.store.changes import Change
from fhir.store.owners import owners

_KINDS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def events_of(access: Access, changes: Sequence[Change]) -> list[Event]:
    """The events of these changes. What the operator's commands write, in whose name nobody acts, is one
    event of kind `load` that says how many resources of which types there were.
    """
    if not changes:
        return []
    if not access.client and not access.subject:
        counts = Counter(change.type for change in changes)
        return [Event("load", "allowed", detail={"resources": dict(counts)})]
    return [
        _event(access, change, patient)
        for change in changes
        for patient in _patients(change) or (access.patient,)
    ]


def _patients(change: Change) -> Collection[str]:
    """The ids of the patients whose the resource was or will be; of what is gone, whose it was."""
    current = change.current
    found = change.rows.owners
    if current is not None and not current.deleted:
        found = found | current.rows.owners
    if not found and current is not None and current.deleted:
        return owners([(change.type, change.fhir_id, current.version, MIXED, "")])[0]
    return sorted(found)


def _event(access: Access, change: Change, patient: str) -> Event:
    return Event(
        _KINDS[change.method],
        "allowed",
        _status(change),
        access.person,
        access.client,
        patient,
        change.type,
        f"{change.type}/{change.fhir_id}/_history/{change.version}",
        access.origin,
        access.attempt if access.is_first else "",
        {"entry": change.entry} if change.entry >= 0 else None,
    )


def _status(change: Change) -> int:
    """The status that the interaction has where the caller asks for no words about it."""
    if change.resource is None:
        return 204
    return 201 if change.creates else 200

"""What an import would change, worked out from the file and from the clients that are there."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oauth.client_exchange import definition_form, own_form
from oauth.client_exchange.describing import describe
from oauth.client_exchange.entries import GivenSecret, Read
from oauth.client_exchange.new_secrets import to_add
from oauth.client_exchange.reading import read
from oauth.clients.metadata import BadMetadata, fill
from oauth.models import Application

_LONGEST_ID = 255
Status = Application.Status


@dataclass(frozen=True, slots=True)
class Change:
    """A member of a client's metadata, as it is and as it would be; `before` is None where it is new."""

    member: str
    before: Any
    after: Any


@dataclass(slots=True)
class Entry:
    """One client of the file, and what would become of it.

    `application` is the client as it would be saved, not saved; None if there are faults.
    """

    client_id: str
    name: str
    application: Application | None = None
    is_new: bool = True
    metadata: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    secrets: list[GivenSecret] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What happens: `faulty`, `new`, `changed` or `unchanged`."""
        if self.faults:
            return "faulty"
        if self.is_new:
            return "new"
        return "changed" if self.changes else "unchanged"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do with each client of a file, in the file's order."""

    entries: list[Entry]

    @property
    def has_faults(self) -> bool:
        """Whether something is wrong, so that nothing at all can be imported."""
        return any(entry.faults for entry in self.entries)

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to confirm."""
        return any(entry.kind in ("new", "changed") for entry in self.entries)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of all that the plan says and would do: two of the same do the same."""
        told = [
            [
                entry.client_id,
                entry.kind,
                [[change.member, change.before, change.after] for change in entry.changes],
                [[one.secret, one.description, str(one.starts), str(one.ends)] for one in entry.secrets],
                entry.notes,
                entry.faults,
            ]
            for entry in self.entries
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def plan(text: str, *, with_status: bool = False, lock: bool = False) -> Plan:
    """What an import of this file would do. Raises reading.BadFile.

    Not `with_status`, new clients start as drafts and known ones keep their status, whatever the file says.
    With `lock`, known clients stay as they are until the transaction ends.
    """
    entries = read(text)
    ids = [_client_id(entry) for entry in entries]
    known = _known(ids, lock=lock)
    planned = [
        _entry(entry, client_id, known.get(client_id), with_status=with_status)
        for entry, client_id in zip(entries, ids, strict=True)
    ]
    _refuse_twins(planned)
    _refuse_unknown_apps(planned)
    return Plan(planned)


def _client_id(entry: Mapping[str, Any]) -> str:
    """The client_id of an entry, the empty text where it is none that a client could have."""
    given = entry.get("clientId" if definition_form.is_definition(entry) else "client_id")
    if not isinstance(given, str) or len(given) > _LONGEST_ID or not given.isprintable():
        return ""
    return given


def _known(ids: Iterable[str], *, lock: bool) -> dict[str, Application]:
    clients = Application.objects.filter(client_id__in=set(ids)).order_by("pk")
    if lock:
        clients = clients.select_for_update(of=("self",))
    return {client.client_id: client for client in clients}


def _entry(
    entry: Mapping[str, Any], client_id: str, known: Application | None, *, with_status: bool
) -> Entry:
    is_definition = definition_form.is_definition(entry)
    found = definition_form.read(entry, known) if is_definition else own_form.read(entry)
    name = found.metadata.get("client_name", known.name if known else "")
    planned = Entry(client_id, name if isinstance(name, str) else "", is_new=known is None)
    planned.notes, planned.faults, planned.metadata = found.notes, found.faults, found.metadata
    if not client_id:
        planned.faults.append("client_id: is missing, or is none that a client can have.")
        return planned
    if not with_status or (known is not None and _is_unseen(known)):
        _leave_status(found, known)
    before = describe(known) if known else {}
    client = known or Application()
    try:
        fill(client, found.metadata)
    except BadMetadata as bad:
        planned.faults += bad.faults
        return planned
    planned.application = client
    planned.secrets = to_add(found, client)
    planned.changes = [*_changes(before, client, found.metadata), *_secret_changes(planned.secrets)]
    return planned


def _is_unseen(known: Application) -> bool:
    """An app that registered itself goes live only where staff see all that it says."""
    return known.registration_source == Application.RegistrationSource.DCR and known.status == Status.DRAFT


def _leave_status(found: Read, known: Application | None) -> None:
    """A file does not put anybody live, or out of service, unless whoever imports it says so."""
    wanted = found.metadata.get("status")
    if known is not None and wanted not in (None, known.status):
        found.drop(
            "status", f"the file says {str(wanted)[:80]}, the client is {known.status} here and stays so."
        )
        del found.metadata["status"]
    elif known is None and wanted == Status.LIVE:
        found.alter("status", "draft in place of live; put the client live when you have looked at it.")
        found.metadata["status"] = Status.DRAFT.value


def _changes(before: Mapping[str, Any], client: Application, metadata: Mapping[str, Any]) -> list[Change]:
    """The members that differ; for a new client all that say something."""
    after = describe(client)
    if "may_launch" in metadata:
        after["may_launch"] = sorted(set(metadata["may_launch"]))
    names = dict.fromkeys((*after, *before))
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return [Change(name, old, new) for name, old, new in pairs if old != new and (old or new)]


def _secret_changes(secrets: Iterable[GivenSecret]) -> Iterable[Change]:
    for one in secrets:
        starts, ends = (moment.isoformat() if moment else "" for moment in (one.starts, one.ends))
        words = f"one more: {one.description or 'without description'}, from {starts or 'now'}"
        yield Change("client_secrets", None, words + (f" to {ends}" if ends else ""))


def _refuse_twins(planned: Iterable[Entry]) -> None:
    times = Counter(entry.client_id for entry in planned if entry.client_id)
    for entry in planned:
        if times[entry.client_id] > 1:
            entry.faults.append("client_id: stands more than once in the file.")


def _refuse_unknown_apps(planned: Iterable[Entry]) -> None:
    """An app that may be launched is in the file, or is there already."""
    named = {app for entry in planned if not entry.faults for app in entry.metadata.get("may_launch", [])}
    there = set(Application.objects.filter(client_id__in=named).values_list("client_id", flat=True))
    there |= {entry.client_id for entry in planned}
    for entry in planned:
        missing = set(entry.metadata.get("may_launch", [])) - there if not entry.faults else set()
        entry.faults += [f"may_launch: there is no client {app[:100]}." for app in sorted(missing)]

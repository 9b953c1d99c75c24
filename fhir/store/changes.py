"""What is to become of resources: changes, stamped and indexed, before anything is written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhir import jsontext
from fhir.exchange import instant
from fhir.indexing import IndexRows, index_rows
from fhir.search.types.date import DateError


@dataclass(frozen=True)
class Current:
    """A resource as it stands, locked by the transaction that asked. `number` is its row's, `text` empty if
    it is deleted."""

    type: str
    number: int
    version: int
    last_updated: int
    deleted: bool
    text: str

    @cached_property
    def rows(self) -> IndexRows:
        """The index rows that it has: found again from its text."""
        return IndexRows() if self.deleted else index_rows(self.type, jsontext.parse(self.text.encode()))

    @property
    def content(self) -> IndexRows | None:
        """What decisions about it rest on: its index rows; None if it is deleted."""
        return None if self.deleted else self.rows


@dataclass(slots=True)
class Change:
    """What is to become of one resource: its new content, or None to delete it.

    `method` is POST, PUT, PATCH or DELETE. `apply` fills in what comes out of it: version, last_updated (in
    microseconds since 1970) and text; where the content is what it was, `changed` is False and they stay.
    `entry` is the position of the entry of a Bundle that asks for it, -1 outside.
    """

    type: str
    fhir_id: str
    method: str
    resource: dict[str, Any] | None
    current: Current | None = None
    version: int = 0
    last_updated: int = 0
    text: str = ""
    changed: bool = True
    rows: IndexRows = field(default_factory=IndexRows)
    number: int = 0
    entry: int = -1

    @property
    def creates(self) -> bool:
        """Whether there is no such resource yet, or only a deleted one."""
        return self.changed and self.resource is not None and (self.current is None or self.current.deleted)

    @property
    def content(self) -> IndexRows | None:
        """What decisions about it rest on: the index rows it will have; None if it will be deleted."""
        if not self.changed and self.current is not None:
            return self.current.content
        return None if self.resource is None else self.rows


def draft(
    resource_type: str,
    fhir_id: str,
    method: str,
    resource: dict[str, Any] | None,
    current: Current | None = None,
    *,
    lenient: bool = False,
) -> Change:
    """The change that gives a resource this content (None: that deletes it), stamped and indexed, not yet
    written.

    Whatever the resource says of its own id, version and time is overwritten. Content that is the same to the
    byte changes nothing, and deleting what is deleted neither.
    Raises fhir.search.types.date.DateError for a date that no calendar has, unless `lenient`: then nothing
    finds it. Raises fhir.search.types.composite.TooManyPairs.
    """
    change = Change(resource_type, fhir_id, method, resource, current)
    if current is not None and _same(change, current):
        change.version, change.last_updated, change.text = current.version, current.last_updated, current.text
        change.changed = False
        return change
    now = time.time_ns() // 1000
    change.version = current.version + 1 if current else 1
    change.last_updated = max(now, current.last_updated + 1) if current else now
    if resource is None:
        return change
    stamped = _stamp(resource, fhir_id, change.version, change.last_updated)
    change.text = jsontext.serialise(stamped).decode()
    change.rows = index_rows(resource_type, stamped)
    if change.rows.bad_dates and not lenient:
        raise DateError(change.rows.bad_dates[0])
    return change


def _same(change: Change, current: Current) -> bool:
    if change.resource is None or current.deleted:
        return change.resource is None and current.deleted
    stamped = _stamp(change.resource, change.fhir_id, current.version, current.last_updated)
    return jsontext.serialise(stamped).decode() == current.text


def _stamp(resource: dict[str, Any], fhir_id: str, version: int, last_updated: int) -> dict[str, Any]:
    """versionId and lastUpdated are the server's, the rest of meta is the client's.

    https://hl7.org/fhir/R4/resource.html#Meta
    """
    own = {"versionId": str(version), "lastUpdated": instant(last_updated)}
    meta = {**own, **{key: value for key, value in resource.get("meta", {}).items() if key not in own}}
    head = {"resourceType": resource["resourceType"], "id": fhir_id, "meta": meta}
    return {**head, **{key: value for key, value in resource.items() if key not in head}}

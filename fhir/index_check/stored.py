"""Resources as they are stored, and what their texts say of their rows and index rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fhir.exchange import instant
from fhir.hashing import reference_key
from fhir.indexing import IndexRows, index_rows

COLUMNS = (
    "r.id, r.type, r.fhir_id, r.key, r.version, r.last_updated, r.deleted, r.patient, r.date, r.text, "
    "CASE WHEN r.deleted THEN (SELECT v.text FROM fhir_resourceversion v "
    "WHERE v.resource_id = r.id AND v.version = r.version - 1) END AS ended"
)
"""What `Stored` is made of, of the row `r` of fhir_resource."""


class UnreadableError(ValueError):
    """A stored text is no resource of its row's type."""


class Stored(NamedTuple):
    """A row of fhir_resource; `ended` is the text that a deletion ended."""

    number: int
    type: str
    fhir_id: str
    key: int
    version: int
    last_updated: int
    deleted: bool
    patient: int
    date: int
    text: str
    ended: str | None

    @property
    def address(self) -> str:
        """Type/id."""
        return f"{self.type}/{self.fhir_id}"

    @property
    def is_stamped(self) -> bool:
        """Whether the text carries the row's id, version and time; a deletion has no text."""
        return is_stamped(self.type, self.fhir_id, self.version, self.last_updated, self.deleted, self.text)


def is_stamped(kind: str, fhir_id: str, version: int, updated: int, deleted: bool, text: str) -> bool:
    """Whether a version's text begins with these, as the store writes them; `updated` is in microseconds
    since 1970, and of the text its first 300 characters suffice."""
    if deleted:
        return not text
    return text.startswith(
        f'{{"resourceType":"{kind}","id":"{fhir_id}",'
        f'"meta":{{"versionId":"{version}","lastUpdated":"{instant(updated)}"'
    )


def extracted(stored: Stored, parse: Callable[[bytes], Any]) -> IndexRows:
    """The index rows that the stored text gives; of what is deleted only `patient`, that of its last content.

    Raises UnreadableError.
    """
    text = stored.ended if stored.deleted else stored.text
    if stored.deleted and not text:
        return IndexRows()
    try:
        resource = parse((text or "").encode())
        rows = index_rows(stored.type, resource)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError(str(error)) from error
    if resource["resourceType"] != stored.type:
        raise UnreadableError(resource["resourceType"])
    return IndexRows(patient=rows.patient) if stored.deleted else rows


def wrong_columns(stored: Stored, rows: IndexRows) -> Sequence[str]:
    """The columns of the row that repeat what the text says, and say something else."""
    right = {
        "key": (stored.key, reference_key(stored.type, stored.fhir_id)),
        "patient": (stored.patient, rows.patient),
        "date": (stored.date, rows.date),
    }
    return [name for name, (is_there, belongs) in right.items() if is_there != belongs]

"""The only reader and writer of resources. Each write takes its index rows along in the same transaction."""

from fhir.store.changes import Change, Current, draft
from fhir.store.identifiers import new_fhir_id
from fhir.store.reading import Version, last_content, read, versions
from fhir.store.transactions import alone, in_transaction
from fhir.store.writing import apply, lock

__all__ = [
    "Change",
    "Current",
    "Version",
    "alone",
    "apply",
    "draft",
    "in_transaction",
    "last_content",
    "lock",
    "new_fhir_id",
    "read",
    "versions",
]

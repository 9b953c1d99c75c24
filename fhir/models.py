"""The repository's tables, laid out for millions of resources.

`Resource` holds each resource's current version as the very text that is served; `ResourceVersion` holds the
superseded ones. Every index row repeats three columns of its resource: (patient, date, resource_id). So one
resource's row in any index is found by `hash` plus that triple, without an index on resource_id, and the two
commonest questions (of one patient; newest first) are answered by walking one index backwards.

`hash` is a 64-bit digest (fhir.hashing) of resource type, search parameter and, for tokens, of the value.
`patient` is the digest of the one patient that the resource belongs to: 0 if it belongs to none, MIXED (-1)
if its compartments and its patient parameter do not name one and the same patient; then Compartment and
ReferenceIndex say.
`date` is the low end of the type's main date in microseconds since 1970, 0 where there is none.

These rows are read and written by fhir.store and fhir.search with SQL of their own; nobody else touches them.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from fhir.export import models as export_models  # noqa: F401 — Django looks for an app's models from here


class ByteOrderedField(models.CharField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Text that is compared byte by byte on every database, so that prefixes are ranges of the index."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """PostgreSQL needs to be told; SQLite compares bytes anyway."""
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class Resource(models.Model):
    """The current version of a resource, deleted ones included (then without text)."""

    id = models.BigIntegerField(primary_key=True)
    type = ByteOrderedField(max_length=40)
    fhir_id = ByteOrderedField(max_length=64)
    key = models.BigIntegerField(help_text="Digest of 'Type/id': what references point at.")
    version = models.IntegerField()
    last_updated = models.BigIntegerField(help_text="Microseconds since 1970, UTC.")
    method = models.CharField(
        max_length=6, help_text="POST, PUT, PATCH or DELETE: how this version came to be."
    )
    deleted = models.BooleanField(default=False)
    patient = models.BigIntegerField(default=0, help_text="A deleted one keeps its last.")
    date = models.BigIntegerField(default=0)
    text = models.TextField(help_text="The JSON as it is served, id and meta included; empty when deleted.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["type", "fhir_id"], name="fhir_resource_type_id")]
        indexes = [
            models.Index(fields=["key"], name="fhir_resource_key"),
            models.Index(fields=["type", "date", "id"], name="fhir_resource_by_date"),
            models.Index(fields=["type", "last_updated", "id"], name="fhir_resource_by_update"),
            # Histories are read newest first, and look at deletions apart: these have no index rows any more.
            models.Index(fields=["last_updated", "id"], name="fhir_resource_history"),
            models.Index(
                fields=["type", "last_updated", "id"],
                name="fhir_resource_deleted",
                condition=models.Q(deleted=True),
            ),
            models.Index(
                fields=["patient", "last_updated", "id"],
                name="fhir_resource_ended",
                condition=models.Q(deleted=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type}/{self.fhir_id}"


class ResourceVersion(models.Model):
    """A superseded version. Text is empty where that version was a deletion."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="versions", db_index=False)
    version = models.IntegerField()
    last_updated = models.BigIntegerField()
    method = models.CharField(max_length=6)
    deleted = models.BooleanField(default=False)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["resource", "version"], name="fhir_version_resource")]
        indexes = [
            models.Index(fields=["last_updated", "resource", "version"], name="fhir_version_history"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} version {self.version}"


class IndexRow(models.Model):
    """The columns that every index shares."""

    hash = models.BigIntegerField()
    patient = models.BigIntegerField()
    date = models.BigIntegerField()
    resource_id = models.BigIntegerField()

    class Meta:
        abstract = True


class TokenIndex(IndexRow):
    """Whole values: hash covers type, parameter and code; `system` is the digest of the code system, 0 for
    none.

    `high` is the high end of the main date, so that date ranges of one patient's lab test stay in this index.
    """

    pk = models.CompositePrimaryKey("hash", "patient", "date", "resource_id", "system")
    system = models.BigIntegerField()
    high = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["hash", "date", "resource_id", "patient", "system", "high"], name="fhir_token_by_date"
            )
        ]


class ReferenceIndex(IndexRow):
    """`target` is the digest of 'Type/id', or of an absolute or canonical URL as it stands."""

    pk = models.CompositePrimaryKey("hash", "patient", "date", "resource_id", "target")
    target = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["hash", "target", "date", "resource_id", "patient"], name="fhir_reference_by_target"
            )
        ]


class StringIndex(IndexRow):
    """Strings folded for search (uri: as they stand). `prefix` is indexed; `value` holds the whole if it is
    longer.
    """

    pk = models.CompositePrimaryKey("hash", "patient", "date", "resource_id", "exact")
    exact = models.BigIntegerField(help_text="Digest of the unfolded string.")
    prefix = ByteOrderedField(max_length=100)
    value = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["hash", "prefix", "date", "resource_id", "patient"], name="fhir_string_by_prefix"
            )
        ]


class DateIndex(IndexRow):
    """A moment or period: first and last microsecond, both included."""

    pk = models.CompositePrimaryKey("hash", "patient", "date", "resource_id", "low", "high")
    low = models.BigIntegerField()
    high = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["hash", "low", "high", "resource_id"], name="fhir_date_by_low")]


class QuantityIndex(IndexRow):
    """Numbers and quantities; a single value has low = high. `code` and `unit` are digests, 0 for none."""

    pk = models.CompositePrimaryKey("hash", "patient", "date", "resource_id", "low", "high", "system", "code")
    low = models.FloatField()
    high = models.FloatField()
    system = models.BigIntegerField()
    code = models.BigIntegerField()
    unit = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["hash", "low", "high", "resource_id"], name="fhir_quantity_by_low")]


class Compartment(models.Model):
    """Which resources belong to which patient: R4's Patient compartment with our additions, one row per
    pair.
    """

    pk = models.CompositePrimaryKey("patient", "type", "date", "resource_id")
    patient = models.BigIntegerField(help_text="Digest of 'Patient/id'.")
    type = models.SmallIntegerField(
        help_text="Position of the resource's type in fhir.registry.RESOURCE_TYPES."
    )
    date = models.BigIntegerField()
    resource_id = models.BigIntegerField()

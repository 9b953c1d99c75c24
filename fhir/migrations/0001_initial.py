"""The repository's tables, and on PostgreSQL the sequence that numbers resources in blocks."""

import django.db.models.deletion
import fhir.models
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def number_in_blocks(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """PostgreSQL: each value of the sequence stands for a block of row numbers (fhir.store.identifiers)."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE SEQUENCE fhir_resource_block")


def drop_blocks(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Undo number_in_blocks."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP SEQUENCE fhir_resource_block")


def keep_high_in_key(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """PostgreSQL: let the key of token rows hold their last column too, so that a date range of one patient's
    values is answered from the index alone."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE fhir_tokenindex DROP CONSTRAINT fhir_tokenindex_pkey, "
            "ADD PRIMARY KEY (hash, patient, date, resource_id, system) INCLUDE (high)"
        )


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Compartment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient",
                        "type",
                        "date",
                        "resource_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("patient", models.BigIntegerField(help_text="Digest of 'Patient/id'.")),
                (
                    "type",
                    models.SmallIntegerField(
                        help_text="Position of the resource's type in fhir.registry.RESOURCE_TYPES."
                    ),
                ),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="DateIndex",
            fields=[
                ("hash", models.BigIntegerField()),
                ("patient", models.BigIntegerField()),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hash",
                        "patient",
                        "date",
                        "resource_id",
                        "low",
                        "high",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("low", models.BigIntegerField()),
                ("high", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hash", "low", "high", "resource_id"], name="fhir_date_by_low")
                ],
            },
        ),
        migrations.CreateModel(
            name="QuantityIndex",
            fields=[
                ("hash", models.BigIntegerField()),
                ("patient", models.BigIntegerField()),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hash",
                        "patient",
                        "date",
                        "resource_id",
                        "low",
                        "high",
                        "system",
                        "code",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("low", models.FloatField()),
                ("high", models.FloatField()),
                ("system", models.BigIntegerField()),
                ("code", models.BigIntegerField()),
                ("unit", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hash", "low", "high", "resource_id"], name="fhir_quantity_by_low")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReferenceIndex",
            fields=[
                ("hash", models.BigIntegerField()),
                ("patient", models.BigIntegerField()),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hash",
                        "patient",
                        "date",
                        "resource_id",
                        "target",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("target", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["hash", "target", "date", "resource_id", "patient"],
                        name="fhir_reference_by_target",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Resource",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("type", fhir.models.ByteOrderedField(max_length=40)),
                ("fhir_id", fhir.models.ByteOrderedField(max_length=64)),
                ("key", models.BigIntegerField(help_text="Digest of 'Type/id': what references point at.")),
                ("version", models.IntegerField()),
                ("last_updated", models.BigIntegerField(help_text="Microseconds since 1970, UTC.")),
                (
                    "method",
                    models.CharField(
                        help_text="POST, PUT, PATCH or DELETE: how this version came to be.", max_length=6
                    ),
                ),
                ("deleted", models.BooleanField(default=False)),
                ("patient", models.BigIntegerField(default=0)),
                ("date", models.BigIntegerField(default=0)),
                (
                    "text",
                    models.TextField(
                        help_text="The JSON as it is served, id and meta included; empty when deleted."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["key"], name="fhir_resource_key"),
                    models.Index(fields=["type", "date", "id"], name="fhir_resource_by_date"),
                    models.Index(fields=["type", "last_updated", "id"], name="fhir_resource_by_update"),
                    models.Index(fields=["last_updated", "id"], name="fhir_resource_history"),
                    models.Index(
                        condition=models.Q(("deleted", True)),
                        fields=["type", "last_updated", "id"],
                        name="fhir_resource_deleted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("type", "fhir_id"), name="fhir_resource_type_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="StringIndex",
            fields=[
                ("hash", models.BigIntegerField()),
                ("patient", models.BigIntegerField()),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hash",
                        "patient",
                        "date",
                        "resource_id",
                        "exact",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("exact", models.BigIntegerField(help_text="Digest of the unfolded string.")),
                ("prefix", fhir.models.ByteOrderedField(max_length=100)),
                ("value", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["hash", "prefix", "date", "resource_id", "patient"],
                        name="fhir_string_by_prefix",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenIndex",
            fields=[
                ("hash", models.BigIntegerField()),
                ("patient", models.BigIntegerField()),
                ("date", models.BigIntegerField()),
                ("resource_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hash",
                        "patient",
                        "date",
                        "resource_id",
                        "system",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("system", models.BigIntegerField()),
                ("high", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["hash", "date", "resource_id", "patient", "system", "high"],
                        name="fhir_token_by_date",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ResourceVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.IntegerField()),
                ("last_updated", models.BigIntegerField()),
                ("method", models.CharField(max_length=6)),
                ("deleted", models.BooleanField(default=False)),
                ("text", models.TextField()),
                (
                    "resource",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="fhir.resource",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("resource", "version"), name="fhir_version_resource")
                ],
                "indexes": [
                    models.Index(fields=["last_updated", "resource", "version"], name="fhir_version_history")
                ],
            },
        ),
        migrations.RunPython(number_in_blocks, drop_blocks),
        # Undoing it needs nothing: the table goes with its key.
        migrations.RunPython(keep_high_in_key, migrations.RunPython.noop),
    ]

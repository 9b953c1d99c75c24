"""The exports that were asked for, and the files that came of them. All times are microseconds since 1970."""

from __future__ import annotations

from django.db import models


class ExportJob(models.Model):
    """An export: what was asked for, by whom, and how far it has come.

    `ticket` is the one of the Access that started it (fhir.access), `reach` what that one reached: for
    each type the digest of a condition, so that later accesses can be compared. `attempt` counts the
    workers that took it up: only the latest may write here.
    """

    class Level(models.TextChoices):
        """Of what: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request"""

        SYSTEM = "system"
        PATIENT = "patient"
        GROUP = "group"

    class State(models.TextChoices):
        """How far it has come. A cancelled one is gone for its client, and soon altogether."""

        QUEUED = "queued"
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.CharField(primary_key=True, max_length=32, help_text="Random: a part of the address.")
    client = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    ticket = models.CharField(max_length=255)
    request = models.TextField(help_text="The URL that started it.")
    level = models.CharField(max_length=7, choices=Level.choices)
    group = models.CharField(max_length=64, blank=True)
    patients = models.JSONField(default=list, help_text="Ids, where the request names patients.")
    types = models.JSONField(default=list)
    since = models.BigIntegerField(default=0)
    reach = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    task = models.CharField(max_length=64, blank=True, help_text="The task's id in the queue.")
    attempt = models.IntegerField(default=1)
    created = models.BigIntegerField()
    beat = models.BigIntegerField(help_text="When a worker last gave a sign of life.")
    expires = models.BigIntegerField()
    transaction_time = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it failed.")

    class Meta:
        app_label = "fhir"
        indexes = [
            models.Index(fields=["client", "subject"], name="fhir_export_owner"),
            models.Index(fields=["expires"], name="fhir_export_expires"),
        ]

    def __str__(self) -> str:
        return f"Export {self.id}"

    @property
    def is_unfinished(self) -> bool:
        """Whether a worker has it before it, or at hand."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)


class ExportFile(models.Model):
    """A file of a complete export. The address names it; where it lies on disk nobody can ask for."""

    class Kind(models.TextChoices):
        """Resources of a type, or Bundles that say what was deleted."""

        OUTPUT = "output"
        DELETED = "deleted"

    job = models.ForeignKey(ExportJob, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=32, unique=True)
    attempt = models.IntegerField()
    kind = models.CharField(max_length=7, choices=Kind.choices)
    type = models.CharField(max_length=40)
    count = models.BigIntegerField()

    class Meta:
        app_label = "fhir"

    def __str__(self) -> str:
        return f"{self.type} of {self.job_id}"

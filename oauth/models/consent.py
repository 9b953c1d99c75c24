"""What a person allowed an app."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone


def in_force(now: datetime, path: str = "") -> models.Q:
    """The condition that a consent was neither withdrawn nor has run out; `path` leads to it, as in
    "consent__".
    """
    not_run_out = models.Q(**{f"{path}expires__isnull": True}) | models.Q(**{f"{path}expires__gt": now})
    return models.Q(not_run_out, **{f"{path}withdrawn__isnull": True})


class ConsentQuerySet(models.QuerySet["Consent"]):
    """Queries about consents."""

    def in_force(self, now: datetime | None = None) -> ConsentQuerySet:
        """Consents neither withdrawn nor run out at `now` (at this moment if left out)."""
        return self.filter(in_force(now or timezone.now()))


class Consent(models.Model):
    """One person's consent to one client, for one patient where the tokens are about a patient.

    Every code and token points at the consent it rests on; withdrawing it kills them all.
    """

    application = models.ForeignKey(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL, on_delete=models.CASCADE, related_name="consents"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    patient = models.CharField(max_length=64, blank=True)
    scope = models.TextField()
    asked = models.TextField(
        blank=True, help_text="Every scope that the person has answered for, whether allowed or not."
    )
    session_digest = models.CharField(
        max_length=64,
        blank=True,
        help_text="Until signed out: SHA-256 of the session that the consent lasts for.",
    )
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    expires = models.DateTimeField(null=True, blank=True)
    withdrawn = models.DateTimeField(null=True, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["application", "user", "patient"], name="consent_lookup")]

    def __str__(self) -> str:
        return f"{self.user} to {self.application}"

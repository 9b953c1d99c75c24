"""The launch context: what an app is opened for."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models

from accounts.models import FHIR_ID


def new_launch_id() -> str:
    """An opaque launch value that cannot be guessed: 192 random bits, URL-safe."""
    return secrets.token_urlsafe(24)


class LaunchContext(models.Model):
    """One launch of one app for one person, with the context that its tokens will carry.

    Made by the portal (EHR launch) or by a picker (standalone launch). It is claimed once, by the first
    authorization request that presents it; from then on it belongs to that request.
    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
    """

    id = models.CharField(primary_key=True, max_length=64, default=new_launch_id, editable=False)
    application = models.ForeignKey(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL, on_delete=models.CASCADE, related_name="launch_contexts"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="launch_contexts",
        help_text="The only person who may use this launch.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    made_by = models.ForeignKey(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The external EHR that asked for this launch, if it was not the portal.",
    )
    patient = models.CharField(max_length=64, blank=True, validators=[FHIR_ID])
    encounter = models.CharField(max_length=64, blank=True, validators=[FHIR_ID])
    fhir_context = models.JSONField(default=list, blank=True)
    need_patient_banner = models.BooleanField(default=True)
    intent = models.CharField(max_length=255, blank=True)
    smart_style_url = models.URLField(blank=True, max_length=500)
    tenant = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(help_text="After this moment an unclaimed launch is refused.")
    claimed_by = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="The authorization request that uses this launch.",
    )
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempt = models.CharField(
        max_length=8, blank=True, editable=False, help_text="Reference code of the attempt that it begins."
    )

    class Meta:
        indexes = [models.Index(fields=["expires"], name="launch_expires")]

    def __str__(self) -> str:
        """Never the id itself: it is a credential until it is claimed."""
        return f"{self.application} for {self.user}" + (f", Patient/{self.patient}" if self.patient else "")

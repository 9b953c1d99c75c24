"""Dynamic registration: who may register a client, and who may change what they registered."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class InitialAccessToken(models.Model):
    """What staff hand to developers so that their apps can register themselves; kept as a digest only.

    https://www.rfc-editor.org/rfc/rfc7591#section-1.2
    """

    digest = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256, in hexadecimal digits."
    )
    description = models.CharField(max_length=255, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    registrations_left = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many clients it can still register; empty: any number."
    )
    revoked = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.description or f"Initial access token of {self.created:%Y-%m-%d}"


class ClientRegistration(models.Model):
    """That a client registered itself, and the token by which it may read and change its registration.

    https://www.rfc-editor.org/rfc/rfc7592#section-3
    """

    application = models.OneToOneField(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL, on_delete=models.CASCADE, related_name="registration"
    )
    digest = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256 of the registration access token."
    )
    initial_access_token = models.ForeignKey(
        InitialAccessToken, on_delete=models.SET_NULL, null=True, blank=True, related_name="registrations"
    )
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Registration of {self.application}"

"""Other authorization servers whose access tokens open our FHIR API."""

from __future__ import annotations

from django.conf import settings
from django.db import models


def usual_algorithms() -> list[str]:
    """What most servers sign with."""
    return ["RS256", "RS384", "ES256", "ES384"]


class TrustedIssuer(models.Model):
    """One issuer: how its tokens are recognised, what they can give at most, and how long each counts.

    `oauth.foreign.issuers` says what may stand here, `oauth.foreign.tokens` goes by it. Any change renews the
    stamp of `oauth.tokens.standing`, so that every token of the issuer is judged anew. What it issued before
    `refused_before` is dead; a trigger (`oauth.tokens.lasting_ends`) writes it when `active` changes.
    """

    class Keys(models.TextChoices):
        DISCOVERY = "discovery", "Discovered: the issuer's metadata name them"
        JWKS_URI = "jwks_uri", "Published at the address below (jwks_uri)"
        JWKS = "jwks", "Pasted below (jwks)"

    class Checking(models.TextChoices):
        INTROSPECTION = "introspection", "The issuer is asked whether it is still active, each second at most"
        UNTIL_EXP = "until_exp", "Accepted until it expires (exp): the issuer cannot take it back earlier"

    name = models.CharField(max_length=120)
    active = models.BooleanField(default=True)
    issuer = models.CharField(max_length=200, unique=True)
    keys = models.CharField(max_length=10, choices=Keys.choices, default=Keys.DISCOVERY)
    jwks_uri = models.CharField(max_length=500, blank=True)
    jwks = models.TextField(blank=True)
    algorithms = models.JSONField(default=usual_algorithms)
    audience = models.CharField(max_length=500, blank=True)
    fhir_base = models.CharField(max_length=500, blank=True)
    patient_claim = models.CharField(max_length=120, default="patient")
    user_claim = models.CharField(max_length=120, default="fhirUser")
    scope_claim = models.CharField(max_length=120, default="scope")
    client_claim = models.CharField(max_length=120, default="client_id")
    scope = models.TextField()
    checking = models.CharField(max_length=13, choices=Checking.choices, default=Checking.UNTIL_EXP)
    introspection_endpoint = models.CharField(max_length=500, blank=True)
    introspection_client_id = models.CharField(max_length=255, blank=True)
    introspection_secret_encrypted = models.TextField(blank=True, editable=False)
    allowed_origins = models.TextField(blank=True)
    refused_before = models.DateTimeField(null=True, blank=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def expected_audience(self) -> str:
        """What `aud` of its tokens must contain."""
        return self.audience or settings.FHIR_BASE

    @property
    def is_introspected(self) -> bool:
        """Whether the issuer is asked about its tokens."""
        return self.checking == self.Checking.INTROSPECTION

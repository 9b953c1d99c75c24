"""The keys that sign our tokens."""

from django.db import models


class SigningKey(models.Model):
    """A key pair. The private part is stored encrypted only; the public part is what /oauth/jwks shows.

    Life: published (seen in jwks, does not sign yet) → active (signs) → retired (still in jwks until
    `withdrawn`).
    """

    class Status(models.TextChoices):
        PUBLISHED = "published", "Published, will sign later"
        ACTIVE = "active", "Signing"
        RETIRED = "retired", "Retired, still verifies"
        WITHDRAWN = "withdrawn", "Withdrawn"

    kid = models.CharField("key id", max_length=64, unique=True, editable=False)
    algorithm = models.CharField(max_length=8, choices=[("ES256", "ES256"), ("RS256", "RS256")])
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PUBLISHED, db_index=True)
    public_jwk = models.JSONField(editable=False)
    private_key_encrypted = models.BinaryField(editable=False)
    created = models.DateTimeField(auto_now_add=True)
    activated = models.DateTimeField(null=True, blank=True)
    retired = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid}"

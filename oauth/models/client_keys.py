"""What is remembered of clients that prove themselves with a key: fetched key sets and used assertions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class FetchedKeySet(models.Model):
    """The last answer from a client's `jwks_uri`, for all workers, and how the last attempt went.

    `keys` counts until `expires` and no longer. `tried` is the time of the last attempt, `failure` why it
    failed, empty if it did not.
    """

    url = models.CharField(max_length=500, unique=True)
    keys = models.TextField(blank=True)
    fetched = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(null=True, blank=True)
    tried = models.DateTimeField()
    failure = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return self.url


class ClientAssertionJti(models.Model):
    """The `jti` of an assertion that was taken once. The constraint is what refuses it the second time.

    https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
    """

    application = models.ForeignKey(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 of the jti, in hexadecimal digits.")
    expires = models.DateTimeField(help_text="From then on the assertion is refused by its exp alone.")
    # The database fills it in: the statements that use assertions up name their columns.
    used = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was taken.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "digest"], name="assertion_jti_once")]
        indexes = [models.Index(fields=["expires"], name="assertion_jti_expires")]

    def __str__(self) -> str:
        return f"Assertion of {self.application}"

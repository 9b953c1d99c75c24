"""People and who they are in FHIR."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

FHIR_USER = RegexValidator(
    r"^(Patient|RelatedPerson|Practitioner)/[A-Za-z0-9\-.]{1,64}\Z",
    "Write Patient/…, RelatedPerson/… or Practitioner/… followed by the resource's id.",
)
FHIR_ID = RegexValidator(
    r"^[A-Za-z0-9\-.]{1,64}\Z", "Write the id of a resource: letters, digits, '-' and '.'."
)


class User(AbstractUser):  # type: ignore[django-manager-missing]  # made by an untyped library
    """A person who signs in. `is_staff` opens the admin console and gives no clinical access whatsoever."""

    uid = models.UUIDField(
        "subject",
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text="The stable `sub` that apps see.",
    )
    fhir_user = models.CharField(
        "FHIR user",
        max_length=80,
        blank=True,
        db_index=True,
        validators=[FHIR_USER],
        help_text="The FHIR resource that describes this person, for example Practitioner/123. "
        "It decides what this person may see; without it the person can launch nothing.",
    )
    credentials_reset_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Tokens issued before this moment are dead."
    )
    standing_changed_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the account was last switched off or on, or became another FHIR user. Tokens that "
        "other servers issued before are dead.",
    )

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Ties sessions to the credentials that opened them: Django ends those for which this has changed.

        By itself it does so for a new password; here also for the moment at which staff reset something.
        """
        by_password = super()._get_session_auth_hash(secret)  # type: ignore[misc]  # the stubs know it not
        if self.credentials_reset_at is None:
            return str(by_password)
        moment = self.credentials_reset_at.isoformat()
        return salted_hmac("accounts.session", by_password + moment, secret, algorithm="sha256").hexdigest()

    @property
    def fhir_user_type(self) -> str:
        """`Patient`, `RelatedPerson`, `Practitioner`, or the empty string for a person without FHIR user."""
        return self.fhir_user.partition("/")[0]

    def __str__(self) -> str:
        return display_name(self)


def display_name(user: User) -> str:
    """The name by which pages address a person: the full name where there is one, else the user name."""
    return user.get_full_name() or user.username


class ProxyQuerySet(models.QuerySet["Proxy"]):
    """Queries about proxies."""

    def in_force(self, now: datetime | None = None) -> ProxyQuerySet:
        """The proxies that count at `now` (at this moment if left out): switched on, begun, and not ended."""
        now = now or timezone.now()
        begun = models.Q(starts__isnull=True) | models.Q(starts__lte=now)
        not_ended = models.Q(ends__isnull=True) | models.Q(ends__gt=now)
        return self.filter(begun, not_ended, active=True)


class Proxy(models.Model):
    """The right of a RelatedPerson user to act for one patient, until it ends."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="proxies")
    patient = models.CharField(
        "patient id",
        max_length=64,
        validators=[FHIR_ID],
        help_text="The id of the Patient resource, without 'Patient/'.",
    )
    active = models.BooleanField(default=True)
    starts = models.DateTimeField(null=True, blank=True)
    ends = models.DateTimeField(
        null=True, blank=True, help_text="From this moment on the proxy gives nothing."
    )

    objects = ProxyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "proxies"
        constraints = [
            models.UniqueConstraint(fields=["user", "patient"], name="one_proxy_per_user_and_patient")
        ]

    def __str__(self) -> str:
        return f"{self.user} for Patient/{self.patient}"


# Django looks for an app's models here.
from accounts.federation.identity_provider import IdentityProvider  # noqa: E402

__all__ = ["FHIR_ID", "FHIR_USER", "IdentityProvider", "Proxy", "ProxyQuerySet", "User", "display_name"]

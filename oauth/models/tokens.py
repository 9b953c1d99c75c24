"""Codes and tokens: django-oauth-toolkit's, with launch context, consent, family, and how they die."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    TokenChecksumField,
)

OF_A_SESSION = models.Q(session_expires__isnull=False)
"""What lives by a session. Indexes of sessions hold these rows only, and are used by queries that say so."""


class Issued(models.Model):
    """What a code and the tokens that come of it have in common."""

    # Indexed by each of the tables itself: an index that Django adds for a text has a second one beside it,
    # for searches by its beginning, which nobody ever does with an id, a digest or a jti.
    launch_context = models.ForeignKey(
        "launch.LaunchContext",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    consent = models.ForeignKey(
        "oauth.Consent", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    auth_time = models.DateTimeField(null=True, blank=True, help_text="When the person signed in.")
    session_digest = models.CharField(
        max_length=64, blank=True, help_text="For online_access: SHA-256 of the session that keeps it alive."
    )
    session_expires = models.DateTimeField(
        null=True, blank=True, help_text="For online_access: when that session ends at the latest."
    )

    class Meta:
        abstract = True


class Grant(AbstractGrant, Issued):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """An authorization code. It stays, marked used, so that a replay is recognised and kills its tokens.

    https://datatracker.ietf.org/doc/html/rfc6749#section-4.1.2
    """

    code = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the code, in hexadecimal digits."
    )
    nonce = models.TextField(blank=True, default="")
    token_family = models.UUIDField(default=uuid.uuid4, editable=False, db_index=True)
    used = models.DateTimeField(null=True, blank=True, editable=False)
    attempt = models.CharField(
        max_length=8, blank=True, editable=False, help_text="The reference code of the authorization attempt."
    )

    class Meta(AbstractGrant.Meta):  # type: ignore[misc]
        swappable = "OAUTH2_PROVIDER_GRANT_MODEL"
        indexes = [models.Index(fields=["launch_context"], name="grant_launch_context")]

    def __str__(self) -> str:
        return f"Code {self.pk} of {self.application}"


class AccessToken(AbstractAccessToken, Issued):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """An access token's record: the JWT itself is not kept, only its digest and jti."""

    token_checksum = TokenChecksumField(max_length=64, editable=False)
    jti = models.CharField(max_length=64, editable=False)
    token_family = models.UUIDField(null=True, editable=False, db_index=True)
    kid = models.CharField("signed with", max_length=64, blank=True, editable=False)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta(AbstractAccessToken.Meta):  # type: ignore[misc]
        swappable = "OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL"
        indexes = [
            models.Index(fields=["expires"], name="access_expires"),
            models.Index(fields=["launch_context"], name="access_launch_context"),
            models.Index(fields=["session_digest"], name="access_of_session", condition=OF_A_SESSION),
        ]
        constraints = [
            models.UniqueConstraint(fields=["token_checksum"], name="access_token_once"),
            models.UniqueConstraint(fields=["jti"], name="access_jti_once"),
        ]

    def __str__(self) -> str:
        return f"Access token {self.pk} of {self.application}"

    def revoke(self) -> None:
        """Kill this token. The row stays, so that it can be seen that it was revoked and when."""
        type(self).objects.filter(pk=self.pk, revoked__isnull=True).update(revoked=timezone.now())


class RefreshToken(AbstractRefreshToken, Issued):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """A refresh token's record; the token is kept as a digest only. Rotation: one living token per family."""

    expires = models.DateTimeField(null=True, blank=True)
    scope = models.TextField(blank=True)

    class Meta(AbstractRefreshToken.Meta):  # type: ignore[misc]
        swappable = "OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL"
        indexes = [
            *AbstractRefreshToken.Meta.indexes,
            models.Index(fields=["launch_context"], name="refresh_launch_context"),
            models.Index(fields=["session_digest"], name="refresh_of_session", condition=OF_A_SESSION),
        ]

    def __str__(self) -> str:
        return f"Refresh token {self.pk} of {self.application}"


class IDToken(AbstractIDToken):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """An ID token's record."""

    class Meta(AbstractIDToken.Meta):  # type: ignore[misc]
        swappable = "OAUTH2_PROVIDER_ID_TOKEN_MODEL"

    def __str__(self) -> str:
        return f"ID token {self.pk} of {self.application}"

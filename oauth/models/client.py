"""Registered apps and their secrets."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import models
from django.utils import timezone
from oauth2_provider.models import AbstractApplication, ApplicationManager

# RFC 8252 §7.3: a native app listens on whatever port it gets.
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(/.*)?\Z", re.DOTALL)


class Application(AbstractApplication):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """A SMART app that the hospital registered.

    django-oauth-toolkit's own `client_secret` stays empty: secrets live in ClientSecret, several at a time.
    Metadata names follow RFC 7591 https://datatracker.ietf.org/doc/html/rfc7591#section-2
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft: cannot be used yet"
        LIVE = "live", "Live"
        SUSPENDED = "suspended", "Suspended: every token is dead"
        RETIRED = "retired", "Retired: gone for good"

    class ApplicationType(models.TextChoices):
        WEB = "web", "Web app with a server of its own"
        BROWSER = "browser", "Browser app (HTML and JavaScript only)"
        NATIVE = "native", "Native app on a phone or desktop"
        BACKEND = "backend", "Backend service, no person present"

    class AuthMethod(models.TextChoices):
        NONE = "none", "None: a public client"
        BASIC = "client_secret_basic", "Secret, sent by HTTP Basic"
        POST = "client_secret_post", "Secret, sent in the body"
        PRIVATE_KEY_JWT = "private_key_jwt", "Assertion, signed with its private key"

    class ConsentPolicy(models.TextChoices):
        REMEMBER = "remember", "Remember a person's consent, ask again only for more"
        ALWAYS = "always", "Always ask"

    class Introspection(models.TextChoices):
        NONE = "none", "None"
        OWN = "own", "Its own tokens"
        ANY = "any", "Every client's tokens"

    # Nothing is ever kept here, so that nothing ever matches it.
    client_secret = models.CharField(max_length=255, blank=True, default="", editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT, db_index=True)
    status_since = models.DateTimeField(null=True, blank=True, editable=False)
    application_type = models.CharField(
        max_length=10, choices=ApplicationType.choices, default=ApplicationType.BROWSER
    )
    token_endpoint_auth_method = models.CharField(
        max_length=24, choices=AuthMethod.choices, default=AuthMethod.NONE
    )
    description = models.TextField(
        blank=True, help_text="One or two sentences for the gallery and the consent page."
    )
    publisher = models.CharField(max_length=255, blank=True)
    logo_uri = models.URLField(blank=True)
    client_uri = models.URLField(blank=True, help_text="The app's home page.")
    policy_uri = models.URLField(blank=True, help_text="Where the app says how it treats data.")
    tos_uri = models.URLField("terms of service", blank=True)
    contacts = models.JSONField(
        default=list, blank=True, help_text="E-mail addresses of the people responsible."
    )
    software_id = models.CharField(max_length=255, blank=True, db_index=True)
    launch_url = models.URLField(
        blank=True, max_length=500, help_text="Where the portal opens the app with `iss` and `launch`."
    )
    grant_types = models.JSONField(
        default=list,
        blank=True,
        help_text="authorization_code, refresh_token, client_credentials; empty: the first two.",
    )
    # Named as django-oauth-toolkit names them, beginning with the release after 3.4.
    client_jwks = models.TextField("key set", blank=True, help_text="The client's public keys, as JSON.")
    client_jwks_uri = models.URLField(
        "key set URL", blank=True, max_length=500, help_text="Where the client publishes its public keys."
    )
    scope = models.TextField(blank=True, help_text="What the app may ask for, separated by spaces.")
    auto_approved_scope = models.TextField(
        blank=True, help_text="Granted without being shown on the consent page, separated by spaces."
    )
    required_scope = models.TextField(
        blank=True,
        help_text="What the app cannot work without: it has no tick. Separated by spaces.",
    )
    consent_policy = models.CharField(
        max_length=10, choices=ConsentPolicy.choices, default=ConsentPolicy.REMEMBER
    )
    introspection = models.CharField(max_length=4, choices=Introspection.choices, default=Introspection.NONE)
    access_token_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Life of an access token in seconds, 300 to 3600; empty: the server's default.",
    )
    refresh_token_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="Life of a refresh token in seconds; empty: the server's default."
    )

    may_launch = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="may_be_launched_by",
        help_text="For an external EHR: the apps that it may launch through /launch/contexts.",
    )

    objects = ApplicationManager()

    class Meta(AbstractApplication.Meta):  # type: ignore[misc]
        swappable = "OAUTH2_PROVIDER_APPLICATION_MODEL"
        verbose_name = "client"

    def natural_key(self) -> tuple[str]:
        """Clients are told apart by their client_id."""
        return (self.client_id,)

    @property
    def is_live(self) -> bool:
        """Only a live client gets codes and tokens, and only its tokens are alive."""
        return self.status == self.Status.LIVE

    def clean(self) -> None:
        """Nothing here: oauth.clients.metadata.faults judges a client as a whole, at every door alike."""

    def is_usable(self, request: object) -> bool:
        """django-oauth-toolkit's question whether this client may take part in a request."""
        return self.is_live

    @property
    def is_public(self) -> bool:
        """A client that is registered as unable to keep a secret; a blank secret makes nobody public."""
        return (
            self.client_type == self.CLIENT_PUBLIC and self.token_endpoint_auth_method == self.AuthMethod.NONE
        )

    @property
    def has_secrets(self) -> bool:
        """A client that must prove itself with one of its secrets, in the way it is registered for."""
        return self.client_type == self.CLIENT_CONFIDENTIAL and self.token_endpoint_auth_method in (
            self.AuthMethod.BASIC,
            self.AuthMethod.POST,
        )

    @property
    def has_keys(self) -> bool:
        """A client that must prove itself by an assertion signed with one of its registered keys."""
        return (
            self.client_type == self.CLIENT_CONFIDENTIAL
            and self.token_endpoint_auth_method == self.AuthMethod.PRIVATE_KEY_JWT
        )

    def may_use_grant(self, grant_type: str) -> bool:
        """Whether the client is registered for a grant type of RFC 7591, such as `refresh_token`."""
        return grant_type in (self.grant_types or ["authorization_code", "refresh_token"])

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Whether a redirect_uri is registered: equal character by character.

        Only the port of a native app's loopback address may differ.
        https://www.rfc-editor.org/rfc/rfc9700#section-2.1 https://www.rfc-editor.org/rfc/rfc8252#section-7.3
        """
        registered = self.redirect_uris.split()
        if uri in registered:
            return True
        if self.application_type != self.ApplicationType.NATIVE or not (asked := _LOOPBACK.match(uri)):
            return False
        return any(asked.groups() == known.groups() for known in map(_LOOPBACK.match, registered) if known)


class ClientSecretQuerySet(models.QuerySet["ClientSecret"]):
    """Queries about secrets."""

    def in_force(self, now: datetime | None = None) -> ClientSecretQuerySet:
        """The secrets that open the door at `now` (at this moment if left out): begun and not ended."""
        now = now or timezone.now()
        return self.filter(models.Q(ends__isnull=True) | models.Q(ends__gt=now), starts__lte=now)


class ClientSecret(models.Model):
    """One of a client's secrets, kept only as a salted digest. Two overlap while the app changes over."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="secrets")
    digest = models.CharField(max_length=128, editable=False)
    description = models.CharField(max_length=255, blank=True)
    starts = models.DateTimeField(default=timezone.now)
    ends = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ClientSecretQuerySet.as_manager()

    def __str__(self) -> str:
        return self.description or f"Secret of {self.application} from {self.starts:%Y-%m-%d}"

"""A person's way through /oauth/authorize, kept on the server."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models


def new_request_id() -> str:
    """A random id of 192 bits: all that the pages between authorize and consent carry."""
    return secrets.token_urlsafe(24)


class AuthorizationRequest(models.Model):
    """An authorization request whose client and redirect_uri are proven.

    Sign-in, pickers and consent read and write this row only; nothing in their forms or URLs can change it.
    """

    id = models.CharField(primary_key=True, max_length=64, default=new_request_id, editable=False)
    session_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the browser binding kept in its session."
    )
    application = models.ForeignKey(settings.OAUTH2_PROVIDER_APPLICATION_MODEL, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True)
    parameters = models.JSONField(
        help_text="The request as it came: redirect_uri, state, scope, aud, code_challenge …"
    )
    scope = models.TextField(help_text="The asked scopes, narrowed to what the client may ask.")
    launch_context = models.ForeignKey(
        "launch.LaunchContext",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="authorization_requests",
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    sign_in_shown = models.BooleanField(
        default=False, help_text="The last page that the person saw was the sign-in page."
    )
    finished = models.DateTimeField(
        null=True, blank=True, help_text="When a code was given or the person declined."
    )
    attempt = models.CharField(
        max_length=8, blank=True, editable=False, help_text="Reference code of this authorization attempt."
    )

    class Meta:
        indexes = [models.Index(fields=["expires"], name="authreq_expires")]

    def __str__(self) -> str:
        return f"{self.application}, {self.created:%Y-%m-%d %H:%M}"

    def one(self, name: str) -> str:
        """A parameter of the request as it came; empty if it was not sent."""
        return str(self.parameters.get(name, ""))

    @property
    def prompt(self) -> list[str]:
        """OpenID Connect's `prompt`: what the person must be shown, or `none`."""
        return self.one("prompt").split()

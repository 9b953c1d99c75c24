"""The scope catalogue: what this server is willing to grant at all."""

from django.db import models


class Scope(models.Model):
    """One line of the catalogue. A scope that no enabled line covers is neither granted nor honoured."""

    pattern = models.CharField(
        max_length=255, unique=True, help_text="A scope, such as patient/*.cruds, launch/patient or openid."
    )
    description = models.CharField(max_length=255, blank=True, help_text="Plain words for the consent page.")
    enabled = models.BooleanField(
        default=True,
        help_text="Switching off stops new grants and narrows living tokens at their next request.",
    )
    advertised = models.BooleanField(default=True, help_text="Listed in scopes_supported.")
    sensitive = models.BooleanField(
        default=False, help_text="Marked on the consent page and in the client form."
    )
    default = models.BooleanField("offered to new clients", default=False)

    class Meta:
        ordering = ["pattern"]

    def __str__(self) -> str:
        return self.pattern

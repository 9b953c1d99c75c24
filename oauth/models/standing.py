"""The stamp that every change to what tokens rest on renews: see oauth.tokens.standing."""

from django.db import models


class Standing(models.Model):
    """One row, which triggers write and nobody else. `renewed_by` names the statement that did so last."""

    stamp = models.BigIntegerField()
    renewed_by = models.CharField(max_length=80)

    def __str__(self) -> str:
        return str(self.stamp)

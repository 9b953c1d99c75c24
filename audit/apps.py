"""The audit trail."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """The lowest room: everybody writes to it, and it knows nobody."""

    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The triggers that keep the trail are made whenever tables are."""
        from audit import append_only

        post_migrate.connect(append_only.install, sender=self)

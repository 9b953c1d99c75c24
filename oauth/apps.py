"""Django's entry for the oauth app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class OauthConfig(AppConfig):
    """Connects what must happen when tables are made and when sessions end."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "oauth"

    def ready(self) -> None:
        """Connect the receivers."""
        from django.contrib.sessions.models import Session

        from oauth import catalogue, online_sessions

        post_migrate.connect(catalogue.seed, sender=self, dispatch_uid="oauth.catalogue.seed")
        post_delete.connect(
            online_sessions.end_online_access, sender=Session, dispatch_uid="oauth.online_sessions"
        )

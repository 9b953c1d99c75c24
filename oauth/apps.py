"""Django's entry for the oauth app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class OauthConfig(AppConfig):
    """Connects what must happen when tables are made, and when what tokens rest on ends."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "oauth"
    verbose_name = "Apps and tokens"

    def ready(self) -> None:
        """Connect the receivers."""
        from corsheaders.signals import check_request_enabled
        from django.contrib.auth.signals import user_logged_in
        from django.contrib.sessions.models import Session

        from oauth import catalogue, cors, stored_requests
        from oauth.tokens import lasting_ends, online_sessions, standing

        check_request_enabled.connect(cors.is_allowed, dispatch_uid="oauth.cors")
        user_logged_in.connect(stored_requests.bind, dispatch_uid="oauth.binding")
        post_migrate.connect(catalogue.seed, sender=self, dispatch_uid="oauth.catalogue")
        post_migrate.connect(standing.install, sender=self, dispatch_uid="oauth.standing")
        post_migrate.connect(lasting_ends.install, sender=self, dispatch_uid="oauth.lasting_ends")
        post_delete.connect(online_sessions.end_online_access, sender=Session, dispatch_uid="oauth.sessions")

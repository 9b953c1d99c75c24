"""Django's entry for the accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete


class AccountsConfig(AppConfig):
    """Names the app, and connects what follows from factors and sessions."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        """Connect the receivers."""
        from allauth.mfa.signals import authenticator_added
        from django.contrib.sessions.models import Session

        from accounts import second_factor, sessions
        from accounts.federation.identity_provider import IdentityProvider, forget_links

        authenticator_added.connect(second_factor.note_new_factor, dispatch_uid="accounts.new_factor")
        post_delete.connect(forget_links, sender=IdentityProvider, dispatch_uid="accounts.links")
        post_delete.connect(sessions.forget_session, sender=Session, dispatch_uid="accounts.sessions")

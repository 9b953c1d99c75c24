"""Django's entry for the accounts app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class AccountsConfig(AppConfig):
    """Names the app, and connects what follows from sign-ins, factors and sessions."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        """Connect the receivers."""
        from allauth.account.signals import authentication_step_completed, user_logged_in
        from allauth.mfa.models import Authenticator
        from allauth.mfa.signals import authenticator_added
        from django.contrib.auth.signals import user_logged_out
        from django.contrib.sessions.models import Session

        from accounts import events, second_factor, sessions
        from accounts.federation.identity_provider import IdentityProvider, forget_links
        from accounts.models import Proxy

        authenticator_added.connect(second_factor.note_new_factor, dispatch_uid="accounts.new_factor")
        post_delete.connect(forget_links, sender=IdentityProvider, dispatch_uid="accounts.links")
        post_delete.connect(sessions.forget_session, sender=Session, dispatch_uid="accounts.sessions")
        user_logged_in.connect(events.signed_in, dispatch_uid="accounts.signed_in")
        user_logged_out.connect(events.signed_out, dispatch_uid="accounts.signed_out")
        authentication_step_completed.connect(events.proven_again, dispatch_uid="accounts.proven_again")
        post_save.connect(events.factor_saved, sender=Authenticator, dispatch_uid="accounts.factor_saved")
        post_delete.connect(
            events.factor_deleted, sender=Authenticator, dispatch_uid="accounts.factor_deleted"
        )
        post_save.connect(events.proxy_saved, sender=Proxy, dispatch_uid="accounts.proxy_saved")
        post_delete.connect(events.proxy_deleted, sender=Proxy, dispatch_uid="accounts.proxy_deleted")

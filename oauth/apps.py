"""Django's entry for the oauth app."""

from django.apps import AppConfig


class OauthConfig(AppConfig):
    """Names the app; nothing happens at start-up."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "oauth"

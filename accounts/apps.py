"""Django's entry for the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Names the app; nothing happens at start-up."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"
    verbose_name = "People"

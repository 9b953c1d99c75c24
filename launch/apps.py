"""Django's entry for the launch app."""

from django.apps import AppConfig


class LaunchConfig(AppConfig):
    """Names the app; nothing happens at start-up."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "launch"
    verbose_name = "Launches"

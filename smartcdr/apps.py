"""Django's entry for the project itself, and for the admin console under our own site class."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SmartcdrConfig(AppConfig):
    """Holds the system checks and the commands that concern the whole."""

    name = "smartcdr"

    def ready(self) -> None:
        """Register the system checks."""
        from smartcdr import checks  # noqa: F401  importing registers them


class SmartcdrAdminConfig(AdminConfig):
    """The stock admin, branded, with sign-in through allauth."""

    default_site = "smartcdr.admin.SmartcdrAdminSite"

"""Django's entry for the project itself, and for the admin console under our own site class."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class SmartcdrConfig(AppConfig):
    """Holds the system checks and the commands that concern the whole."""

    name = "smartcdr"

    def ready(self) -> None:
        """Register the system checks, and keep the permission groups after each migration."""
        from smartcdr import checks  # noqa: F401  importing registers them
        from smartcdr.groups import keep_groups

        post_migrate.connect(keep_groups)


class SmartcdrAdminConfig(AdminConfig):
    """The stock admin, branded, with sign-in through allauth."""

    default_site = "smartcdr.admin.SmartcdrAdminSite"

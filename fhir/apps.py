"""Django's entry for the fhir app."""

from django.apps import AppConfig


class FhirConfig(AppConfig):
    """Names the app; nothing happens at start-up."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "fhir"
    verbose_name = "FHIR"

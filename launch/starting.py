"""An EHR launch from the portal: the context is kept here, and the app learns an opaque value.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db.models import QuerySet
from oauth2_provider.models import get_application_model

from accounts.models import User
from launch.context import make_launch
from launch.models import LaunchContext
from launch.style import style_url


def launchable_apps() -> QuerySet[Any]:
    """The apps of the gallery: live, and with an address to launch them at, by name."""
    model = get_application_model()
    apps: QuerySet[Any] = (
        model.objects.filter(status=model.Status.LIVE).exclude(launch_url="").order_by("name", "pk")
    )
    return apps


def start_launch(application: Any, user: User, patient: str, encounter: str = "") -> LaunchContext:
    """Keep a new context for this app and this person, with our style.

    The caller has made sure that the person may see this patient, and that the encounter is this patient's.
    """
    return make_launch(application, user, patient=patient, encounter=encounter, smart_style_url=style_url())


def launch_address(context: LaunchContext) -> str:
    """The app's launch URL with `iss` (our FHIR base) and `launch`; its own query is kept otherwise."""
    parts = urlsplit(context.application.launch_url)
    own = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in ("iss", "launch")
    ]
    query = urlencode([*own, ("iss", settings.FHIR_BASE), ("launch", context.pk)])
    return urlunsplit(parts._replace(query=query))

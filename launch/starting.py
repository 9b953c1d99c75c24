"""An EHR launch from the portal: the context is kept here, and the app learns an opaque value.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from oauth2_provider.models import get_application_model

from accounts.models import User
from launch.attempts import Wanted, tell_launch
from launch.context import make_launch, needs_patient
from launch.models import LaunchContext
from launch.style import style_url


def launchable_apps() -> QuerySet[Any]:
    """The apps of the gallery: live, and with an address to launch them at, by name."""
    model = get_application_model()
    apps: QuerySet[Any] = (
        model.objects.filter(status=model.Status.LIVE).exclude(launch_url="").order_by("name", "pk")
    )
    return apps


def wants_patient(application: Any) -> bool:
    """Whether the app is registered for anything that needs a patient in context; others open without one."""
    return needs_patient(application.scope.split())


def works_without_patient(application: Any) -> bool:
    """Whether the app has use of a launch without a patient: it may ask for what the person may see."""
    is_for_people = any(scope.startswith("user/") for scope in application.scope.split())
    return is_for_people or not wants_patient(application)


@transaction.atomic
def start_launch(
    application: Any, user: User, patient: str = "", address: str = "", **context: Any
) -> LaunchContext:
    """Keep a new context for this app and this person, with our style and our tenant, and tell the audit
    trail of it. `address` is where the person's browser is.

    The caller has made sure that the person may see this patient, and that an `encounter` and what is in
    `fhir_context` is this patient's. The app fills the window, so that it has to show whom it is about.
    """
    launch = make_launch(
        application,
        user,
        patient=patient,
        need_patient_banner=True,
        smart_style_url=style_url(),
        tenant=settings.LAUNCH_TENANT,
        **context,
    )
    tell_launch(launch, Wanted(address, user, application.client_id, patient))
    return launch


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

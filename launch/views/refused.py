"""A launch that is refused: a calm page with a reference code, and the exact cause for staff."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from oauth2_provider.models import get_application_model

from audit.origin import client_address
from launch.attempts import Wanted, tell_refused_launch, why_no_app
from launch.views.person import person


def refused(
    request: HttpRequest, wanted: Wanted, status: int, rule: str, expected: str, cause: str
) -> HttpResponse:
    """The page for 404 or 400: the same whatever there is, but for the reference code."""
    reference = tell_refused_launch(wanted, status, rule, expected, cause)
    return render(request, f"{status}.html", {"reference": reference}, status=status)


def no_such_app(request: HttpRequest, app: int, patient: str = "") -> HttpResponse:
    """The page (404) for an app that is not there, not live, or cannot be launched."""
    application = get_application_model().objects.filter(pk=app).first()
    client_id = application.client_id if application is not None else ""
    wanted = Wanted(client_address(request.META), person(request), client_id, patient)
    return refused(
        request, wanted, 404, "launchable_app", "a live app with a launch URL", why_no_app(application)
    )

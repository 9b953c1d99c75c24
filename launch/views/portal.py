"""The gallery of apps."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from launch.patients import reachable_patients
from launch.starting import launchable_apps, wants_patient
from launch.summaries import PatientSummary
from launch.views.person import person


@require_safe
@never_cache
@login_required
def portal(request: HttpRequest) -> HttpResponse:
    """Show the live apps, and for whom this person could open them.

    Context: `apps`, each with whether it wants a patient; `role`, the type of the FHIR user; `choosing`,
    whether a patient has to be chosen first; `patient`, the only one there is otherwise, if there is one.
    """
    user = person(request)
    mine: list[PatientSummary] = []
    choosing = user.fhir_user_type == "Practitioner"
    if user.fhir_user and not choosing:
        mine = reachable_patients(user)
        choosing = len(mine) > 1
    context = {
        "apps": [(app, wants_patient(app)) for app in launchable_apps()],
        "role": user.fhir_user_type,
        "choosing": choosing,
        "patient": mine[0] if mine else None,
    }
    return render(request, "launch/portal.html", context)

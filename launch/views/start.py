"""The last step: an app, a patient, perhaps an encounter, and Launch."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from launch.form_action import form_action_sources
from launch.further_context import BadWish, further_context
from launch.patients import encounters_of, has_encounter, patient_summary
from launch.starting import launch_address, launchable_apps, start_launch, works_without_patient
from launch.views.person import for_people_with_records, person


@require_http_methods(["GET", "HEAD", "POST"])
@for_people_with_records
def start(request: HttpRequest, app: int, patient: str) -> HttpResponse:
    """GET shows what will happen; POST makes the launch and leads to the app.

    The form's fields are all optional: `encounter`, and what `further_context` reads. A patient out of this
    person's reach is a 404 like one who does not exist; a foreign encounter is a 400.
    """
    user = person(request)
    application = get_object_or_404(launchable_apps(), pk=app)
    summary = patient_summary(user, patient)
    if summary is None:
        raise Http404
    encounter = request.POST.get("encounter", "")
    if encounter and not has_encounter(user, patient, encounter):
        raise BadRequest("The encounter is not one of this patient's.")
    context = {
        "patient": summary,
        "encounters": encounters_of(user, patient),
        "encounter": encounter,
        "own": user.fhir_user == f"Patient/{patient}",
    }
    return _answer(request, application, context, patient=patient, encounter=encounter)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people_with_records
def start_without_patient(request: HttpRequest, app: int) -> HttpResponse:
    """The same for an app that works on more than one record, or on none; another app is a 404."""
    application = get_object_or_404(launchable_apps(), pk=app)
    if not works_without_patient(application):
        raise Http404
    return _answer(request, application, {"patient": None}, patient="")


def _answer(request: HttpRequest, application: Any, context: dict[str, Any], **chosen: str) -> HttpResponse:
    """The way to the app, or the page: with 400 and a sentence if what was written into it does not fit."""
    fault = ""
    if request.method == "POST":
        try:
            wishes = further_context(person(request), chosen["patient"], request.POST)
        except BadWish as error:
            fault = str(error)
        else:
            return redirect(launch_address(start_launch(application, person(request), **chosen, **wishes)))
    page = {
        **context,
        "app": application,
        "fault": fault,
        "intent": request.POST.get("intent", ""),
        "records": request.POST.get("records", ""),
    }
    response = render(request, "launch/start.html", page, status=400 if fault else 200)
    # The launch page may lead straight on to /oauth/authorize, and a remembered consent to the redirect URI.
    targets = form_action_sources([application.launch_url, *application.redirect_uris.split()])
    response._csp_update = {"form-action": targets}  # type: ignore[attr-defined]  # read by django-csp
    return response

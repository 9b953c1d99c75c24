"""The last step: an app, a patient, perhaps an encounter, and Launch."""

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from launch.form_action import form_action_sources
from launch.patients import encounters_of, has_encounter, patient_summary
from launch.starting import launch_address, launchable_apps, start_launch
from launch.views.person import for_people_with_records, person


@require_http_methods(["GET", "HEAD", "POST"])
@for_people_with_records
def start(request: HttpRequest, app: int, patient: str) -> HttpResponse:
    """GET shows what will happen; POST (`encounter`, optional) makes the launch and leads to the app.

    A patient out of this person's reach is a 404 like one who does not exist; a foreign encounter is a 400.
    """
    user = person(request)
    application = get_object_or_404(launchable_apps(), pk=app)
    summary = patient_summary(user, patient)
    if summary is None:
        raise Http404
    if request.method == "POST":
        encounter = request.POST.get("encounter", "")
        if encounter and not has_encounter(user, patient, encounter):
            raise BadRequest("The encounter is not one of this patient's.")
        return redirect(launch_address(start_launch(application, user, patient, encounter)))
    context = {
        "app": application,
        "patient": summary,
        "encounters": encounters_of(user, patient),
        "own": user.fhir_user == f"Patient/{patient}",
    }
    response = render(request, "launch/start.html", context)
    # The launch page may lead straight on to /oauth/authorize, and a remembered consent to the redirect URI.
    targets = form_action_sources([application.launch_url, *application.redirect_uris.split()])
    response._csp_update = {"form-action": targets}  # type: ignore[attr-defined]  # read by django-csp
    return response

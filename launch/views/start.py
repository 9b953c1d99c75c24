"""The last step: an app, a patient, perhaps an encounter, and Launch."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from audit.origin import client_address
from launch.attempts import Wanted, tell_refused_launch, why_no_right
from launch.form_action import form_action_sources
from launch.further_context import BadWish, further_context
from launch.patients import encounters_of, has_encounter, patient_summary
from launch.starting import launch_address, launchable_apps, start_launch, works_without_patient
from launch.views.person import for_people_with_records, person
from launch.views.refused import no_such_app, refused


@require_http_methods(["GET", "HEAD", "POST"])
@for_people_with_records
def start(request: HttpRequest, app: int, patient: str) -> HttpResponse:
    """GET shows what will happen; POST makes the launch and leads to the app.

    The form's fields are all optional: `encounter`, and what `further_context` reads. A patient out of this
    person's reach is a 404 like one who does not exist; a foreign encounter is a 400.
    """
    user = person(request)
    application = launchable_apps().filter(pk=app).first()
    if application is None:
        return no_such_app(request, app, patient)
    wanted = Wanted(client_address(request.META), user, application.client_id, patient)
    summary = patient_summary(user, patient)
    if summary is None:
        expected = "a patient whom the person may see"
        return refused(request, wanted, 404, "patient_right", expected, why_no_right(user, patient))
    encounter = request.POST.get("encounter", "")
    if encounter and not has_encounter(user, patient, encounter):
        cause = f"The encounter that was sent is none of Patient/{patient}."
        return refused(request, wanted, 400, "encounter", "an encounter of this patient", cause)
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
    application = launchable_apps().filter(pk=app).first()
    if application is None:
        return no_such_app(request, app)
    if not works_without_patient(application):
        wanted = Wanted(client_address(request.META), person(request), application.client_id)
        cause = f"The client {application.client_id} is registered for nothing that works without a patient."
        return refused(request, wanted, 404, "without_patient", "an app that works without a patient", cause)
    return _answer(request, application, {"patient": None}, patient="")


def _answer(request: HttpRequest, application: Any, context: dict[str, Any], **chosen: str) -> HttpResponse:
    """The way to the app, or the page: with 400 and a sentence if what was written into it does not fit."""
    fault = ""
    if request.method == "POST":
        try:
            wishes = further_context(person(request), chosen["patient"], request.POST)
        except BadWish as error:
            fault = str(error)
            wanted = Wanted(
                client_address(request.META), person(request), application.client_id, chosen["patient"]
            )
            tell_refused_launch(wanted, 400, "further_context", "further context that fits", fault)
        else:
            address = client_address(request.META)
            launch = start_launch(application, person(request), address=address, **chosen, **wishes)
            return redirect(launch_address(launch))
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

"""The pickers of a standalone launch: /oauth/authorize/<id>/patient and /oauth/authorize/<id>/encounter."""

from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from accounts.models import User
from fhir.outcome import BadRequest
from launch.context import picked, picked_encounter
from launch.patients import (
    PatientPage,
    encounters_of,
    find_patients,
    has_encounter,
    patient_summary,
    reachable_patients,
)
from oauth.authorization_steps import (
    PickEncounter,
    PickPatient,
    drop_encounter_scope,
    drop_patient_scopes,
    next_step,
    tell_context,
    works_without_patient,
)
from oauth.causes.masking import masked
from oauth.models import AuthorizationRequest
from oauth.refusals import attempt_of_request, error_page
from oauth.request_steps import step_of
from oauth.stored_requests import RefusedError, load, settle
from oauth.views.consent import allow_answer_to

_LONGEST_WORDS = 100


@csrf_protect
@never_cache
@require_http_methods(["GET", "POST"])
def pick_patient(request: HttpRequest, request_id: str) -> HttpResponse:
    """Let the person choose a patient, and write the choice into the stored request's context.

    Where the app has use of it, they may also go on without one (`without`).
    """
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal, attempt_of_request(error.stored))
    user = request.user
    if not isinstance(user, User) or not isinstance(next_step(request, stored), PickPatient):
        return redirect("oauth:resume", stored.pk)
    if request.POST.get("without") and works_without_patient(stored):
        drop_patient_scopes(request, stored)
        return redirect("oauth:resume", stored.pk)
    patient = request.POST.get("patient", "")
    if request.method == "POST" and patient_summary(user, patient) is not None:
        _settle(request, stored, user, patient)
        return redirect("oauth:resume", stored.pk)
    if patient:
        cause = "The person may not see the patient that came from the picker, or there is none."
        _tell_refused(request, stored, "patient", masked(patient), cause)
    return _patient_page(request, stored, user)


@csrf_protect
@never_cache
@require_http_methods(["GET", "POST"])
def pick_encounter(request: HttpRequest, request_id: str) -> HttpResponse:
    """Let the person choose one of the patient's encounters, or none: then the app is told none."""
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal, attempt_of_request(error.stored))
    user, launch = request.user, stored.launch_context
    step = next_step(request, stored)
    if not isinstance(user, User) or launch is None or not isinstance(step, PickEncounter):
        return redirect("oauth:resume", stored.pk)
    encounter = request.POST.get("encounter", "")
    if request.method == "POST" and not encounter:
        drop_encounter_scope(request, stored, "the person chose no encounter")
        return redirect("oauth:resume", stored.pk)
    if request.method == "POST" and has_encounter(user, launch.patient, encounter):
        with transaction.atomic():
            if picked_encounter(launch, encounter):
                tell_context(request, stored, "picked", encounter=encounter)
        return redirect("oauth:resume", stored.pk)
    if encounter:
        cause = f"The encounter that came from the picker is none of Patient/{launch.patient}."
        _tell_refused(request, stored, "encounter", masked(encounter), cause)
    context: dict[str, object] = {
        "app": stored.application,
        "patient": patient_summary(user, launch.patient),
        "encounters": encounters_of(user, launch.patient),
    }
    return _shown(request, stored, "oauth/pick_encounter.html", context)


@transaction.atomic
def _settle(request: HttpRequest, stored: AuthorizationRequest, user: User, patient: str) -> None:
    """Give the request its patient. Of two picks at once the first one stands, and is told."""
    before = stored.launch_context
    made = picked(before, stored.application, user, stored.pk, patient, stored.attempt)
    settle(stored, made)
    launch = stored.launch_context
    if launch is not None and launch.pk == made.pk and launch.patient == patient:
        tell_context(request, stored, "picked")


def _tell_refused(
    request: HttpRequest, stored: AuthorizationRequest, what: str, received: str, cause: str
) -> None:
    expected = f"one of the {what}s that the person may choose"
    told = {"rule": f"pick_{what}", "expected": expected, "received": received, "cause": cause}
    step_of(request, stored, "context", "refused", status=400, **told)


def _patient_page(request: HttpRequest, stored: AuthorizationRequest, user: User) -> HttpResponse:
    """Clinicians search, proxies see the few whom they act for."""
    is_search = user.fhir_user_type == "Practitioner"
    words = request.GET.get("q", "")[:_LONGEST_WORDS].replace("\x00", "")
    try:
        found = find_patients(user, words, request.GET.get("page", "")) if is_search else _reachable(user)
    except BadRequest:
        return redirect("oauth:pick-patient", stored.pk)
    later = urlencode({"q": words, "page": found.next_page}) if found.next_page else ""
    context: dict[str, object] = {
        "app": stored.application,
        "searchable": is_search,
        "works_without": works_without_patient(stored),
        "words": words,
        "found": found,
        "later": later,
    }
    return _shown(request, stored, "oauth/pick_patient.html", context)


def _reachable(user: User) -> PatientPage:
    return PatientPage(reachable_patients(user), "")


def _shown(
    request: HttpRequest, stored: AuthorizationRequest, template: str, context: dict[str, object]
) -> HttpResponse:
    """The page; a choice that does not fit comes back to it, with 400."""
    stored.sign_in_shown = False
    stored.save(update_fields=["sign_in_shown"])
    status = 400 if request.method == "POST" else 200
    return allow_answer_to(
        stored, render(request, template, context | {"refused": status == 400}, status=status)
    )

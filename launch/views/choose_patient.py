"""The choice of a patient for an app."""

from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from fhir import outcome
from launch.patients import PatientPage, find_patients, reachable_patients
from launch.starting import launchable_apps, works_without_patient
from launch.views.person import for_people_with_records, person
from launch.views.refused import no_such_app

LONGEST_SEARCH = 100
"""Characters; longer than any name."""


@require_safe
@for_people_with_records
def choose_patient(request: HttpRequest, app: int) -> HttpResponse:
    """Clinicians search and page through the patients they may see; others choose among their own few.

    Parameters: `q`, words of a name, a date of birth or an identifier; `page`, where the list goes on.
    """
    user = person(request)
    application = launchable_apps().filter(pk=app).first()
    if application is None:
        return no_such_app(request, app)
    words = request.GET.get("q", "").strip()
    if len(words) > LONGEST_SEARCH:
        raise BadRequest("The search is too long.")
    if user.fhir_user_type == "Practitioner":
        found = _found(user, words, request.GET.get("page", ""))
    else:
        found = PatientPage(reachable_patients(user), "")
    context = {
        "app": application,
        "found": found,
        "words": words,
        "searchable": user.fhir_user_type == "Practitioner",
        "later": urlencode({"q": words, "page": found.next_page}) if found.next_page else "",
        "is_later": bool(request.GET.get("page")),
        "works_without": works_without_patient(application),
    }
    return render(request, "launch/choose_patient.html", context)


def _found(user: User, words: str, page: str) -> PatientPage:
    try:
        return find_patients(user, words, page)
    except outcome.BadRequest as error:
        raise BadRequest("This is not a page of that list.") from error

"""The consent page: /oauth/authorize/<id>/consent."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from accounts.models import User
from launch.form_action import form_action_sources
from launch.patients import patient_summary
from launch.summaries import PatientSummary
from oauth import consenting
from oauth.authorization_steps import AskConsent, next_step
from oauth.authorize_rules import Refusal
from oauth.models import AuthorizationRequest
from oauth.refusals import error_page
from oauth.stored_requests import RefusedError, load
from oauth.views.authorize import give_code, refuse

_DENIED = Refusal("consent", "access_denied", "The person did not allow it.", "consent", "none")


@csrf_protect
@never_cache
@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest, request_id: str) -> HttpResponse:
    """Ask, and take the answer: ticks and two buttons. All else is in the stored request."""
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal)
    if not isinstance(next_step(request, stored), AskConsent):
        return redirect("oauth:resume", stored.pk)
    if request.method == "POST":
        return _answer(request, stored)
    return _page(request, stored)


def _answer(request: HttpRequest, stored: AuthorizationRequest) -> HttpResponse:
    granted = (
        consenting.chosen(stored, request.POST.getlist("scope"))
        if request.POST.get("decision") == "allow"
        else ()
    )
    if not granted or not isinstance(request.user, User):
        return refuse(request, stored, _DENIED)
    return give_code(request, stored, granted, consenting.record(stored, request.user, granted))


def _page(request: HttpRequest, stored: AuthorizationRequest) -> HttpResponse:
    stored.sign_in_shown = False
    stored.save(update_fields=["sign_in_shown"])
    shown = consenting.lines(stored)
    context = {
        "app": stored.application,
        "patient": _patient(request, stored),
        "optional": [line for line in shown if line.optional],
        "always": [line for line in shown if not line.optional],
    }
    return allow_answer_to(stored, render(request, "oauth/consent.html", context))


def _patient(request: HttpRequest, stored: AuthorizationRequest) -> PatientSummary | None:
    """The patient in context, by name as far as the record says one."""
    launch = stored.launch_context
    if launch is None or not launch.patient or not isinstance(request.user, User):
        return None
    return patient_summary(request.user, launch.patient) or PatientSummary(launch.patient, "Name not known")


def allow_answer_to(stored: AuthorizationRequest, response: HttpResponse) -> HttpResponse:
    """Let this page's form end at the app: browsers hold redirects after a form to `form-action`.

    https://www.w3.org/TR/CSP3/#directive-form-action
    """
    # django-csp reads this attribute.
    response._csp_update = {"form-action": form_action_sources([stored.one("redirect_uri")])}  # type: ignore[attr-defined]
    return response

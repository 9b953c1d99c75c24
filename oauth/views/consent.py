"""The consent page: /oauth/authorize/<id>/consent."""

from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from accounts.models import User
from launch.form_action import form_action_sources
from launch.patients import patient_summary
from launch.summaries import PatientSummary
from oauth.authorization_steps import AskConsent, next_step
from oauth.consent import consenting
from oauth.consent.answers import answer
from oauth.consent.duration import USUAL, Duration, chosen, lasting
from oauth.consent.lines import lines
from oauth.consent.page import page, usual_ticks
from oauth.later_refusals import declined
from oauth.models import AuthorizationRequest, Consent
from oauth.refusals import attempt_of_request, error_page
from oauth.request_steps import step_of
from oauth.stored_requests import RefusedError, hold_open, load
from oauth.views.authorize import give_code, refuse


class Asking(NamedTuple):
    """Who is asked in which request, and their last answer to this app."""

    request: HttpRequest
    stored: AuthorizationRequest
    user: User
    before: Consent | None


@csrf_protect
@never_cache
@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest, request_id: str) -> HttpResponse:
    """Ask, and take the answer: ticks, how long, and two buttons. All else is in the stored request."""
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal, attempt_of_request(error.stored))
    step = next_step(request, stored)
    if not isinstance(step, AskConsent) or not isinstance(request.user, User):
        return redirect("oauth:resume", stored.pk)
    asking = Asking(request, stored, request.user, step.before)
    if request.method == "POST":
        return _answer(asking)
    told = {"rule": "consent", "expected": "the person's answer", "received": "no answer yet"}
    step_of(request, stored, "consent", how="shown", asked=stored.scope, **told)
    return _page(asking, usual_ticks(stored, step.before), USUAL)


def _answer(asking: Asking) -> HttpResponse:
    request, stored, user, _ = asking
    if request.POST.get("decision") != "allow":
        return refuse(request, stored, declined("declined"))
    ticked, duration = request.POST.getlist("scope"), chosen(request.POST.get("duration", ""))
    given = answer(stored, user, lines(stored), ticked)
    if given.fault:
        told = {"rule": "consent", "expected": "ticks that fit together", "cause": given.fault}
        step_of(request, stored, "consent", "refused", asked=stored.scope, **told)
        return _page(asking, ticked, duration, given.fault)
    if not given.granted:
        return refuse(request, stored, declined("pressed Allow with nothing ticked"))
    with transaction.atomic():
        # Of two answers at the same moment only the first one counts, in what is remembered too.
        if not hold_open(stored):
            return redirect("oauth:resume", stored.pk)
        kept = consenting.record(request, stored, user, given.granted, lasting(request, duration))
        return give_code(request, stored, given.granted, kept, "answered")


def _page(asking: Asking, ticked: Collection[str], duration: Duration, fault: str = "") -> HttpResponse:
    request, stored, user, before = asking
    if stored.sign_in_shown:
        stored.sign_in_shown = False
        stored.save(update_fields=["sign_in_shown"])
    context = {
        "app": stored.application,
        "patient": _patient(user, stored),
        "fault": fault,
        "page": page(stored, user, before, ticked, duration),
    }
    return allow_answer_to(stored, render(request, "oauth/consent.html", context))


def _patient(user: User, stored: AuthorizationRequest) -> PatientSummary | None:
    """The patient in context, by name as far as the record says one."""
    launch = stored.launch_context
    if launch is None or not launch.patient:
        return None
    return patient_summary(user, launch.patient) or PatientSummary(launch.patient, "Name not known")


def allow_answer_to(stored: AuthorizationRequest, response: HttpResponse) -> HttpResponse:
    """Let this page's form end at the app: browsers hold redirects after a form to `form-action`.

    https://www.w3.org/TR/CSP3/#directive-form-action
    """
    # django-csp reads this attribute.
    response._csp_update = {"form-action": form_action_sources([stored.one("redirect_uri")])}  # type: ignore[attr-defined]
    return response

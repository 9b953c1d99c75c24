"""A person's apps: what was allowed, and the way to take it back.

`management_endpoint` of https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from launch.patients import patient_summary
from oauth.models import AccessToken, Application, Consent, RefreshToken
from oauth.revocation import withdraw
from oauth.scope_words import describe
from oauth.scopes import parse_scopes
from oauth.token_liveness import alive


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one consent allows, in plain words."""

    patient: str
    since: datetime
    until: datetime | None
    words: list[str]


@dataclass(frozen=True, slots=True)
class AllowedApp:
    """An app with everything that the person allowed it. `tokens` is how many of its tokens are alive."""

    application: Application
    consents: list[Allowed]
    tokens: int
    keeps_access: bool


@never_cache
@login_required
@require_safe
def manage(request: HttpRequest) -> HttpResponse:
    """List the apps that hold a consent or a living token of the person who is signed in."""
    return render(request, "oauth/manage.html", {"apps": allowed_apps(request.user)})


@never_cache
@login_required
@require_POST
def withdraw_one(request: HttpRequest) -> HttpResponse:
    """Take back everything from one app, named by client_id in the posted form."""
    client_id = request.POST.get("client_id", "")
    if not client_id.isprintable():
        raise Http404
    application = next(
        (app.application for app in allowed_apps(request.user) if app.application.client_id == client_id),
        None,
    )
    if application is None:
        raise Http404("This app has no access to take back.")
    withdraw(request.user, application)
    messages.success(request, f"{application} has no access any more.")
    return redirect("oauth:manage")


def allowed_apps(user: User) -> list[AllowedApp]:
    """Every app with a consent in force or a living token of this person, by name."""
    consents = list(
        Consent.objects.in_force().filter(user=user).select_related("application").order_by("created")
    )
    tokens = [
        (token, model is RefreshToken)
        for model in (AccessToken, RefreshToken)
        for token in alive(model.objects.filter(user=user)).select_related("application")
    ]
    applications = {row.application for row in consents} | {token.application for token, _ in tokens}
    return [
        AllowedApp(
            application,
            [_words(consent, user) for consent in consents if consent.application == application],
            sum(token.application == application for token, _ in tokens),
            any(token.application == application and is_refresh for token, is_refresh in tokens),
        )
        for application in sorted(applications, key=lambda one: (one.name.casefold(), one.pk))
    ]


def _words(consent: Consent, user: User) -> Allowed:
    scopes = parse_scopes(consent.scope) or ()
    words = list(dict.fromkeys(describe(scope) for scope in scopes))
    patient = patient_summary(user, consent.patient) if consent.patient else None
    return Allowed(patient.name if patient else consent.patient, consent.created, consent.expires, words)

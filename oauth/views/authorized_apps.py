"""A person's apps: what was allowed, and the way to take it back.

`management_endpoint` of https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata
"""

from dataclasses import dataclass
from datetime import datetime

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.recent_proof import has_proven_recently
from launch.patients import patient_summary
from oauth.consent_duration import in_words
from oauth.models import AccessToken, Application, Consent, RefreshToken
from oauth.revocation import withdraw
from oauth.scope_words import describe_for
from oauth.scopes import parse_scopes
from oauth.token_liveness import alive


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one consent allows, in plain words."""

    patient: str
    since: datetime
    until: str
    words: list[str]


@dataclass(frozen=True, slots=True)
class AllowedApp:
    """An app with everything that the person allowed it.

    `has_access`: it has a living access token now. `keeps_access`: it can get new ones by itself.
    """

    application: Application
    consents: list[Allowed]
    has_access: bool
    keeps_access: bool


@never_cache
@login_required
@require_safe
def manage(request: HttpRequest) -> HttpResponse:
    """List the apps that hold a consent or a living token of the person who is signed in."""
    return render(request, "oauth/manage.html", {"apps": allowed_apps(_person(request))})


@never_cache
@login_required
@require_POST
def withdraw_one(request: HttpRequest) -> HttpResponse:
    """Take back everything from one app, named by client_id in the posted form; by somebody who has proven
    lately who they are. Raises ReauthenticationRequired for others, whose form is taken up once they have.
    """
    if not has_proven_recently(request):
        raise ReauthenticationRequired
    client_id = request.POST.get("client_id", "")
    if not client_id.isprintable():
        raise Http404
    application = next(
        (app.application for app in allowed_apps(_person(request)) if app.application.client_id == client_id),
        None,
    )
    if application is None:
        raise Http404("This app has no access to take back.")
    withdraw(_person(request), application)
    messages.success(request, f"{application} has no access any more.")
    return redirect("oauth:manage")


def allowed_apps(user: User) -> list[AllowedApp]:
    """Every app with a consent in force or a living token of this person, by name."""
    consents = list(Consent.objects.in_force().filter(user=user).order_by("created"))
    access = list(alive(AccessToken.objects.filter(user=user)).values_list("application", flat=True))
    refresh = list(alive(RefreshToken.objects.filter(user=user)).values_list("application", flat=True))
    involved = {*access, *refresh, *(consent.application_id for consent in consents)}
    return [
        AllowedApp(
            application,
            [_words(consent, user) for consent in consents if consent.application_id == application.pk],
            has_access=application.pk in access,
            keeps_access=application.pk in refresh,
        )
        for application in Application.objects.filter(pk__in=involved).order_by("name", "pk")
    ]


def _person(request: HttpRequest) -> User:
    """Who is signed in; `login_required` has seen to it that somebody is."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def _words(consent: Consent, user: User) -> Allowed:
    scopes = parse_scopes(consent.scope) or ()
    words = list(dict.fromkeys(describe_for(user, scope) for scope in scopes))
    patient = patient_summary(user, consent.patient) if consent.patient else None
    return Allowed(patient.name if patient else consent.patient, consent.created, in_words(consent), words)

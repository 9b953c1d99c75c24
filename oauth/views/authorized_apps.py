"""A person's apps: what was allowed, what was done with it, and the way to take it back.

`management_endpoint` of https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Proxy, User
from accounts.recent_proof import has_proven_recently
from launch.patients import patient_summary
from oauth.consent.duration import in_words
from oauth.consent.withdrawing import withdraw_as_person
from oauth.ledger.page import activity, forgotten
from oauth.models import AccessToken, Application, Consent, RefreshToken
from oauth.scope_words import describe_for
from oauth.scopes import parse_scopes
from oauth.tokens.liveness import alive

DAYS = 30
"""The shorter of the two periods that the page can be about."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one consent allows, in plain words. `proxy` says how long the person acts for the patient, where
    that has an end or is over.
    """

    patient: str
    since: datetime
    until: str
    proxy: str
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
    """List the apps that hold a consent or a living token of the person who is signed in, and what was done
    with the records that this person may know of: ever, or with `days=30` lately.
    """
    person, lately = _person(request), request.GET.get("days") == str(DAYS)
    allowed = allowed_apps(person)
    done = activity(person, timezone.now() - timedelta(days=DAYS) if lately else None)
    context = {
        "apps": [(app, done.mine.get(app.application.client_id, [])) for app in allowed],
        "before": forgotten(done.mine, (app.application.client_id for app in allowed)),
        "others": done.others,
        "has_ledger": bool(done.others or person.fhir_user_type == "Practitioner"),
        "days": DAYS,
        "lately": lately,
    }
    return render(request, "oauth/manage.html", context)


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
    withdraw_as_person(request, _person(request), application)
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
    name = patient.name if patient else consent.patient
    return Allowed(name, consent.created, in_words(consent), _proxy(consent, user), words)


def _proxy(consent: Consent, user: User) -> str:
    """How long the person acts for the patient of the consent, as in "until 3 May 2027"; "" without end."""
    if user.fhir_user_type != "RelatedPerson" or not consent.patient:
        return ""
    proxy = Proxy.objects.in_force().filter(user=user, patient=consent.patient).first()
    if proxy is None:
        return "not at present: the app cannot use this record"
    if proxy.ends is None:
        return ""
    return f"until {date_format(proxy.ends.astimezone(UTC), 'j F Y, H:i')} UTC"

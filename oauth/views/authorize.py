"""GET and POST /oauth/authorize, and the way on from there: /oauth/authorize/<id>."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from accounts.views import SIGN_IN_FOR
from launch.context import refusal as launch_refusal
from launch.form_action import form_action_sources
from launch.models import LaunchContext
from oauth.authorization_steps import AskConsent, GiveCode, PickEncounter, PickPatient, SignIn, next_step
from oauth.authorize_rules import (
    MAX_LENGTH,
    RULES,
    Asked,
    Refusal,
    check_launch,
    check_well_formed,
    first_refusal,
)
from oauth.backend_services import is_with_person
from oauth.catalogue import grantable
from oauth.codes import FinishedError, make_code
from oauth.models import Application, AuthorizationRequest, Consent
from oauth.refusals import answer_url, error_page, error_parameters, to_app
from oauth.scopes import LaunchScope, Scope, parse_scopes, to_text
from oauth.stored_requests import LaunchTakenError, RefusedError, finish, load, store

_LONGEST_QUERY = 4 * MAX_LENGTH
_LONGEST_HINT = 150


@csrf_exempt  # an app's form has no token of ours; nothing happens here but a redirect
@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """An app's request for authorization. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#request-4

    A POST becomes a GET: with a cross-site POST the browser sends no cookies, and nobody is signed in.
    """
    if request.method == "POST":
        return _as_get(request)
    parameters = dict(request.GET.lists())
    client, launch, asked = _look_up(parameters)
    refusal = first_refusal(asked)
    if client is None or (refusal is not None and refusal.for_person):
        return error_page(request, refusal or RULES[0](asked) or _UNKNOWN, asked.one("client_id"))
    if refusal is not None:
        return _refuse(asked.one("redirect_uri"), _state(asked), client, refusal)
    single = {name: asked.one(name) for name in parameters}
    try:
        stored = store(request.session, single, client, to_text(asked.granted), launch)
    except LaunchTakenError:
        taken = check_launch(Asked(parameters, client, settings.FHIR_BASE, launch_refusal="already used"))
        return _refuse(asked.one("redirect_uri"), _state(asked), client, taken or _UNKNOWN)
    return redirect("oauth:resume", stored.pk)


@never_cache
@require_GET
def resume(request: HttpRequest, request_id: str) -> HttpResponse:
    """The next step of a stored request: a page to show, or the way back to the app."""
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal)
    step = next_step(request, stored)
    if isinstance(step, SignIn):
        return _sign_in(request, stored, step)
    if isinstance(step, PickPatient):
        return redirect("oauth:pick-patient", stored.pk)
    if isinstance(step, PickEncounter):
        return redirect("oauth:pick-encounter", stored.pk)
    if isinstance(step, AskConsent):
        return redirect("oauth:consent", stored.pk)
    if isinstance(step, GiveCode):
        return give_code(request, stored, step.granted, step.consent)
    return refuse(request, stored, step)


def give_code(
    request: HttpRequest, stored: AuthorizationRequest, granted: tuple[Scope, ...], consent: Consent
) -> HttpResponse:
    """Send the person back to the app with a code."""
    if not isinstance(request.user, User):
        raise TypeError("A code is given to a person who is signed in.")
    try:
        code = make_code(request, stored, request.user, granted, consent)
    except FinishedError:
        return error_page(request, Refusal("check_open", "", "", "an open request", "a finished request"))
    return _back_to_app(request, stored, {"code": code})


def refuse(request: HttpRequest, stored: AuthorizationRequest, refusal: Refusal) -> HttpResponse:
    """End a stored request and send the person back to the app with an error."""
    finish(stored)
    return _back_to_app(request, stored, error_parameters(refusal, stored.application.client_id))


def _as_get(request: HttpRequest) -> HttpResponse:
    both = request.GET.copy()
    for name, values in request.POST.lists():
        both.setlistdefault(name).extend(values)
    query = both.urlencode()
    if len(query) > _LONGEST_QUERY:
        refusal = Refusal(
            check_well_formed.__name__, "", "The app's request is too long.", "a shorter one", "a long one"
        )
        return error_page(request, refusal)
    return HttpResponse(status=303, headers={"Location": f"{reverse('oauth:authorize')}?{query}"})


def _look_up(
    parameters: Mapping[str, Sequence[str]],
) -> tuple[Application | None, LaunchContext | None, Asked]:
    """The client and the launch that a request names, and all that the rules need to know."""
    asked = Asked(parameters, None, settings.FHIR_BASE)
    client_id, launch_id = asked.one("client_id"), asked.one("launch")
    client = Application.objects.filter(client_id=client_id).first() if _could_be_id(client_id, 255) else None
    if client is None:
        return None, None, asked
    launch = LaunchContext.objects.filter(pk=launch_id).first() if _could_be_id(launch_id, 64) else None
    why_not = launch_refusal(launch, client.pk, timezone.now()) if launch_id else ""
    granted = _granted(asked.one("scope"), client, launch is not None)
    return client, launch, Asked(parameters, client, settings.FHIR_BASE, granted, why_not)


def _granted(text: str, client: Application, is_launched: bool) -> tuple[Scope, ...]:
    """What of the asked scopes the client may have; `launch` means nothing without a launch value, and no
    person can allow what is the client's own.
    """
    asked = filter(is_with_person, parse_scopes(text) or ())
    scopes = grantable(asked, parse_scopes(client.scope) or ())
    return tuple(scope for scope in scopes if is_launched or scope != LaunchScope())


def _could_be_id(text: str, longest: int) -> bool:
    return bool(text) and len(text) <= longest and text.isprintable()


def _state(asked: Asked) -> str:
    """`state` as it came; nothing if it is itself what is wrong with the request."""
    fault = check_well_formed(Asked({"state": asked.parameters.get("state", ())}, None, ""))
    return "" if fault else asked.one("state")


def _refuse(redirect_uri: str, state: str, client: Application, refusal: Refusal) -> HttpResponse:
    return to_app(answer_url(redirect_uri, error_parameters(refusal, client.client_id), state))


def _sign_in(request: HttpRequest, stored: AuthorizationRequest, step: SignIn) -> HttpResponse:
    """To the sign-in page, which comes back here. It learns the request's id and the app's name."""
    stored.sign_in_shown = True
    stored.save(update_fields=["sign_in_shown"])
    request.session["login_hint"] = stored.one("login_hint")[:_LONGEST_HINT]
    back = reverse("oauth:resume", args=[stored.pk])
    request.session[SIGN_IN_FOR] = {"next": back, "app": stored.application.name}
    page = reverse("account_reauthenticate") if step.again else resolve_url(settings.LOGIN_URL)
    return redirect(f"{page}?{urlencode({'next': back})}")


def _back_to_app(request: HttpRequest, stored: AuthorizationRequest, answer: dict[str, str]) -> HttpResponse:
    """To the redirect_uri; by a page of ours where a redirect could end at the browser's guard.

    Browsers hold the whole chain of redirects after a form to that page's `form-action`. The sign-in page
    rightly names nobody but us, and some addresses cannot be named in a policy at all.
    """
    url = answer_url(stored.one("redirect_uri"), answer, stored.one("state"))
    if not stored.sign_in_shown and form_action_sources([url]):
        return to_app(url)
    return render(request, "oauth/back_to_app.html", {"url": url, "app": stored.application})


_UNKNOWN = Refusal(
    "check_client", "invalid_client", "The app is not known here.", "a live client's id, once", "nothing"
)

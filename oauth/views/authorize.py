"""GET and POST /oauth/authorize, and the way on from there: /oauth/authorize/<id>."""

from typing import cast
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from accounts.views import SIGN_IN_FOR
from audit.attempts import step
from audit.origin import client_address
from launch.form_action import form_action_sources
from oauth import later_refusals as later
from oauth.authorization_steps import AskConsent, GiveCode, PickEncounter, PickPatient, SignIn, next_step
from oauth.authorize_facts import Facts, explained, look_up, passed, taken
from oauth.authorize_rules import (
    MAX_LENGTH,
    Asked,
    Refusal,
    check_launch,
    check_well_formed,
    first_refusal,
)
from oauth.models import Application, AuthorizationRequest, Consent
from oauth.refusals import (
    Attempt,
    answer_url,
    attempt_of_request,
    error_page,
    error_parameters,
    to_app,
    write_down,
)
from oauth.request_steps import end, sign_in_for
from oauth.scopes import Scope, to_text
from oauth.stored_requests import LaunchTakenError, RefusedError, finish, load, store
from oauth.tokens.codes import FinishedError, make_code

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
    facts = look_up(dict(request.GET.lists()))
    refusal = first_refusal(facts.asked)
    if refusal is not None:
        return _refuse_at_once(request, facts, refusal)
    try:
        stored = _stored(request, facts)
    except LaunchTakenError:
        facts = taken(facts)
        return _refuse_at_once(request, facts, check_launch(facts.asked) or _UNKNOWN)
    return redirect("oauth:resume", stored.pk)


@never_cache
@require_GET
def resume(request: HttpRequest, request_id: str) -> HttpResponse:
    """The next step of a stored request: a page to show, or the way back to the app."""
    try:
        stored = load(request, request_id)
    except RefusedError as error:
        return error_page(request, error.refusal, attempt_of_request(error.stored))
    todo = next_step(request, stored)
    if isinstance(todo, SignIn):
        return _sign_in(request, stored, todo)
    if isinstance(todo, PickPatient):
        return redirect("oauth:pick-patient", stored.pk)
    if isinstance(todo, PickEncounter):
        return redirect("oauth:pick-encounter", stored.pk)
    if isinstance(todo, AskConsent):
        return redirect("oauth:consent", stored.pk)
    if isinstance(todo, GiveCode):
        return give_code(request, stored, todo.granted, todo.consent, todo.how)
    return refuse(request, stored, todo)


def give_code(
    request: HttpRequest,
    stored: AuthorizationRequest,
    granted: tuple[Scope, ...],
    consent: Consent,
    how: str,
) -> HttpResponse:
    """Send the person back to the app with a code, for a consent that came about so (oauth.tokens.codes)."""
    if not isinstance(request.user, User):
        raise TypeError("A code is given to a person who is signed in.")
    try:
        code = make_code(request, stored, request.user, granted, consent, how)
    except FinishedError:
        return error_page(request, later.twice(), attempt_of_request(stored))
    end(request, stored.attempt)
    return _back_to_app(request, stored, {"code": code})


def refuse(request: HttpRequest, stored: AuthorizationRequest, refusal: Refusal) -> HttpResponse:
    """End a stored request and send the person back to the app with an error."""
    attempt = attempt_of_request(stored)
    with transaction.atomic():
        finish(stored)
        write_down(request, refusal, attempt)
    end(request, stored.attempt)
    return _back_to_app(request, stored, error_parameters(refusal, attempt))


def _as_get(request: HttpRequest) -> HttpResponse:
    both = request.GET.copy()
    for name, values in request.POST.lists():
        both.setlistdefault(name).extend(values)
    query = both.urlencode()
    if len(query) > _LONGEST_QUERY:
        refusal = Refusal(
            check_well_formed.__name__,
            "",
            "The app's request is too long.",
            f"at most {_LONGEST_QUERY} characters",
            f"{len(query)} characters",
            f"The request came by POST and is too long for a URL: {len(query)} characters.",
        )
        return error_page(request, refusal, attempt_of_request(None))
    return HttpResponse(status=303, headers={"Location": f"{reverse('oauth:authorize')}?{query}"})


def _state(asked: Asked) -> str:
    """`state` as it came; nothing if it is itself what is wrong with the request."""
    fault = check_well_formed(Asked({"state": asked.parameters.get("state", ())}, None, ""))
    return "" if fault else asked.one("state")


def _refuse_at_once(request: HttpRequest, facts: Facts, refusal: Refusal) -> HttpResponse:
    """On our own page until client and redirect_uri are proven, from there on to the app."""
    refusal = explained(refusal, facts)
    attempt = Attempt(facts.attempt, facts.client.client_id if facts.client else "")
    if refusal.for_person:
        return error_page(request, refusal, attempt)
    write_down(request, refusal, attempt, 302)
    answer = error_parameters(refusal, attempt)
    return to_app(answer_url(facts.asked.one("redirect_uri"), answer, _state(facts.asked)))


@transaction.atomic
def _stored(request: HttpRequest, facts: Facts) -> AuthorizationRequest:
    """The request as it is kept, and told of. Raises LaunchTakenError, and then it is neither."""
    client, asked = cast(Application, facts.client), facts.asked
    end(request)  # whatever this browser had begun before
    single = {name: asked.one(name) for name in asked.parameters}
    stored = store(request.session, single, client, to_text(asked.granted), facts.launch, facts.attempt)
    step(
        "request",
        facts.attempt,
        status=302,
        client=client.client_id,
        patient=facts.launch.patient if facts.launch else "",
        address=client_address(request.META),
        **passed(facts),
    )
    return stored


def _sign_in(request: HttpRequest, stored: AuthorizationRequest, todo: SignIn) -> HttpResponse:
    """To the sign-in page, which comes back here. It learns the request's id and the app's name."""
    stored.sign_in_shown = True
    stored.save(update_fields=["sign_in_shown"])
    sign_in_for(request, stored.attempt)
    request.session["login_hint"] = stored.one("login_hint")[:_LONGEST_HINT]
    back = reverse("oauth:resume", args=[stored.pk])
    request.session[SIGN_IN_FOR] = {"next": back, "app": stored.application.name}
    page = reverse("account_reauthenticate") if todo.again else resolve_url(settings.LOGIN_URL)
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

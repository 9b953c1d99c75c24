"""What comes next in an authorization: sign-in, a right to anything at all, a patient, consent, the code.

Decides and changes nothing but the stored request, and tells the audit trail of that; the views do what was
decided.
"""

from dataclasses import dataclass
from typing import TypeAlias, cast

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from launch.context import may_see_patient, needs_encounter, needs_patient, patients_to_choose_from, picked
from launch.patients import encounters_of
from oauth import later_refusals as later
from oauth.authorize_rules import Refusal
from oauth.causes.clients import moment
from oauth.consent import consenting
from oauth.models import AuthorizationRequest, Consent
from oauth.request_steps import step_of
from oauth.scopes import Scope
from oauth.sign_in_time import auth_time, must_sign_in_anew, proofs


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody must sign in, or do it again."""

    again: bool


@dataclass(frozen=True, slots=True)
class PickPatient:
    """The person must say for which patient."""


@dataclass(frozen=True, slots=True)
class PickEncounter:
    """The person must say at which encounter, or that it is none."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The person must be asked. `before` is their last answer to this app, which a new one changes."""

    before: Consent | None


@dataclass(frozen=True, slots=True)
class GiveCode:
    """Nothing is left to ask: this consent answers it, and grants so much. `how` it came about: remembered,
    or approved in advance.
    """

    consent: Consent
    granted: tuple[Scope, ...]
    how: str


Step: TypeAlias = SignIn | PickPatient | PickEncounter | AskConsent | GiveCode | Refusal
# What `prompt=none` answers instead of showing a page: https://openid.net/specs/openid-connect-core-1_0.html#AuthError
_INSTEAD: dict[type, tuple[str, str, str]] = {
    SignIn: ("login_required", "Somebody must sign in.", "sign-in"),
    PickPatient: ("interaction_required", "The person must choose a patient.", "context"),
    PickEncounter: ("interaction_required", "The person must choose an encounter.", "context"),
    AskConsent: ("consent_required", "The person must be asked.", "consent"),
}


def next_step(request: HttpRequest, stored: AuthorizationRequest) -> Step:
    """The next thing to do for a stored request, or why it ends here."""
    step = _next_step(request, stored)
    if "none" not in stored.prompt or type(step) not in _INSTEAD:
        return step
    error, description, at = _INSTEAD[type(step)]
    cause = f"prompt=none allows no page, but {_why_shown(request, stored, step)}."
    return Refusal("prompt_none", error, description, "no page to show", type(step).__name__, cause, at)


def _why_shown(request: HttpRequest, stored: AuthorizationRequest, step: Step) -> str:
    """What would have been shown, in words for staff."""
    match step:
        case SignIn(again=True):
            proven = moment(auth_time(request, cast(User, request.user)))
            wanted = stored.one("max_age")
            return f"max_age is {wanted} seconds, and the person last proved who they are on {proven}"
        case SignIn():
            return "nobody is signed in in this browser"
        case PickPatient():
            return "the person would have to choose a patient"
        case PickEncounter():
            return "the person would have to choose an encounter"
        case AskConsent(before=None):
            return "no consent of this person to this client is in force"
        case _:
            return "the consent in force does not answer for everything that is asked"


def _next_step(request: HttpRequest, stored: AuthorizationRequest) -> Step:
    user = request.user
    if not isinstance(user, User):
        return SignIn(again=False)
    if must_sign_in_anew(request, user, stored):
        return SignIn(again=True)
    was_nobodys = stored.user is None
    stored.user = stored.user or user
    refusal = _refuse_person(stored, user)
    is_first = was_nobodys and _note_person(request, stored, user, refusal is None)
    return (
        refusal
        or _patient_step(request, stored, user, is_first)
        or _encounter_step(request, stored, user)
        or _consent_step(request, stored, user)
    )


@transaction.atomic
def _note_person(request: HttpRequest, stored: AuthorizationRequest, user: User, is_right: bool) -> bool:
    """The request is this person's from now on. Of two tabs at once one tells it, and gets True."""
    waiting = AuthorizationRequest.objects.filter(pk=stored.pk, user__isnull=True)
    is_first = bool(waiting.update(user=user))
    if is_first and is_right:
        proven = auth_time(request, user).isoformat(timespec="seconds")
        step_of(
            request,
            stored,
            "sign-in",
            rule="launch_person, fhir_identity",
            expected=_wanted(stored),
            received=user.fhir_user,
            auth_time=proven,
            how=", ".join(proofs(request, user)),
        )
    return is_first


def _wanted(stored: AuthorizationRequest) -> str:
    """Who may go on with the request, and how lately they must have proven who they are."""
    who = "a person with a FHIR user" + (", for whom the launch was made" if stored.launch_context else "")
    if {"login", "select_account"}.intersection(stored.prompt):
        return f"{who}, who has signed in since the request came"
    max_age = stored.one("max_age")
    return f"{who}, who has signed in at most {max_age} seconds before" if max_age else who


def _refuse_person(stored: AuthorizationRequest, user: User) -> Refusal | None:
    """A launch is for one person only, and somebody without a FHIR identity can launch nothing."""
    launch = stored.launch_context
    if launch is not None and launch.user_id != user.pk:
        return later.launch_of_other(launch.user, user)
    if not user.fhir_user:
        return later.nobody(user)
    return None


def _patient_step(
    request: HttpRequest, stored: AuthorizationRequest, user: User, is_first: bool
) -> Step | None:
    launch = stored.launch_context
    if launch is not None and launch.patient:
        if not may_see_patient(user, launch.patient):
            return later.no_right(user, launch.patient)
        if is_first:
            tell_context(request, stored, "from the launch", encounter=launch.encounter)
        return None
    if not needs_patient(stored.scope.split()):
        return None
    choice = patients_to_choose_from(user)
    if choice is None or len(choice) > 1:
        return PickPatient()
    if not choice:
        return _without_any_patient(request, stored, user)
    with transaction.atomic():
        stored.launch_context = picked(launch, stored.application, user, stored.pk, choice[0], stored.attempt)
        stored.save(update_fields=["launch_context"])
        tell_context(request, stored, "the only patient there is for this person")
    return None


def tell_context(request: HttpRequest, stored: AuthorizationRequest, how: str, **more: str) -> None:
    """Record which context the request has got and how, or what it goes on without."""
    launch = stored.launch_context
    patient = f"Patient/{launch.patient}" if launch is not None and launch.patient else "no patient"
    expected = "a patient whom the person may see" if "dropped" not in more else "context, where there is any"
    told = {"rule": "patient_right", "expected": expected, "received": patient}
    step_of(request, stored, "context", how=how, **told, **more)


def _without_any_patient(request: HttpRequest, stored: AuthorizationRequest, user: User) -> Step | None:
    """A mere wish for an encounter is dropped; whatever else needs a patient cannot be had."""
    rest = _without_encounter(stored)
    if rest and not needs_patient(rest):
        drop_encounter_scope(request, stored, "there is no patient for this person")
        return None
    return later.no_patient(user)


def _encounter_step(request: HttpRequest, stored: AuthorizationRequest, user: User) -> Step | None:
    """A scope that wants an encounter is dropped where there is none to tell."""
    launch = stored.launch_context
    if (launch is not None and launch.encounter) or not needs_encounter(stored.scope.split()):
        return None
    if launch is not None and launch.patient and encounters_of(user, launch.patient):
        return PickEncounter()
    if not _without_encounter(stored):
        return later.no_encounter()
    drop_encounter_scope(request, stored, "there is no encounter to choose")
    return None


def drop_encounter_scope(request: HttpRequest, stored: AuthorizationRequest, why: str) -> None:
    """Go on without an encounter: what is not told is not granted either."""
    _go_on_with(request, stored, _without_encounter(stored), why)


@transaction.atomic
def _go_on_with(request: HttpRequest, stored: AuthorizationRequest, scopes: list[str], why: str) -> None:
    dropped = " ".join(scope for scope in stored.scope.split() if scope not in scopes)
    stored.scope = " ".join(scopes)
    stored.save(update_fields=["scope"])
    if dropped:
        tell_context(request, stored, why, dropped=dropped)


def works_without_patient(stored: AuthorizationRequest) -> bool:
    """Whether the person may go on without a patient: something is asked for that has no need of one.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#apps-that-launch-from-the-ehr
    (context that is not there may be left out, unless a `patient/` scope is granted)
    """
    scopes = stored.scope.split()
    return bool(_without_context(scopes)) and not any(scope.startswith("patient/") for scope in scopes)


def drop_patient_scopes(request: HttpRequest, stored: AuthorizationRequest) -> None:
    """Go on without a patient, and so without an encounter."""
    _go_on_with(request, stored, _without_context(stored.scope.split()), "the person chose no patient")


def _without_encounter(stored: AuthorizationRequest) -> list[str]:
    return [scope for scope in stored.scope.split() if not needs_encounter([scope])]


def _without_context(scopes: list[str]) -> list[str]:
    return [scope for scope in scopes if not scope.startswith(("launch/patient", "launch/encounter"))]


def _consent_step(request: HttpRequest, stored: AuthorizationRequest, user: User) -> Step:
    before = consenting.latest(request, stored, user)
    if known := consenting.remembered(stored, before):
        return GiveCode(*known, "remembered")
    if known := consenting.approved_in_advance(request, stored, user):
        return GiveCode(*known, "approved in advance")
    return AskConsent(before)

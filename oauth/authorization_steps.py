"""What comes next in an authorization: sign-in, a right to anything at all, a patient, consent, the code.

Decides and changes nothing but the stored request; the views do what was decided.
"""

from dataclasses import dataclass
from typing import TypeAlias

from django.http import HttpRequest

from accounts.models import User
from launch.context import may_see_patient, needs_encounter, needs_patient, patients_to_choose_from, picked
from launch.patients import encounters_of
from oauth import consenting
from oauth.authorize_rules import Refusal
from oauth.models import AuthorizationRequest, Consent
from oauth.scopes import Scope
from oauth.sign_in_time import must_sign_in_anew


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
    """Nothing is left to ask: this consent answers it, and grants so much."""

    consent: Consent
    granted: tuple[Scope, ...]


Step: TypeAlias = SignIn | PickPatient | PickEncounter | AskConsent | GiveCode | Refusal
# What `prompt=none` answers instead of showing a page: https://openid.net/specs/openid-connect-core-1_0.html#AuthError
_INSTEAD: dict[type, tuple[str, str]] = {
    SignIn: ("login_required", "Somebody must sign in."),
    PickPatient: ("interaction_required", "The person must choose a patient."),
    PickEncounter: ("interaction_required", "The person must choose an encounter."),
    AskConsent: ("consent_required", "The person must be asked."),
}


def next_step(request: HttpRequest, stored: AuthorizationRequest) -> Step:
    """The next thing to do for a stored request, or why it ends here."""
    step = _next_step(request, stored)
    if "none" not in stored.prompt or type(step) not in _INSTEAD:
        return step
    error, description = _INSTEAD[type(step)]
    return Refusal("prompt_none", error, description, "no page to show", type(step).__name__)


def _next_step(request: HttpRequest, stored: AuthorizationRequest) -> Step:
    user = request.user
    if not isinstance(user, User):
        return SignIn(again=False)
    if must_sign_in_anew(request, user, stored):
        return SignIn(again=True)
    if stored.user is None:
        stored.user = user
        stored.save(update_fields=["user"])
    return (
        _refuse_person(stored, user)
        or _patient_step(stored, user)
        or _encounter_step(stored, user)
        or _consent_step(request, stored, user)
    )


def _refuse_person(stored: AuthorizationRequest, user: User) -> Refusal | None:
    """A launch is for one person only, and somebody without a FHIR identity can launch nothing."""
    launch = stored.launch_context
    if launch is not None and launch.user_id != user.pk:
        description = "The launch value is not valid. Launch the app anew."
        return Refusal(
            "launch_person", "invalid_request", description, "the launch's person", "another person"
        )
    if not user.fhir_user:
        description = "This account belongs to nobody in the health record."
        return Refusal("fhir_identity", "access_denied", description, "a person with a fhir_user", "none")
    return None


def _patient_step(stored: AuthorizationRequest, user: User) -> Step | None:
    launch = stored.launch_context
    if launch is not None and launch.patient:
        if may_see_patient(user, launch.patient):
            return None
        return Refusal("patient_right", "access_denied", "You may not see this patient.", "a right", "none")
    if not needs_patient(stored.scope.split()):
        return None
    choice = patients_to_choose_from(user)
    if choice is None or len(choice) > 1:
        return PickPatient()
    if not choice:
        return _without_any_patient(stored)
    stored.launch_context = picked(launch, stored.application, user, stored.pk, choice[0])
    stored.save(update_fields=["launch_context"])
    return None


def _without_any_patient(stored: AuthorizationRequest) -> Step | None:
    """A mere wish for an encounter is dropped; whatever else needs a patient cannot be had."""
    drop_encounter_scope(stored)
    if stored.scope and not needs_patient(stored.scope.split()):
        return None
    return Refusal("patient_right", "access_denied", "There is no patient for you.", "a patient", "none")


def _encounter_step(stored: AuthorizationRequest, user: User) -> Step | None:
    """A scope that wants an encounter is dropped where there is none to tell."""
    launch = stored.launch_context
    if (launch is not None and launch.encounter) or not needs_encounter(stored.scope.split()):
        return None
    if launch is not None and launch.patient and encounters_of(user, launch.patient):
        return PickEncounter()
    drop_encounter_scope(stored)
    if stored.scope:
        return None
    return Refusal("encounter", "access_denied", "There is no encounter.", "an encounter", "none")


def drop_encounter_scope(stored: AuthorizationRequest) -> None:
    """Go on without an encounter: what is not told is not granted either."""
    stored.scope = " ".join(scope for scope in stored.scope.split() if not needs_encounter([scope]))
    stored.save(update_fields=["scope"])


def works_without_patient(stored: AuthorizationRequest) -> bool:
    """Whether the person may go on without a patient: something is asked for that has no need of one.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#apps-that-launch-from-the-ehr
    (context that is not there may be left out, unless a `patient/` scope is granted)
    """
    scopes = stored.scope.split()
    return bool(_without_context(scopes)) and not any(scope.startswith("patient/") for scope in scopes)


def drop_patient_scopes(stored: AuthorizationRequest) -> None:
    """Go on without a patient, and so without an encounter."""
    stored.scope = " ".join(_without_context(stored.scope.split()))
    stored.save(update_fields=["scope"])


def _without_context(scopes: list[str]) -> list[str]:
    return [scope for scope in scopes if not scope.startswith(("launch/patient", "launch/encounter"))]


def _consent_step(request: HttpRequest, stored: AuthorizationRequest, user: User) -> Step:
    before = consenting.latest(request, stored, user)
    known = consenting.remembered(stored, before) or consenting.approved_in_advance(request, stored, user)
    return AskConsent(before) if known is None else GiveCode(*known)

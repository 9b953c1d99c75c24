"""Launch contexts on their way: made, claimed once, completed by a pick, and told to the app.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.utils import timezone

from accounts.models import Proxy, User
from audit.attempts import new_attempt
from launch.models import LaunchContext
from launch.rights import rights_of

TOLD = frozenset(
    [
        "id",
        "patient",
        "encounter",
        "fhir_context",
        "need_patient_banner",
        "intent",
        "smart_style_url",
        "tenant",
    ]
)
"""The fields of a launch context that `members` reads, for those who fetch no more than it needs."""


def make_launch(
    application: Model, user: User, made_by: Model | None = None, **context: Any
) -> LaunchContext:
    """A launch of this client for this person, to be claimed within LAUNCH_SECONDS.

    `made_by` is the external EHR that asks for it; without one, the person does, by the portal or a picker.
    `context` takes the fields of LaunchContext: patient, encounter, fhir_context, intent and so on. With it
    begins an attempt, unless one of an `attempt` that is under way is told.
    """
    expires = timezone.now() + timedelta(seconds=settings.LAUNCH_SECONDS)
    context.setdefault("attempt", new_attempt())
    return LaunchContext.objects.create(
        application_id=application.pk,
        user=user,
        created_by=None if made_by else user,
        made_by_id=made_by.pk if made_by else None,
        expires=expires,
        **context,
    )


def refusal(launch: LaunchContext | None, application_id: int, now: datetime) -> str:
    """Why this client may not use this launch value now, in words for staff; empty if it may.

    A launch is for one client, is used once, and must be used soon. One that an external EHR made is worth no
    more than that EHR is at this moment: it must be live and may still launch this client. (If it stops in
    between, a trigger of oauth.tokens.lasting_ends has ended the launch.)
    """
    if launch is None:
        return "unknown"
    if launch.application_id != application_id:
        return "made for another client"
    if launch.claimed_by:
        return "already used"
    if now >= launch.expires:
        return "expired"
    return "" if _maker_stands(launch) else "made by an EHR that may not launch this client any more"


def _maker_stands(launch: LaunchContext) -> bool:
    """Whether the person who made the launch is there, or the EHR that did may do so still."""
    if launch.made_by is None:
        return launch.created_by_id is not None
    ehr: Any = launch.made_by
    return bool(ehr.is_live and ehr.may_launch.filter(pk=launch.application_id).exists())


def claim(launch: LaunchContext, application_id: int, request_id: str) -> bool:
    """Make the launch this authorization request's own; False if it expired or another request was faster.

    One UPDATE decides, so that of two requests at the same moment one wins.
    """
    now = timezone.now()
    free = LaunchContext.objects.filter(
        pk=launch.pk, application_id=application_id, claimed_by="", expires__gt=now
    )
    return free.update(claimed_by=request_id, claimed_at=now) == 1


def needs_patient(scopes: Iterable[str]) -> bool:
    """Whether one of the scopes can only be honoured with a patient in context; an encounter is a patient's.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#apps-that-launch-from-the-ehr
    """
    return any(scope.startswith(("patient/", "launch/patient", "launch/encounter")) for scope in scopes)


def needs_encounter(scopes: Iterable[str]) -> bool:
    """Whether the app asked to be told an encounter."""
    return any(scope.partition("?")[0] == "launch/encounter" for scope in scopes)


def may_see_patient(user: User, patient: str) -> bool:
    """Whether the person, whatever a launch or a scope says, has a right to this patient at this moment."""
    return rights_of(user).reaches(patient)


def patients_to_choose_from(user: User) -> list[str] | None:
    """The ids a person may pick from: the own one or those of their proxies; None if they search."""
    kind, _, fhir_id = user.fhir_user.partition("/")
    if kind == "Practitioner":
        return None
    if kind == "Patient":
        return [fhir_id]
    return sorted(Proxy.objects.in_force().filter(user=user).values_list("patient", flat=True))


def picked(
    launch: LaunchContext | None,
    application: Model,
    user: User,
    request_id: str,
    patient: str,
    attempt: str = "",
) -> LaunchContext:
    """Write a picked patient into the request's launch context; a standalone launch gets its row here, under
    the reference code of the request's attempt.

    From here on a standalone launch is the same as one from the portal. Of two picks at the same moment the
    first one stands. Raises PermissionError if the person has no right to the patient.
    """
    if not may_see_patient(user, patient):
        raise PermissionError("This person may not see this patient.")
    if launch is None:
        now = timezone.now()
        claimed: dict[str, Any] = {"claimed_by": request_id, "claimed_at": now, "attempt": attempt}
        return make_launch(application, user, patient=patient, **claimed)
    LaunchContext.objects.filter(pk=launch.pk, patient="").update(patient=patient)
    launch.refresh_from_db(fields=["patient"])
    return launch


def picked_encounter(launch: LaunchContext, encounter: str) -> bool:
    """Write a picked encounter, which the caller knows to be this patient's, into the launch context.

    False if there is another patient or an encounter by now: a pick in another tab was faster.
    """
    waiting = LaunchContext.objects.filter(pk=launch.pk, patient=launch.patient, encounter="")
    return waiting.update(encounter=encounter) == 1


def members(launch: LaunchContext | None) -> dict[str, Any]:
    """The context as token responses and introspection carry it; nothing where there is no context.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
    """
    if launch is None:
        return {}
    told: dict[str, Any] = {
        "patient": launch.patient,
        "encounter": launch.encounter,
        "fhirContext": launch.fhir_context,
        "intent": launch.intent,
        "smart_style_url": launch.smart_style_url,
        "tenant": launch.tenant,
    }
    told = {name: value for name, value in told.items() if value}
    return {**told, "need_patient_banner": launch.need_patient_banner} if launch.patient else told

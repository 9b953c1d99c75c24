"""The first step of an attempt: a launch, or why there is none, in the audit trail for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accounts.models import Proxy, User
from audit.attempts import new_attempt, step
from launch.models import LaunchContext


@dataclass(frozen=True, slots=True)
class Wanted:
    """A launch that was wanted: who asked from which address, for which person, app and patient, as far as
    they are known. `ehr` is the client_id of the external EHR; empty: the portal.
    """

    address: str
    user: User | None = None
    client_id: str = ""
    patient: str = ""
    ehr: str = ""


def tell_launch(launch: LaunchContext, wanted: Wanted) -> None:
    """Record a launch that was made. Its value is a credential and stands nowhere."""
    step(
        "launch",
        launch.attempt,
        person=str(launch.user.uid),
        client=wanted.client_id,
        patient=launch.patient,
        address=wanted.address,
        rule="launchable_app, patient_right",
        expected="a live app with a launch URL, and a patient whom the person may see, or none",
        received=f"{wanted.client_id}, {f'Patient/{launch.patient}' if launch.patient else 'no patient'}",
        encounter=launch.encounter,
        intent=launch.intent,
        **_source(wanted),
    )


def tell_refused_launch(wanted: Wanted, status: int, rule: str, expected: str, cause: str) -> str:
    """Record a launch that was refused with this HTTP status; the reference code of the attempt."""
    attempt = new_attempt()
    step(
        "launch",
        attempt,
        "refused",
        status=status,
        person=str(wanted.user.uid) if wanted.user else "",
        client=wanted.client_id,
        patient=wanted.patient,
        address=wanted.address,
        rule=rule,
        expected=expected,
        cause=cause,
        **_source(wanted),
    )
    return attempt


def why_no_app(application: Any | None) -> str:
    """Why nobody can launch this client, in a sentence for staff; empty if there is no reason."""
    if application is None:
        return "No client is registered by this name."
    if application.status != type(application).Status.LIVE:
        return f"The client {application.client_id} is not live but {application.status}."
    return "" if application.launch_url else f"The client {application.client_id} has no launch URL."


def why_no_right(user: User, patient: str) -> str:
    """Why the person has no right to this patient, in a sentence for staff."""
    who = f"{user.uid} ({user.fhir_user or 'no fhir_user'})"
    return f"{who} has no right to Patient/{patient}: {_reason(user, patient)}."


def _reason(user: User, patient: str) -> str:
    if user.fhir_user_type == "Patient":
        return "patients reach their own record alone"
    if user.fhir_user_type != "RelatedPerson":
        return "the record is not there, or out of their reach"
    proxies = Proxy.objects.filter(user=user, patient=patient)
    if not proxies.exists():
        return "there is no proxy of theirs for this patient"
    if not proxies.in_force().exists():
        return "their proxy is switched off, over, or has not begun"
    return "the record is not there"


def _source(wanted: Wanted) -> dict[str, Any]:
    return {"source": "external EHR", "made_by": wanted.ehr} if wanted.ehr else {"source": "portal"}

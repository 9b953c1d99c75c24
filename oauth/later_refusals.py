"""Refusals on the way from a stored request to its code, each with its exact cause."""

from datetime import datetime

from django.utils import timezone

from accounts.models import Proxy, User
from oauth.authorize_rules import Refusal
from oauth.causes.clients import moment, of_status
from oauth.models import Application

_OWN = "an open request of this browser"


def unknown() -> Refusal:
    """No request has this id."""
    cause = "No authorization request has this id: it was removed after its time, or its address was altered."
    return _of("check_binding", _OWN, "an unknown id", cause)


def other_browser(has_binding: bool) -> Refusal:
    """The request was begun elsewhere, or the session that it was begun in is gone."""
    cause = (
        "The request was begun in another browser, or before somebody signed out in this one."
        if has_binding
        else "The browser sent no session in which a request was begun: cookies are blocked, or it has ended."
    )
    return _of("check_binding", _OWN, "a request of another browser", cause)


def over(finished: datetime | None, expires: datetime) -> Refusal:
    """The request was answered, or nobody answered it in time."""
    if finished is not None:
        cause = f"The request was completed on {moment(finished)}, or closed as its client's status changed."
        return _of("check_open", _OWN, "a finished request", cause)
    cause = f"The request expired on {moment(expires)}, before the person came to its end."
    return _of("check_open", _OWN, "an expired request", cause)


def twice() -> Refusal:
    """Another click or tab closed the request in the same moment."""
    cause = "The request was completed by another click or in another tab in the same moment."
    return _of("check_open", _OWN, "a finished request", cause, "code")


def not_live(client: Application) -> Refusal:
    """The client stopped being live after the request began."""
    cause = of_status(client.client_id, client.status, client.status_since)
    return _of("check_client", "a live client", "a client that is not live any more", cause)


def other_person(owner: User, user: User) -> Refusal:
    """Somebody else has signed in meanwhile."""
    cause = f"The request was begun by {_named(owner)}, and {_named(user)} is signed in now."
    return _of("check_person", "the person who began", "another person", cause, "sign-in")


def launch_of_other(meant: User, user: User) -> Refusal:
    """The launch is for another person than the one who signed in."""
    cause = f"The launch was made for {_named(meant)}, and {_named(user)} has signed in."
    description = "The launch value is not valid. Launch the app anew."
    expected, received = "the launch's person", "another person"
    return Refusal("launch_person", "invalid_request", description, expected, received, cause, "sign-in")


def nobody(user: User) -> Refusal:
    """An account without a FHIR identity reaches no record."""
    description = "This account belongs to nobody in the health record."
    cause = f"The account {user.uid} has no fhir_user, so that it may open no record."
    return _denied("fhir_identity", description, "a person with a fhir_user", cause, "sign-in")


def no_right(user: User, patient: str) -> Refusal:
    """The person has no right, or none any more, to the patient in context."""
    cause = f"{_named(user)} has no right to Patient/{patient}{_why_no_right(user, patient)}."
    return _denied("patient_right", "You may not see this patient.", "a right", cause)


def no_patient(user: User) -> Refusal:
    """A patient is needed, and there is none whom this person could choose."""
    total = Proxy.objects.filter(user=user).count()
    cause = f"{_named(user)} acts for nobody now: of {total} proxies none is in force."
    return _denied("patient_right", "There is no patient for you.", "a patient", cause)


def no_encounter() -> Refusal:
    """Nothing was asked for but an encounter, and there is none."""
    cause = "Only launch/encounter was asked for, and there is no encounter to tell."
    return _denied("encounter", "There is no encounter.", "an encounter", cause)


def declined(why: str) -> Refusal:
    """The person said no, in one of two ways."""
    return _denied("consent", "The person did not allow it.", "consent", f"The person {why}.", "consent")


def _why_no_right(user: User, patient: str) -> str:
    if user.fhir_user_type == "Patient":
        return ": patients reach their own record alone"
    if user.fhir_user_type != "RelatedPerson":
        return ": the record is not there, or out of their reach"
    proxy = Proxy.objects.filter(user=user, patient=patient).order_by("-pk").first()
    if proxy is None:
        return ": there is no proxy of theirs for this patient"
    if not proxy.active:
        return ": their proxy was switched off"
    if proxy.starts and proxy.starts > timezone.now():
        return f": their proxy begins on {moment(proxy.starts)}"
    return f": their proxy ended on {moment(proxy.ends)}" if proxy.ends else ""


def _named(user: User) -> str:
    return f"{user.uid} ({user.fhir_user or 'no fhir_user'})"


def _of(rule: str, expected: str, received: str, cause: str, step: str = "request") -> Refusal:
    return Refusal(rule, "invalid_request", "", expected, received, cause, step)


def _denied(rule: str, description: str, expected: str, cause: str, step: str = "context") -> Refusal:
    return Refusal(rule, "access_denied", description, expected, "none", cause, step)

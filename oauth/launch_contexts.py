"""Launches that an external EHR asks for: who may ask, for which app, person and patient.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

import re
from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from launch.attempts import Wanted, tell_launch, why_no_app, why_no_right
from launch.context import make_launch
from launch.models import LaunchContext
from launch.patients import has_encounter, patient_summary
from launch.starting import launchable_apps
from oauth import catalogue
from oauth.clients.calling import Refused
from oauth.launch_context_members import Asked, BadMember
from oauth.models import AccessToken, Application
from oauth.own_scopes import launch_context_scope
from oauth.scopes import parse_scopes
from oauth.tokens.liveness import living_id
from oauth.tokens.verification import NotOurToken, verify

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def calling_ehr(authorization: str) -> Application:
    """The client behind the Authorization header of a request, if it may make launch contexts.

    Its token must be one that it got for itself: a person can lend nobody the right to open apps for others.
    Raises Refused: 401 without a living token, 403 without the scope.
    https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii():
        words = "Send the access token as 'Authorization: Bearer …'."
        raise Refused(401, "invalid_token", words, _challenge())
    try:
        verified = verify(token)
    except NotOurToken as error:
        raise Refused(401, "invalid_token", str(error), _challenge("invalid_token")) from error
    living = living_id(AccessToken, verified.checksum)
    tokens = AccessToken.objects.select_related("application")
    row = tokens.filter(pk=living).first() if living is not None else None
    if row is None:
        words = "The access token has expired or was revoked, or what it rests on has ended."
        raise Refused(401, "invalid_token", words, _challenge("invalid_token"))
    if row.user_id is not None or not _holds_the_scope(row):
        words = f"This needs a token by client_credentials with the scope {launch_context_scope().text}."
        ehr = Wanted("", ehr=row.application.client_id)
        refused = Refused(403, "insufficient_scope", words, _challenge("insufficient_scope"))
        raise refused from NotLaunched(words, "launch_context_scope", _why_not_ehr(row), ehr)
    client: Application = row.application
    return client


class NotLaunched(BadMember):
    """A launch that is refused; what is asked is readable. `rule`, `cause` and `wanted` are for staff."""

    def __init__(self, words: str, rule: str, cause: str, wanted: Wanted) -> None:
        super().__init__(words)
        self.rule, self.cause, self.wanted = rule, cause, wanted


@transaction.atomic
def make(ehr: Application, asked: Asked, address: str) -> LaunchContext:
    """The launch that this EHR, calling from this address, asked for: waiting for its app, and told to the
    audit trail. Raises NotLaunched.

    What is not there and what is out of reach are refused in the same words, so that nobody can find out by
    asking which apps, people and patients there are.
    """
    application = launchable_apps().filter(client_id=asked.client_id, may_be_launched_by=ehr).first()
    wanted = Wanted(address, ehr=ehr.client_id)
    if application is None:
        words = "client_id: is not an app that you may launch."
        raise NotLaunched(words, "may_launch", *_why_not_app(ehr, asked.client_id, wanted))
    wanted = replace(wanted, client_id=application.client_id)
    user = named_user(asked.user)
    if user is None:
        words = "user: is not one person for whom an app could be opened."
        raise NotLaunched(words, "user", _why_nobody(asked.user), wanted)
    wanted = replace(wanted, user=user, patient=asked.patient)
    if asked.patient and patient_summary(user, asked.patient) is None:
        words = "patient: is not a patient whom this person may see."
        raise NotLaunched(words, "patient_right", why_no_right(user, asked.patient), wanted)
    if asked.encounter and not has_encounter(user, asked.patient, asked.encounter):
        words = "encounter: is not one of this patient's."
        cause = f"The encounter that was sent is none of Patient/{asked.patient}."
        raise NotLaunched(words, "encounter", cause, wanted)
    launch = make_launch(
        application,
        user,
        made_by=ehr,
        patient=asked.patient,
        encounter=asked.encounter,
        fhir_context=asked.fhir_context,
        need_patient_banner=asked.need_patient_banner,
        intent=asked.intent,
        smart_style_url=asked.smart_style_url,
        tenant=asked.tenant,
    )
    tell_launch(launch, wanted)
    return launch


def _why_not_app(ehr: Application, client_id: str, wanted: Wanted) -> tuple[str, Wanted]:
    """Why the EHR may not launch this client, and what was wanted as far as it is known."""
    application = Application.objects.filter(client_id=client_id).first()
    if why := why_no_app(application):
        return why, replace(wanted, client_id=application.client_id if application else "")
    cause = f"{ehr.client_id} may not launch {client_id}: staff have not named it in its registration."
    return cause, replace(wanted, client_id=client_id)


def _why_nobody(name: str) -> str:
    """Why no person is meant. The name itself stands nowhere: it could be anything."""
    found = list(User.objects.filter(_meant(name))[:2])
    if not found:
        return "No account has the user name, sub or FHIR user that was sent."
    if len(found) > 1:
        return "More than one account has the user name, sub or FHIR user that was sent."
    return f"The account {found[0].uid} is " + (
        "deactivated." if not found[0].is_active else "nobody in the health record."
    )


def named_user(name: str) -> User | None:
    """The active person with a FHIR identity who is meant by a FHIR user (Practitioner/123, or its URL here),
    a `sub` or a user name; None if it is nobody, or more than one.
    """
    found = list(User.objects.filter(_meant(name), is_active=True).exclude(fhir_user="")[:2])
    return found[0] if len(found) == 1 else None


def _meant(name: str) -> Q:
    if "/" in name:
        return Q(fhir_user=name.removeprefix(f"{settings.FHIR_BASE}/"))
    return Q(username=name) | (Q(uid=name) if _UUID.match(name) else Q())


def _why_not_ehr(row: AccessToken) -> str:
    client, scope = row.application, launch_context_scope()
    if row.user_id is not None:
        return f"{client.client_id} sent a token that it got in a person's name."
    if scope not in (parse_scopes(row.scope) or ()):
        return f"The token of {client.client_id} has not the scope {scope.text}: it did not ask for it."
    return (
        f"{client.client_id} is not registered for {scope.text} any more, or the catalogue has it disabled."
    )


def _holds_the_scope(row: AccessToken) -> bool:
    """Whether the token has the scope, its client is registered for it still, and the catalogue has it
    enabled. Nothing implies it.
    """
    granted, registered = parse_scopes(row.scope) or (), parse_scopes(row.application.scope) or ()
    return launch_context_scope() in catalogue.grantable(granted, registered)


def _challenge(error: str = "") -> str:
    """https://www.rfc-editor.org/rfc/rfc6750#section-3 (who sent no token at all is told of no error)"""
    challenge = f'Bearer realm="{settings.SITE_URL}/launch/contexts", scope="{launch_context_scope().text}"'
    return f'{challenge}, error="{error}"' if error else challenge

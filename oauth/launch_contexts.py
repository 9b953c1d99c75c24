"""Launches that an external EHR asks for: who may ask, for which app, person and patient.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

import re

from django.conf import settings
from django.db.models import Q

from accounts.models import User
from launch.context import make_launch
from launch.models import LaunchContext
from launch.patients import has_encounter, patient_summary
from launch.starting import launchable_apps
from oauth import catalogue
from oauth.calling_client import Refused
from oauth.launch_context_members import Asked, BadMember
from oauth.models import AccessToken, Application
from oauth.own_scopes import launch_context_scope
from oauth.scopes import parse_scopes
from oauth.token_liveness import living_id
from oauth.token_verification import NotOurToken, verify

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
        raise Refused(403, "insufficient_scope", words, _challenge("insufficient_scope"))
    client: Application = row.application
    return client


def make(ehr: Application, asked: Asked) -> LaunchContext:
    """The launch that this EHR asked for, waiting for its app. Raises BadMember.

    What is not there and what is out of reach are refused in the same words, so that nobody can find out by
    asking which apps, people and patients there are.
    """
    application = launchable_apps().filter(client_id=asked.client_id, may_be_launched_by=ehr).first()
    if application is None:
        raise BadMember("client_id: is not an app that you may launch.")
    user = named_user(asked.user)
    if user is None:
        raise BadMember("user: is not one person for whom an app could be opened.")
    if asked.patient and patient_summary(user, asked.patient) is None:
        raise BadMember("patient: is not a patient whom this person may see.")
    if asked.encounter and not has_encounter(user, asked.patient, asked.encounter):
        raise BadMember("encounter: is not one of this patient's.")
    return make_launch(
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


def named_user(name: str) -> User | None:
    """The active person with a FHIR identity who is meant by a FHIR user (Practitioner/123, or its URL here),
    a `sub` or a user name; None if it is nobody, or more than one.
    """
    if "/" in name:
        meant = Q(fhir_user=name.removeprefix(f"{settings.FHIR_BASE}/"))
    else:
        meant = Q(username=name) | (Q(uid=name) if _UUID.match(name) else Q())
    found = list(User.objects.filter(meant, is_active=True).exclude(fhir_user="")[:2])
    return found[0] if len(found) == 1 else None


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

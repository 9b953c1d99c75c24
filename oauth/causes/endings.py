"""What has ended a code or a refresh token before its time."""

from datetime import UTC, datetime

import orjson
from django.utils import timezone

from audit.models import Event
from launch.context import may_see_patient
from oauth.causes.callers import status_of
from oauth.causes.clients import moment
from oauth.models import Grant, RefreshToken
from oauth.token_attempts import attempt_of_family


def of_ending(issued: Grant | RefreshToken) -> str:
    """What a code or refresh token rests on and has ended, in a sentence; empty if everything stands."""
    return _of_client(issued) or _of_consent(issued) or _of_person(issued) or _of_session(issued)


def of_revocation(token: RefreshToken) -> str:
    """Why a refresh token was revoked that nobody had used: as the audit trail has it, or by what it rests
    on; else when alone.
    """
    told = Event.objects.filter(
        attempt=attempt_of_family(token.token_family), kind="revocation", outcome="allowed"
    )
    event = told.order_by("-time").first()
    if event is not None and event.detail:
        when = moment(datetime.fromtimestamp(event.time / 1_000_000, tz=UTC))
        return f"The refresh token was revoked on {when}: {orjson.loads(event.detail).get('cause', '')}"
    when = f" on {moment(token.revoked)}" if token.revoked else ""
    return f"The refresh token was revoked{when}. {of_ending(token)}".strip()


def _of_client(issued: Grant | RefreshToken) -> str:
    return "" if issued.application.is_live else status_of(issued.application)


def _of_consent(issued: Grant | RefreshToken) -> str:
    consent = issued.consent
    if consent is None:
        return ""
    if consent.withdrawn is not None:
        end = " with the session for which it was given" if consent.session_digest else ""
        return f"The consent was withdrawn on {moment(consent.withdrawn)}{end}."
    if consent.expires is not None and consent.expires <= timezone.now():
        return f"The consent ran out on {moment(consent.expires)}."
    return ""


def _of_person(issued: Grant | RefreshToken) -> str:
    person = issued.user
    if person is None:
        return ""
    if not person.is_active:
        return "The person's account is not active any more."
    if person.credentials_reset_at is not None and person.credentials_reset_at >= issued.created:
        return f"Staff gave the person new credentials on {moment(person.credentials_reset_at)}."
    context = issued.launch_context
    if context is not None and context.patient and not may_see_patient(person, context.patient):
        return f"The person has no right to Patient/{context.patient} any more."
    return ""


def _of_session(issued: Grant | RefreshToken) -> str:
    """A session that is ended early revokes its tokens: then nothing else is left of it."""
    end = issued.session_expires
    if end is None:
        return ""
    if end <= timezone.now():
        return f"The session that it was given for ran out on {moment(end)}."
    ended = issued.used if isinstance(issued, Grant) else issued.revoked
    return "" if ended is None else f"The session that it was given for was ended on {moment(ended)}."

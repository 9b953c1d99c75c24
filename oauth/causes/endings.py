"""What has ended a code or a refresh token before its time."""

import orjson
from django.utils import timezone

from audit.models import Event
from launch.context import may_see_patient
from oauth.causes.callers import status_of
from oauth.causes.clients import moment
from oauth.models import AccessToken, Grant, RefreshToken
from oauth.tokens.attempts import attempt_of_family

_MOST = 100
_TOGETHER = 2.0
"""Seconds between a revocation and its event at the most: they are of one transaction."""
Issued = Grant | AccessToken | RefreshToken


def of_ending(issued: Issued) -> str:
    """What a code or token rests on and has ended, in a sentence; empty if everything stands."""
    return _of_client(issued) or _of_consent(issued) or _of_person(issued) or _of_session(issued)


def of_revocation(token: AccessToken | RefreshToken) -> str:
    """Why a token was revoked (a refresh token before anybody used it): as the audit trail has it, or by
    what it rests on; else when alone.
    """
    what = "access token" if isinstance(token, AccessToken) else "refresh token"
    when = f" on {moment(token.revoked)}" if token.revoked else ""
    told = _told(token)
    if told:
        return f"The {what} was revoked{when}: {told}"
    return f"The {what} was revoked{when}. {of_ending(token)}".strip()


def _told(token: AccessToken | RefreshToken) -> str:
    """What the audit trail has about the revocation of this token, in a sentence."""
    jti = token.jti if isinstance(token, AccessToken) else ""
    events = Event.objects.filter(
        attempt=attempt_of_family(token.token_family, jti), kind="revocation", outcome="allowed"
    )
    revoked = token.revoked.timestamp() if token.revoked else 0.0
    for event in events.order_by("time")[:_MOST]:
        detail = orjson.loads(event.detail or "{}")
        if abs(event.time / 1_000_000 - revoked) < _TOGETHER and detail.get("ended", 1):
            return str(detail.get("cause", ""))
    return ""


def of_access_token(token: AccessToken) -> str:
    """What has ended an access token, for staff."""
    if token.expires is not None and token.expires <= timezone.now() and token.revoked is None:
        seconds = (timezone.now() - token.expires).total_seconds()
        return f"The access token expired {seconds:.0f} seconds ago."
    if token.revoked is not None:
        return of_revocation(token)
    return of_ending(token) or "What the access token rests on has ended."


def _of_client(issued: Issued) -> str:
    return "" if issued.application.is_live else status_of(issued.application)


def _of_consent(issued: Issued) -> str:
    consent = issued.consent
    if consent is None:
        return ""
    if consent.withdrawn is not None:
        end = " with the session for which it was given" if consent.session_digest else ""
        return f"The consent was withdrawn on {moment(consent.withdrawn)}{end}."
    if consent.expires is not None and consent.expires <= timezone.now():
        return f"The consent ran out on {moment(consent.expires)}."
    return ""


def _of_person(issued: Issued) -> str:
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


def _of_session(issued: Issued) -> str:
    """A session that is ended early revokes its tokens: then nothing else is left of it."""
    end = issued.session_expires
    if end is None:
        return ""
    if end <= timezone.now():
        return f"The session that it was given for ran out on {moment(end)}."
    ended = issued.used if isinstance(issued, Grant) else issued.revoked
    return "" if ended is None else f"The session that it was given for was ended on {moment(ended)}."

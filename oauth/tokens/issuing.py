"""Codes and refresh tokens are exchanged here, each exactly once, and what comes of them is recorded.

Tokens that come of one code are a family. A code shown twice, or a spent refresh token shown late or by
somebody else, is a sign of theft: the whole family dies.
https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from audit.events import Event
from audit.recording import record
from launch.context import TOLD, may_see_patient
from launch.models import LaunchContext
from oauth.consent.duration import end_of
from oauth.models import AccessToken, Application, Consent, Grant, RefreshToken
from oauth.prepared import NOW, Prepared, columns, insert, instance, value
from oauth.remembered import OutdatedError, stamp_column
from oauth.tokens.attempts import attempt_of, attempt_of_code
from oauth.tokens.checksum import token_checksum
from oauth.tokens.liveness import alive, is_alive
from oauth.tokens.revocation import revoke_all
from oauth.tokens.rotation import SpentError, SuccessorAccess, SuccessorRefresh, record_successors

# A client whose answer got lost, or whose two tabs refresh at once, shows a spent token again at once: no
# theft.
GRACE = timedelta(seconds=10)
_TOGETHER = ("user", "application", "launch_context", "consent")


class Shown(NamedTuple):
    """The record of a refresh token with its person and context, whether it is alive, the stamp of this
    moment, and the reference code of its authorization attempt.
    """

    record: RefreshToken
    is_alive: bool
    stamp: int
    attempt: str


def find_code(code: str, client: Application) -> Grant | None:
    """The living grant of a code that this client shows; None if there is none.

    A used one kills the tokens it gave, whoever shows it. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    """
    grant = Grant.objects.select_related(*_TOGETHER).filter(code=token_checksum(code)).first()
    if grant is not None and grant.used is not None:
        _end_stolen(grant, attempt_of_code(grant), client, "The code was shown a second time")
    if grant is None or grant.application_id != client.pk or not _reaches_its_patient(grant):
        return None
    living = alive(Grant.objects.annotate(revoked=F("used")).filter(pk=grant.pk))
    return grant if living.exists() else None


def find_refresh_token(token: str, client: Application, stamp: int | None = None) -> Shown | None:
    """The living refresh token that this client shows; None if there is none.

    A spent one is refused; shown later than GRACE, or by another client, it takes its family with it. Raises
    OutdatedError if the stamp under which the client is known has changed.
    """
    shown = _refresh_row(token)
    if shown is None:
        return None
    if stamp is not None and shown.stamp != stamp:
        raise OutdatedError
    row = shown.record
    if row.revoked is not None:
        if row.application_id != client.pk or timezone.now() - row.revoked > GRACE:
            _end_stolen(row, shown.attempt, client, _how(row, client))
        return None
    if not shown.is_alive or row.application_id != client.pk or not _reaches_its_patient(row):
        return None
    row.application = client
    return shown


def _refresh_query() -> QuerySet[RefreshToken, Any]:
    rows = RefreshToken.objects.filter(token_checksum=value("checksum"))
    people = (f"user__{name}" for name in _OF_USER)
    contexts = (f"launch_context__{name}" for name in _OF_CONTEXT)
    consents = (f"consent__{name}" for name in _OF_CONSENT)
    newest_first = F("revoked").desc(nulls_first=True)
    attempts = Grant.objects.filter(token_family=OuterRef("token_family")).values("attempt")[:1]
    state = {
        "is_alive": ExpressionWrapper(is_alive(NOW), BooleanField()),
        "stamp": stamp_column(),
        "attempt": Subquery(attempts),
    }
    found = rows.annotate(**state).order_by(newest_first)
    return found.values_list(*_OF_TOKEN, *people, *contexts, *consents, *state)


# What a refresh needs to know.
_OF_TOKEN = columns(
    RefreshToken,
    frozenset(
        [
            "id",
            "user_id",
            "application_id",
            "launch_context_id",
            "consent_id",
            "token_family",
            "scope",
            "revoked",
            "created",
            "auth_time",
            "session_digest",
            "session_expires",
        ]
    ),
)
_OF_USER = columns(
    User, frozenset(["id", "uid", "username", "first_name", "last_name", "email", "is_active", "fhir_user"])
)
_OF_CONTEXT = columns(LaunchContext, TOLD)
_OF_CONSENT = columns(Consent, frozenset(["id", "expires"]))
_REFRESH = Prepared(_refresh_query)


def _refresh_row(token: str) -> Shown | None:
    rows = _REFRESH(checksum=token_checksum(token))
    if not rows:
        return None
    after_token, after_user = len(_OF_TOKEN), len(_OF_TOKEN) + len(_OF_USER)
    after_context = after_user + len(_OF_CONTEXT)
    *row, is_alive, stamp, attempt = rows[0]
    record = instance(RefreshToken, _OF_TOKEN, row[:after_token])
    if record is None:
        return None
    record.user = instance(User, _OF_USER, row[after_token:after_user])
    record.launch_context = instance(LaunchContext, _OF_CONTEXT, row[after_user:])
    record.consent = instance(Consent, _OF_CONSENT, row[after_context:])
    return Shown(record, bool(is_alive), stamp, attempt or attempt_of(str(record.token_family)))


def redeem_code(grant: Grant, token: dict[str, Any], jti: str, kid: str, address: str = "") -> None:
    """Spend the code and record the tokens made of it, signed with the key `kid`, for a request that came
    from `address`.

    Raises SpentError, and then the family is dead.
    """
    try:
        with transaction.atomic():
            now = timezone.now()
            if not Grant.objects.filter(pk=grant.pk, used__isnull=True).update(used=now):
                raise SpentError
            _record(grant, token, jti, kid, now)
            record(_exchanged("token", grant, attempt_of_code(grant), token, address))
    except SpentError:
        client = grant.application
        _end_stolen(grant, attempt_of_code(grant), client, "The code was shown twice at once")
        raise


def rotate(
    spent: RefreshToken, token: dict[str, Any], jti: str, kid: str, attempt: str = "", address: str = ""
) -> None:
    """Spend a refresh token and record its successors, signed with the key `kid`, and the step of the
    attempt for a request that came from `address`.

    Raises SpentError; the family lives.

    The one UPDATE decides which of several parallel requests wins.
    """
    now = timezone.now()
    record_successors(
        spent.pk,
        now,
        SuccessorAccess(
            jti=jti,
            kid=kid,
            token_checksum=token_checksum(token["access_token"]),
            scope=token["scope"],
            expires=now + timedelta(seconds=token["expires_in"]),
        ),
        SuccessorRefresh(
            token_checksum=token_checksum(token["refresh_token"]), expires=_refresh_expires(spent, now)
        ),
        _exchanged("refresh", spent, attempt or attempt_of(str(spent.token_family)), token, address),
    )


def kill_family(family: uuid.UUID | None) -> None:
    """Revoke every living token that came of one code. Tokens without a family have no relatives."""
    if family is not None:
        revoke_all(token_family=family)


@transaction.atomic
def _end_stolen(issued: Grant | RefreshToken, attempt: str, client: Application, how: str) -> None:
    """End the family of what was shown as only a thief or a careless app shows it, and say so in the
    timeline.
    """
    ended = revoke_all(token_family=issued.token_family) if issued.token_family else 0
    if ended:
        cause = f"{how}: {ended} living tokens of the same authorization were revoked."
        person = str(issued.user.uid) if issued.user else ""
        told = {"rule": "check_used_once", "cause": cause}
        about = {"person": person, "client": client.client_id, "attempt": attempt}
        record(Event("revocation", "allowed", **about, detail=told))


def _how(row: RefreshToken, client: Application) -> str:
    if row.application_id != client.pk:
        return "A used or revoked refresh token was shown by another client"
    return "A used or revoked refresh token was shown again"


def _exchanged(
    kind: str, shown: Grant | RefreshToken, attempt: str, token: dict[str, Any], address: str
) -> Event:
    """The step of the timeline at which tokens were given."""
    context = shown.launch_context
    return Event(
        kind,
        "allowed",
        200,
        person=str(shown.user.uid) if shown.user else "",
        client=shown.application.client_id,
        patient=context.patient if context else "",
        address=address,
        attempt=attempt,
        detail={
            **_PASSED[kind],
            "scope": token["scope"],
            "access_token_seconds": token["expires_in"],
            "given": [name for name in _GIVEN if name in token],
        },
    )


_PASSED = {
    "token": {
        "rule": "check_code",
        "expected": "an unused code of this client, in its time, with its redirect_uri and code_verifier",
        "received": "one that is",
    },
    "refresh": {
        "rule": "check_refresh_token",
        "expected": "a living refresh token of this client, and no more scope than was granted",
        "received": "one that is",
    },
}
"""What was asked of a request that got tokens, and came."""
_GIVEN = ("access_token", "refresh_token", "id_token")


def _reaches_its_patient(issued: Grant | RefreshToken) -> bool:
    """Whether the person still has a right to the patient in context, if there is one."""
    context = issued.launch_context
    return context is None or not context.patient or may_see_patient(issued.user, context.patient)


def _record(grant: Grant, token: dict[str, Any], jti: str, kid: str, now: datetime) -> None:
    """Store digests of the tokens in `token`, with everything that they rest on copied from their code."""
    shared: dict[str, Any] = {
        "user_id": grant.user_id,
        "application_id": grant.application_id,
        "launch_context_id": grant.launch_context_id,
        "consent_id": grant.consent_id,
        "auth_time": grant.auth_time,
        "session_digest": grant.session_digest,
        "session_expires": grant.session_expires,
        "token_family": grant.token_family,
        "token": "",
    }
    access_id = insert(
        AccessToken,
        jti=jti,
        kid=kid,
        token_checksum=token_checksum(token["access_token"]),
        scope=token["scope"],
        expires=now + timedelta(seconds=token["expires_in"]),
        **shared,
    )
    if refresh_token := token.get("refresh_token"):
        insert(
            RefreshToken,
            token_checksum=token_checksum(refresh_token),
            scope=grant.scope,
            expires=_refresh_expires(grant, now),
            access_token_id=access_id,
            **shared,
        )


def _refresh_expires(source: Grant | RefreshToken, now: datetime) -> datetime:
    seconds = source.application.refresh_token_seconds or settings.REFRESH_TOKEN_SECONDS
    expires = now + timedelta(seconds=seconds)
    end = end_of(source)
    return min(expires, end) if end else expires

"""Authorization codes: made at the end of the walk through sign-in, context and consent."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from oauth.client_authentication import token_checksum
from oauth.models import AuthorizationRequest, Consent, Grant
from oauth.online_sessions import session_digest, session_end
from oauth.scopes import NamedScope, Scope, to_text
from oauth.sign_in_time import auth_time
from oauth.stored_requests import finish


class FinishedError(Exception):
    """The request was answered already, by a second click or another tab."""


def make_code(
    request: HttpRequest,
    stored: AuthorizationRequest,
    user: User,
    granted: tuple[Scope, ...],
    consent: Consent,
) -> str:
    """Close the request and return its code: 256 random bits, for one use within a minute.

    Raises FinishedError. Only the code's digest is kept. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    """
    code = secrets.token_urlsafe(32)
    with transaction.atomic():
        if not finish(stored):
            raise FinishedError
        digest, session_expires = _session(request, granted, consent)
        Grant.objects.create(
            code=token_checksum(code),
            application=stored.application,
            user=user,
            redirect_uri=stored.one("redirect_uri"),
            scope=to_text(granted),
            code_challenge=stored.one("code_challenge"),
            code_challenge_method="S256",
            nonce=stored.one("nonce"),
            launch_context=stored.launch_context,
            consent=consent,
            auth_time=auth_time(request, user),
            session_digest=digest,
            session_expires=session_expires,
            expires=timezone.now()
            + timedelta(seconds=settings.OAUTH2_PROVIDER["AUTHORIZATION_CODE_EXPIRE_SECONDS"]),
        )
    return code


def _session(
    request: HttpRequest, granted: tuple[Scope, ...], consent: Consent
) -> tuple[str, datetime | None]:
    """The session that the tokens depend on, and its end: that of `online_access`, or of a person who allowed
    the app only until they sign out, whatever it asked for. Offline access depends on none.
    """
    is_online = NamedScope("online_access") in granted and NamedScope("offline_access") not in granted
    if not is_online and not consent.session_digest:
        return "", None
    return session_digest(request.session.session_key or ""), session_end(request)

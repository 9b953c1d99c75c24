"""Authorization codes: made at the end of the walk through sign-in, context and consent, and told of with
the consent that they rest on. The code itself stands nowhere.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from oauth.causes.masking import masked
from oauth.consent.duration import in_words
from oauth.models import AuthorizationRequest, Consent, Grant
from oauth.request_steps import step_of
from oauth.scopes import NamedScope, Scope, implies, parse_scopes, to_text
from oauth.sign_in_time import auth_time
from oauth.stored_requests import finish
from oauth.tokens.checksum import token_checksum
from oauth.tokens.online_sessions import session_digest, session_end


class FinishedError(Exception):
    """The request was answered already, by a second click or another tab."""


def make_code(
    request: HttpRequest,
    stored: AuthorizationRequest,
    user: User,
    granted: tuple[Scope, ...],
    consent: Consent,
    how: str,
) -> str:
    """Close the request and return its code: 256 random bits, for one use within a minute.

    `how` says how the consent came about: answered, remembered or approved in advance. Only the code's digest
    is kept. Raises FinishedError. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    """
    code = secrets.token_urlsafe(32)
    seconds = settings.OAUTH2_PROVIDER["AUTHORIZATION_CODE_EXPIRE_SECONDS"]
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
            attempt=stored.attempt,
            auth_time=auth_time(request, user),
            session_digest=digest,
            session_expires=session_expires,
            expires=timezone.now() + timedelta(seconds=seconds),
        )
        _tell(request, stored, granted, consent, how)
        step_of(
            request,
            stored,
            "code",
            rule="check_open",
            expected="a request that has no code yet",
            received="one that has none",
            redirect_uri=masked(stored.one("redirect_uri")),
            scope=to_text(granted),
            seconds=seconds,
            ends_with_session=bool(digest),
        )
    return code


def _tell(
    request: HttpRequest,
    stored: AuthorizationRequest,
    granted: tuple[Scope, ...],
    consent: Consent,
    how: str,
) -> None:
    """What was asked, and what came of it: allowed whole, in part, or declined."""
    asked = parse_scopes(stored.scope) or ()
    limited = [scope for scope in asked if scope not in granted]
    narrowed = [scope for scope in limited if any(implies(scope, part) for part in granted)]
    step_of(
        request,
        stored,
        "consent",
        rule="consent",
        expected="something of what is asked, allowed by the person",
        received=to_text(granted),
        how=how,
        asked=stored.scope,
        granted=to_text(granted),
        narrowed=to_text(narrowed),
        declined=to_text(scope for scope in limited if scope not in narrowed),
        lasts=in_words(consent),
        consent=consent.pk,
    )


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

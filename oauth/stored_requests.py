"""Authorization requests between /oauth/authorize and the code: stored, bound to a browser, open for half
an hour.

Every later page carries the request's id only, and the id is worth nothing in another browser.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User
from launch.context import claim
from launch.models import LaunchContext
from oauth import later_refusals as later
from oauth.authorize_rules import Refusal
from oauth.models import Application, AuthorizationRequest

_BINDING = "authorization_binding"


class LaunchTakenError(Exception):
    """Another authorization request claimed the launch in the same moment."""


class RefusedError(Exception):
    """The stored request cannot be gone on with, for a reason that only the person can be told."""

    def __init__(self, refusal: Refusal, stored: AuthorizationRequest | None) -> None:
        super().__init__(refusal.rule)
        self.refusal, self.stored = refusal, stored


def store(
    session: SessionBase,
    parameters: Mapping[str, str],
    client: Application,
    scope: str,
    launch: LaunchContext | None,
    attempt: str = "",
) -> AuthorizationRequest:
    """Keep a request that passed every rule, under the reference code of its attempt, and claim its launch.

    Raises LaunchTakenError.
    """
    with transaction.atomic():
        stored = AuthorizationRequest.objects.create(
            session_digest=_digest(_binding(session)),
            application=client,
            parameters=dict(parameters),
            scope=scope,
            launch_context=launch,
            attempt=attempt,
            expires=timezone.now() + timedelta(seconds=settings.AUTHORIZATION_REQUEST_SECONDS),
        )
        if launch is not None and not claim(launch, client.pk, stored.pk):
            raise LaunchTakenError
    return stored


def bind(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Give the session of somebody who signs in its binding; a receiver of `user_logged_in`.

    If the first authorization request did it, several at the same moment would each make one, and all but
    the last would belong to nobody.
    """
    _binding(request.session)


def load(request: HttpRequest, request_id: str) -> AuthorizationRequest:
    """The open request of this id, if it is this browser's and, once somebody signed in, this person's.

    Raises RefusedError otherwise, with the row if there is one.
    """
    stored = (
        AuthorizationRequest.objects.select_related("application", "user", "launch_context")
        .filter(pk=request_id if request_id.isprintable() else "")
        .first()
    )
    refusal = _refusal_of(request, stored)
    if refusal is not None or stored is None:
        raise RefusedError(refusal or later.unknown(), stored)
    return stored


def _refusal_of(request: HttpRequest, stored: AuthorizationRequest | None) -> Refusal | None:
    if stored is None:
        return later.unknown()
    binding = request.session.get(_BINDING, "")
    if not binding or not constant_time_compare(stored.session_digest, _digest(binding)):
        return later.other_browser(bool(binding))
    if stored.finished is not None or stored.expires <= timezone.now():
        return later.over(stored.finished, stored.expires)
    if not stored.application.is_live:
        return later.not_live(stored.application)
    if stored.user is not None and isinstance(request.user, User) and stored.user != request.user:
        return later.other_person(stored.user, request.user)
    return None


def hold_open(stored: AuthorizationRequest) -> bool:
    """Keep others from closing the request until this transaction is over; False if it is closed already."""
    open_ones = AuthorizationRequest.objects.select_for_update().filter(pk=stored.pk, finished__isnull=True)
    return open_ones.values_list("pk", flat=True).first() is not None


def settle(stored: AuthorizationRequest, picked: LaunchContext) -> None:
    """Give a request the context that was picked for it.

    Of two picks at the same moment the first one stands: the consent page may have shown it.
    """
    waiting = AuthorizationRequest.objects.filter(pk=stored.pk, launch_context__isnull=True)
    waiting.update(launch_context=picked)
    stored.refresh_from_db(fields=["launch_context"])


def finish(stored: AuthorizationRequest) -> bool:
    """Close the request; False if that had been done already. One UPDATE decides between two clicks."""
    open_ones = AuthorizationRequest.objects.filter(pk=stored.pk, finished__isnull=True)
    return open_ones.update(finished=timezone.now()) == 1


def _binding(session: SessionBase) -> str:
    """What ties a session and its requests together: 192 random bits that never leave the server."""
    return str(session.setdefault(_BINDING, secrets.token_urlsafe(24)))


def _digest(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()

"""What has run out is removed, batch by batch, while the server goes on.

A spent code or refresh token that is shown again kills its family (oauth.tokens.issuing), so both stay as
long as there is something to kill. A launch context stays as long as anything points at it: a token that lost
its patient would be another token. Each batch is chosen with its rows locked, and looked at once more under
the locks; what others hold just now is left to the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from fhir.export.ending import sweep
from fhir.export.models import ExportJob
from launch.models import LaunchContext
from oauth.clients import used_assertions
from oauth.models import AccessToken, AuthorizationRequest, Grant, RefreshToken

BATCH = 1000
"""How many rows are removed in one transaction."""

Rows = QuerySet[Any, Any]


def authorization_requests(before: datetime) -> Rows:
    """Those that ran out before this moment, finished or not."""
    return AuthorizationRequest.objects.filter(expires__lte=before)


def access_tokens(before: datetime) -> Rows:
    """Those that ran out before this moment. One that started an export stays as long as the export, whose
    rights hang on it."""
    tickets = ExportJob.objects.values_list("ticket", flat=True)
    started = {ticket.partition(".")[0] for ticket in tickets}
    return AccessToken.objects.filter(expires__lte=before).exclude(token_checksum__in=started)


def refresh_tokens(before: datetime) -> Rows:
    """Those that ran out or were revoked before this moment, unless others of the same code are alive.

    A spent one that has run out tells of a theft as well: the thief may have refreshed ever since.
    """
    ended = Q(expires__lte=before) | Q(revoked__lte=before)
    return RefreshToken.objects.filter(ended, ~_has_living_relatives())


def codes(before: datetime) -> Rows:
    """Those that ran out before this moment, unless tokens that came of them are alive."""
    return Grant.objects.filter(~_has_living_relatives(), expires__lte=before)


def launch_contexts(before: datetime) -> Rows:
    """Those that can no longer be claimed, where no request, code or token points at them."""
    pointing = (AuthorizationRequest, Grant, AccessToken, RefreshToken)
    used = [Exists(_all(model).filter(launch_context=OuterRef("pk"))) for model in pointing]
    return LaunchContext.objects.filter(*(~each for each in used), expires__lte=before)


def sessions(before: datetime) -> Rows:
    """Those that ended before this moment."""
    return Session.objects.filter(expire_date__lte=before)


CLEARED: tuple[tuple[str, Callable[[datetime], Rows]], ...] = (
    ("authorization requests", authorization_requests),
    ("access tokens", access_tokens),
    ("refresh tokens", refresh_tokens),
    ("codes", codes),
    ("launch contexts", launch_contexts),
    ("sessions", sessions),
)
"""What is removed, in this order: what points at others comes before them."""


def clear(rows: Callable[[datetime], Rows], before: datetime) -> int:
    """Remove the rows that ended before this moment. Returns how many there were."""
    count, last = 0, None
    while True:
        found, removed = _clear_batch(rows(before), last)
        count += removed
        if not found:
            return count
        last = found[-1]


def clear_others() -> dict[str, int]:
    """Remove expired exports with their files, and assertions that are refused by their time alone."""
    assertions = 0
    while removed := used_assertions.clean():
        assertions += removed
    return {"client assertions": assertions, "exports": sweep()}


def _clear_batch(rows: Rows, last: object) -> tuple[list[Any], int]:
    """The keys of the next rows behind the key `last`, and how many of them were removed."""
    behind = rows if last is None else rows.filter(pk__gt=last)
    with transaction.atomic():
        chosen = behind.order_by("pk").select_for_update(skip_locked=True, of=("self",))
        found = list(chosen.values_list("pk", flat=True)[:BATCH])
        # Now that nobody else can point at them or change them: those that are still to go.
        keys = list(rows.filter(pk__in=found).values_list("pk", flat=True))
        if keys:
            rows.model._default_manager.filter(pk__in=keys).delete()
    return found, len(keys)


def _all(model: type[Model]) -> Rows:
    return model._default_manager.all()


def _has_living_relatives() -> Q:
    """Whether a token of the same family, or the code they come of, has neither run out nor been revoked."""
    now = timezone.now()
    family = Q(token_family=OuterRef("token_family")) & (Q(expires__isnull=True) | Q(expires__gt=now))
    living = [
        Exists(_all(AccessToken).filter(family, revoked__isnull=True)),
        Exists(_all(RefreshToken).filter(family, revoked__isnull=True)),
        Exists(_all(Grant).filter(family, used__isnull=True)),
    ]
    return Q(living[0]) | Q(living[1]) | Q(living[2])

"""Changes of a client's status: whatever it held or had begun before is over for good.

Codes and tokens are ended by the database itself at each change (`oauth.tokens.lasting_ends`). What is done
here besides: authorization requests that wait for somebody's answer are closed, and staff hear how much
ended.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from oauth.models import Application, AuthorizationRequest
from oauth.tokens.revocation import revoke_all

Status = Application.Status


@transaction.atomic
def save(application: Application) -> None:
    """Save a client, new or known; if that changes its status, close its open requests."""
    known = Application.objects.filter(pk=application.pk).values_list("status", flat=True).first()
    if known not in (None, application.status):
        _close_requests([application.pk])
    if known != application.status:
        application.status_since = timezone.now()
    application.save()


@transaction.atomic
def change(clients: QuerySet[Application], status: str) -> tuple[int, int]:
    """Give the clients this status, all but retired ones and those that have it; returns how many were
    changed and how many tokens were revoked.
    """
    others = clients.exclude(status__in=[status, Status.RETIRED])
    chosen = list(others.select_for_update(of=("self",)).values_list("pk", flat=True))
    revoked = revoke_all(application__in=chosen)
    _close_requests(chosen)
    Application.objects.filter(pk__in=chosen).update(
        status=status, status_since=timezone.now(), updated=timezone.now()
    )
    return len(chosen), revoked


def _close_requests(chosen: list[int]) -> None:
    requests = AuthorizationRequest.objects.filter(application__in=chosen, finished__isnull=True)
    requests.update(finished=timezone.now())

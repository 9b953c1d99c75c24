"""Changes of a client's status: whatever it held or had begun before is over for good.

A token that is being issued at the very moment of a suspension would be recorded after all others were
revoked, dead only as long as the client is suspended. So the end comes with each change, also back to live.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from oauth.models import Application, AuthorizationRequest
from oauth.revocation import revoke_all

Status = Application.Status


@transaction.atomic
def save(application: Application) -> None:
    """Save a client, new or known; if that changes its status, end what it has."""
    known = Application.objects.filter(pk=application.pk).values_list("status", flat=True).first()
    if known not in (None, application.status):
        _end([application.pk])
    application.save()


@transaction.atomic
def change(clients: QuerySet[Application], status: str) -> tuple[int, int]:
    """Give the clients this status, all but retired ones and those that have it; returns how many were
    changed and how many tokens were revoked.
    """
    others = clients.exclude(status__in=[status, Status.RETIRED])
    chosen = list(others.select_for_update(of=("self",)).values_list("pk", flat=True))
    tokens = _end(chosen)  # before the change, whose trigger (oauth.lasting_ends) would leave none to count
    Application.objects.filter(pk__in=chosen).update(status=status, updated=timezone.now())
    return len(chosen), tokens


def _end(chosen: list[int]) -> int:
    """Revoke every code and token of the clients and close their open authorization requests."""
    requests = AuthorizationRequest.objects.filter(application__in=chosen, finished__isnull=True)
    requests.update(finished=timezone.now())
    return revoke_all(application__in=chosen)

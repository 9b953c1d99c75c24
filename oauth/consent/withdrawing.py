"""What was allowed is taken back: by the person, or by staff. The audit trail is told what it was."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from audit.events import Event
from audit.origin import client_address
from audit.recording import record
from oauth.models import Application, Consent
from oauth.request_steps import subject
from oauth.tokens.revocation import withdraw


@transaction.atomic
def withdraw_as_person(request: HttpRequest, user: User, application: Application) -> int:
    """Take back all that the person at this browser allowed the app. Returns how many tokens were revoked."""
    consents = list(Consent.objects.in_force().filter(user=user, application=application).order_by("pk"))
    count = withdraw(user, application)
    for consent in consents:
        tell_withdrawn(request, consent, by="person")
    if not consents:
        _tell(request, application, by="person", tokens=count)
    return count


def tell_withdrawn(request: HttpRequest, consent: Consent, by: str) -> None:
    """Record that a consent ended `by` the "person" or by "staff", in the transaction in which it does."""
    owner = {} if by == "person" else {"of": str(consent.user.uid)}
    what = {"consent": consent.pk, "scope": consent.scope, **owner}
    _tell(request, consent.application, consent.patient, by=by, **what)


def _tell(request: HttpRequest, application: Application, patient: str = "", **detail: Any) -> None:
    record(
        Event(
            "revocation",
            "allowed",
            person=subject(request),
            client=application.client_id,
            patient=patient,
            address=client_address(request.META),
            detail=detail,
        )
    )

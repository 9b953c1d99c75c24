"""Whom the proof needs: a patient with a record, a member of staff, and an app for each token.

They are made for one run, with passwords that nobody learns, and taken away after it. What the run did stays
in the audit trail, and the patient's record stays as a deleted one with its history.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group

from accounts.models import User
from fhir import store
from fhir.access import EVERYTHING
from oauth.models import Application
from smartcdr.groups import APP_MANAGER

CALLBACK = "https://revocation-proof.example.org/callback"
SCOPE = "launch/patient patient/Patient.r"


@dataclass(frozen=True, slots=True)
class Cast:
    """`password` is that of both people; `patient` the id of the record that the first of them has."""

    person: str
    staff: str
    password: str
    patient: str
    apps: list[str]


@contextmanager
def cast(count: int) -> Iterator[Cast]:
    """A cast with `count` apps, there as long as the block lasts."""
    name = f"revocation-proof-{secrets.token_hex(6)}"
    made = Cast(
        person=f"{name}-person",
        staff=f"{name}-staff",
        password=secrets.token_urlsafe(32),
        patient=name,
        apps=[f"{name}-{number}" for number in range(1, count + 1)],
    )
    try:
        _enter(made)
        yield made
    finally:
        _leave(made)


def _enter(made: Cast) -> None:
    _write(made.patient, {"resourceType": "Patient", "id": made.patient, "active": True})
    User.objects.create_user(made.person, password=made.password, fhir_user=f"Patient/{made.patient}")
    staff = User.objects.create_user(made.staff, password=made.password, is_staff=True)
    staff.groups.add(Group.objects.get(name=APP_MANAGER))
    for client_id in made.apps:
        Application.objects.create(
            client_id=client_id,
            name=f"Proof of revocation ({client_id})",
            status=Application.Status.LIVE,
            client_type=Application.CLIENT_PUBLIC,
            token_endpoint_auth_method="none",  # noqa: S106  no password, but that there is none
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            client_secret="",
            redirect_uris=CALLBACK,
            scope=SCOPE,
        )


def _leave(made: Cast) -> None:
    Application.objects.filter(client_id__in=made.apps).delete()
    people = User.objects.filter(username__in=[made.person, made.staff])
    for session in UserSession.objects.filter(user__in=people):
        session.end()
    people.delete()
    _write(made.patient, None)


def _write(fhir_id: str, content: dict[str, Any] | None) -> None:
    """Store the record, or delete it where there is one."""
    place = ("Patient", fhir_id)

    def write() -> None:
        current = store.lock(EVERYTHING, [place]).get(place)
        if content is None and current is None:
            return
        method = "PUT" if content else "DELETE"
        store.apply(EVERYTHING, [store.draft(*place, method, content, current)])

    store.in_transaction(write)

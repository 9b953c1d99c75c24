"""The Access of a job: the token's expiry does not end it, and whatever else ends a token does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Proxy
from fhir.access import Access
from fhir.outcome import Unauthorized
from oauth.authentication import access_by_ticket, access_for
from oauth.models import AccessToken, Application, Consent, SigningKey
from tests.oauth.issuing import Issued, Key, issue, make_key, make_user
from tests.oauth.test_authentication import guard_holds

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> Key:
    return make_key()


@pytest.fixture
def issued(key: Key) -> Issued:
    return issue(key, make_user("Practitioner/p1"), scope="patient/Observation.rs", patient="a")


def ticket(issued: Issued) -> str:
    return access_for(issued.header).ticket


def test_a_ticket_gives_the_same_access_again(issued: Issued) -> None:
    first = access_for(issued.header)
    again = access_by_ticket(first.ticket)
    assert (again.rules, again.own, again.subject, again.client, again.ticket) == (
        first.rules, first.own, first.subject, first.client, first.ticket,
    )  # fmt: skip
    assert guard_holds(again)
    assert issued.token not in first.ticket


def test_an_expired_token_still_carries_its_jobs_but_opens_nothing(issued: Issued) -> None:
    access = access_for(issued.header)
    AccessToken.objects.update(expires=timezone.now() - timedelta(hours=1))
    assert guard_holds(access_by_ticket(access.ticket))
    guard = access.guard
    assert guard is not None
    with pytest.raises(Unauthorized):
        guard.renew()


def revoke(issued: Issued) -> None:
    issued.row.revoke()


def suspend(issued: Issued) -> None:
    Application.objects.update(status=Application.Status.SUSPENDED)


def deactivate(issued: Issued) -> None:
    assert issued.row.user is not None
    type(issued.row.user).objects.update(is_active=False)


def withdraw(issued: Issued) -> None:
    Consent.objects.update(withdrawn=timezone.now())


def withdraw_key(issued: Issued) -> None:
    SigningKey.objects.update(status="withdrawn")


def forget(issued: Issued) -> None:
    AccessToken.objects.all().delete()


def change_identity(issued: Issued) -> None:
    assert issued.row.user is not None
    type(issued.row.user).objects.update(fhir_user="")


ENDS = [revoke, suspend, deactivate, withdraw, withdraw_key, forget, change_identity]


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_token_ends_its_jobs(issued: Issued, end: object) -> None:
    access = access_by_ticket(ticket(issued))
    assert callable(end)
    end(issued)
    assert not guard_holds(access)
    assert access.guard is not None
    with pytest.raises(Unauthorized):
        access.guard.renew()


@pytest.mark.parametrize("text", ["", ".", "x.y"])
def test_what_is_no_ticket_gives_nothing(text: str, issued: Issued) -> None:
    with pytest.raises(Unauthorized):
        access_by_ticket(text)


def test_lost_rights_are_lost_for_jobs_too(key: Key) -> None:
    user = make_user("RelatedPerson/r")
    proxy = Proxy.objects.create(user=user, patient="a")
    held = ticket(issue(key, user, scope="user/Observation.rs"))
    assert access_by_ticket(held).rules
    proxy.delete()
    found: Access = access_by_ticket(held)
    assert found.rules == ()

"""The people who can sign in to the demonstration: two of each kind, all with one password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Proxy, User
from smartcdr.demo.elements import Json
from smartcdr.demo.people import RELATIVES
from smartcdr.groups import ADMINISTRATOR, APP_MANAGER

# Printed, written to demo.json and known to everybody: the demonstration runs on the loopback interface only.
PASSWORD: Final = "meadowbrook-demo"  # noqa: S105


@dataclass(frozen=True)
class Account:
    """One of the demonstration's accounts; `note` says in a few words what it is good for.

    `ending_proxies` are those of the `proxies` that end a year from now.
    """

    username: str
    name: str
    role: str
    note: str
    fhir_user: str = ""
    proxies: tuple[str, ...] = ()
    ending_proxies: tuple[str, ...] = ()
    group: str = ""

    def entry(self) -> Json:
        """The account as demo.json lists it."""
        return {
            "username": self.username,
            "password": PASSWORD,
            "role": self.role,
            "fhir_user": self.fhir_user,
        }


def _related() -> tuple[Account, ...]:
    notes = (
        "mother of Mia and Paul, may act for both, for Paul for one more year",
        "son of Thomas Okafor, may act for him",
    )
    return tuple(
        Account(
            one.slug.replace("-", "."),
            f"{one.given} {one.family}",
            "related",
            note,
            f"RelatedPerson/{one.identity}",
            tuple(f"patient-{slug}" for slug in one.patients),
            tuple(f"patient-{slug}" for slug in one.patients[1:]),
        )
        for one, note in zip(RELATIVES, notes, strict=True)
    )


ACCOUNTS: Final = (
    Account(
        "anna.bauer", "Anna Bauer", "patient", "type 2 diabetes, well treated", "Patient/patient-anna-bauer"
    ),
    Account(
        "miguel.santoro",
        "Miguel Santoro",
        "patient",
        "cholesterol with a relapse",
        "Patient/patient-miguel-santoro",
    ),
    *_related(),
    Account("mei.chen", "Mei Chen", "clinician", "family doctor", "Practitioner/practitioner-mei-chen"),
    Account("luc.moreau", "Luc Moreau", "clinician", "nephrologist", "Practitioner/practitioner-luc-moreau"),
    Account("sam.keller", "Sam Keller", "staff", "administrator", group=ADMINISTRATOR),
    Account(
        "ines.duarte",
        "Ines Duarte",
        "staff",
        "app manager: no FHIR resources, no accounts",
        group=APP_MANAGER,
    ),
)


def keep_accounts() -> None:
    """Make each account, or put it back to what it was; a password that still works is left as it is."""
    for account in ACCOUNTS:
        _keep(account)


def _keep(account: Account) -> None:
    user = User.objects.filter(username=account.username).first() or User(username=account.username)
    user.first_name, user.last_name = account.name.split(" ", 1)
    user.email = f"{account.username}@mail.example"
    user.fhir_user = account.fhir_user
    user.is_active = True
    user.is_staff = account.role == "staff"
    user.is_superuser = False
    if not user.check_password(PASSWORD):
        user.set_password(PASSWORD)
    user.save()
    user.groups.set([Group.objects.get(name=account.group)] if account.group else [])
    for patient in account.proxies:
        ends = _in_a_year() if patient in account.ending_proxies else None
        Proxy.objects.update_or_create(user=user, patient=patient, defaults={"active": True, "ends": ends})


def _in_a_year() -> datetime:
    """A midnight, so that the demonstration may be begun anew without a change on most days."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=365)

"""People and proxies."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Proxy, User, display_name


@pytest.mark.requirement("SMART-198")
@pytest.mark.parametrize("value", ["Patient/1", "RelatedPerson/a-b.c", "Practitioner/" + "x" * 64])
def test_a_fhir_user_names_one_of_three_types_and_an_id(value: str) -> None:
    User(username="x", password="x", fhir_user=value).full_clean(
        validate_unique=False, validate_constraints=False
    )


@pytest.mark.requirement("SMART-198")
@pytest.mark.parametrize(
    "value", ["Patient/1\n", "Person/1", "Patient", "/1", "Practitioner/" + "x" * 65, "Patient/ä"]
)
def test_anything_else_is_no_fhir_user(value: str) -> None:
    with pytest.raises(ValidationError):
        User(username="x", password="x", fhir_user=value).full_clean(
            validate_unique=False, validate_constraints=False
        )


def test_people_are_addressed_by_their_name_or_else_their_user_name() -> None:
    assert display_name(User(username="amy", first_name="Amy", last_name="Shaw")) == "Amy Shaw"
    assert display_name(User(username="amy")) == "amy"


def test_two_people_are_two_subjects() -> None:
    assert User(username="a").uid != User(username="a").uid


@pytest.mark.parametrize(
    ("active", "starts", "ends", "counts"),
    [
        (True, None, None, True),
        (True, -1, 1, True),
        (False, None, None, False),
        (True, 1, None, False),
        (True, None, -1, False),
    ],
)
def test_a_proxy_counts_while_it_is_on_and_between_its_days(
    db: None, active: bool, starts: int | None, ends: int | None, counts: bool
) -> None:
    now = timezone.now()
    days = [None if day is None else now + dt.timedelta(days=day) for day in (starts, ends)]
    rita = User.objects.create_user("rita", fhir_user="RelatedPerson/rita")
    Proxy.objects.create(user=rita, patient="amy", active=active, starts=days[0], ends=days[1])
    assert Proxy.objects.in_force().filter(user=rita).exists() is counts

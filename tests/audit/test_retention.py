"""`manage.py remove_old_events`: the only way out of the audit trail, and it leaves a record."""

import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from audit.events import Event as Told
from audit.events import now
from audit.models import Event, Removal
from audit.recording import record
from tests.audit.other_writer import in_another_chain

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("audit: retention runs only by a command that leaves a record"),
]
DAY = 86_400_000_000


@pytest.fixture(autouse=True)
def _events(settings: Any) -> None:
    settings.AUDIT_KEEP_DAYS = 30
    record(
        *[Told("read", "allowed", 200, what=str(age), time=now() - age * DAY) for age in (90, 60, 45, 10, 1)]
    )
    with in_another_chain():
        record(Told("read", "allowed", 200, what="80", time=now() - 80 * DAY))


def kept() -> list[str]:
    return [event.what for event in Event.objects.filter(kind="read").order_by("time")]


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_old_events_go_and_the_rest_can_still_be_verified() -> None:
    assert run("remove_old_events").startswith("4 events")
    assert kept() == ["10", "1"]
    assert "3 events" in run("verify_audit")
    record(Told("read", "allowed", 200, what="now"))
    assert "4 events" in run("verify_audit")


def test_the_removal_is_on_record_and_in_the_trail() -> None:
    day = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=70))
    run("remove_old_events", "--before", day)
    assert kept() == ["60", "45", "10", "1"]
    removal = Removal.objects.get()
    assert (removal.removed, removal.done) == (2, True)
    assert removal.operator
    assert '"removed":2' in Event.objects.get(kind="retention").detail
    for change in (lambda: Removal.objects.update(removed=0), Removal.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_an_old_event_behind_a_younger_one_of_its_chain_waits_for_it() -> None:
    record(Told("read", "allowed", 200, what="95", time=now() - 95 * DAY))
    run("remove_old_events")
    assert kept() == ["95", "10", "1"]
    assert "4 events" in run("verify_audit")


@pytest.mark.parametrize("day", [str(dt.date.today()), "2999-01-01", "yesterday", "2026-02-30"])
def test_nothing_younger_goes_and_nothing_by_a_day_that_is_none(day: str) -> None:
    with pytest.raises(CommandError):
        run("remove_old_events", "--before", day)
    assert len(kept()) == 6
    assert not Removal.objects.exists()


def test_an_open_removal_opens_no_more_than_the_chain_has_let_go() -> None:
    Removal.objects.create(time=now(), before=now(), operator="somebody")
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.filter(what="90").delete()


def test_a_second_run_finds_nothing_left() -> None:
    run("remove_old_events")
    assert run("remove_old_events").startswith("0 events")

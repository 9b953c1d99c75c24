"""Events are written in chains that hold together whatever becomes of the transactions around them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, DataError, connection, transaction
from pytest_django import Settings

from audit import chain, reads, recording
from audit.events import COLUMNS, hashed, now
from audit.events import Event as Told
from audit.models import Chain, Event
from audit.recording import Waiting, record, remember, waiting
from tests.audit_trail import AS_THEY_ARE, as_they_are
from tests.fhir.serving import ROOT, database_url

pytestmark = pytest.mark.django_db


def the_chain() -> Chain:
    """The chain that all events are in; others may be there, which tests before have begun."""
    [number] = {event.pk // chain.NUMBERS for event in Event.objects.all()}
    return Chain.objects.get(pk=number)


def holds(of: Chain) -> bool:
    """Whether the chain's events are all there, in order, each with the hash that follows."""
    rows = list(
        Event.objects.filter(id__gt=of.pk * chain.NUMBERS, id__lt=(of.pk + 1) * chain.NUMBERS).order_by("id")
    )
    columns = [tuple(getattr(each, name) for name in COLUMNS) for each in rows]
    hashes = hashed(bytes(of.before), columns)
    return [bytes(each.hash) for each in rows] == hashes and len(rows) == of.number


def test_events_follow_one_another_in_the_chain_of_their_thread() -> None:
    record(Told("read", "refused", 403, what="Patient/1"))
    record(Told("read", "refused", 403, what="Patient/2"), Told("create", "allowed", 201))
    assert [event.what for event in Event.objects.order_by("id")] == ["Patient/1", "Patient/2", ""]
    assert holds(the_chain())


def test_what_is_rolled_back_leaves_no_gap() -> None:
    record(Told("read", "refused", 403, what="1"))
    with transaction.atomic():
        record(Told("create", "allowed", 201, what="2"))
        transaction.set_rollback(True)
    record(Told("read", "refused", 403, what="3"))
    assert [event.what for event in Event.objects.order_by("id")] == ["1", "3"]
    assert holds(the_chain())


@pytest.mark.parametrize("number", [1, 50])
def test_any_text_is_kept_as_it_was(number: int) -> None:
    odd = "a\\tb\tc\nd\re\x1ff\\.Ä€😀"
    for _ in range(number):
        remember(AS_THEY_ARE, read_of(odd, detail={"query": odd}))
    assert not Event.objects.exists()
    waiting.write()
    assert [event.what for event in Event.objects.all()] == [odd] * number
    assert holds(the_chain())


def test_what_comes_while_the_rest_is_written_is_for_the_next_time() -> None:
    """Or the thread would write a few at a time without end, for the price of many."""
    remember(f"{__name__}.as_they_are_while_more_is_read", read_of("first"))
    waiting.write()
    assert [event.what for event in Event.objects.all()] == ["first"]
    waiting.write()
    assert sorted(event.what for event in Event.objects.all()) == ["first", "meanwhile"]
    assert holds(the_chain())


def read_of(what: str, **more: Any) -> tuple[Any, ...]:
    """What is told of a read."""
    return tuple(Told("read", "allowed", 200, what=what, time=now(), **more))


def as_they_are_while_more_is_read(told: Sequence[Sequence[Any]]) -> list[Told]:
    """The events with these members; another one waits then."""
    remember(AS_THEY_ARE, read_of("meanwhile"))
    return as_they_are(told)


def test_what_comes_while_the_process_ends_is_written_at_once() -> None:
    """Nobody would write it later."""
    ending = Waiting()
    end(ending)
    ending.add(reads.packed(AS_THEY_ARE, read_of("late")))
    assert [event.what for event in Event.objects.all()] == ["late"]
    assert holds(the_chain())


def test_many_are_written_in_several_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that none of them takes memory without end; one read that is larger than that is written alone."""
    monkeypatch.setattr(recording, "_BYTES", 1000)
    messages: list[bytes] = []
    write = reads.write

    def noted(message: bytes) -> None:
        messages.append(message)
        write(message)

    monkeypatch.setattr(reads, "write", noted)
    told = ["a", "b", "c" * 2000, *("d" * 300 for _ in range(5))]
    for each in told:
        remember(AS_THEY_ARE, read_of(each))
    waiting.write()
    assert [event.what for event in Event.objects.order_by("id")] == told
    assert len(messages) > 3
    assert holds(the_chain())


def test_a_thread_that_fails_at_an_event_leaves_it_to_the_next_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or nothing would be written any more, and nobody would be told."""
    settings.AUDIT_IN_BACKGROUND = True
    monkeypatch.setattr(recording, "SECONDS", 0.001)
    tries: list[bytes] = []
    is_written, is_reported = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda failed: is_reported.set())

    def write(message: bytes) -> None:
        tries.append(message)
        if len(tries) == 1:
            raise MemoryError
        is_written.set()

    monkeypatch.setattr(reads, "write", write)
    few = Waiting()
    few.add(b'"make","read"')
    assert is_written.wait(60)
    assert is_reported.wait(60)
    end(few)
    assert tries == [b'[["make","read"]]'] * 2
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]


def end(few: Waiting) -> None:
    """As at the end of a process; in a thread of its own, whose connection is closed with it."""
    thread = threading.Thread(target=few.end)
    thread.start()
    thread.join()


def test_what_no_database_can_keep_is_replaced() -> None:
    odd = {"cause": "a\0b\ud800c", "number": 1 << 70}
    record(Told("read", "refused", 400, what="a\0b\ud800c", client="x" * 300_000, detail=odd))
    remember(AS_THEY_ARE, read_of("a\ud800b", detail={"number": 1 << 70}))
    waiting.write()
    allowed = Event.objects.get(outcome="allowed")
    assert (allowed.what, json.loads(allowed.detail)) == ("a?b", {"number": float(1 << 70)})
    event = Event.objects.get(outcome="refused")
    assert event.what == "a�b?c"
    assert json.loads(event.detail) == {"cause": "a\0b?c", "number": 1 << 70}
    assert len(event.client) == 250_001
    assert holds(the_chain())


@pytest.mark.parametrize("number", [1, 50])
@pytest.mark.postgres
def test_what_a_database_refuses_is_one_of_djangos_errors(number: int) -> None:
    """Which those who write foresee, by whatever way it was to be written."""
    with pytest.raises(DataError), transaction.atomic():
        record(*[Told("read", "allowed", 1 << 40)] * number)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda: Event.objects.update(what=""),
        lambda: Event.objects.all().delete(),
        lambda: Chain.objects.update(number=0),
        lambda: Chain.objects.all().delete(),
    ],
)
def test_nothing_of_the_trail_is_changed_or_removed(change: object) -> None:
    record(Told("read", "allowed", 200))
    with pytest.raises(DatabaseError), transaction.atomic():
        change()  # type: ignore[operator]
    assert holds(the_chain())


@pytest.mark.django_db(transaction=True)
def test_a_thread_goes_on_with_the_chain_of_one_that_has_ended() -> None:
    def work() -> None:
        record(Told("read", "refused", 403))
        connection.close()

    for _ in range(4):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert Event.objects.count() == 4
    assert holds(the_chain())


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_threads_that_record_at_once_do_not_wait_for_one_another() -> None:
    """Each of three holds its transaction open until all have recorded."""
    together = threading.Barrier(3, timeout=60)

    def work(_: int) -> None:
        with transaction.atomic():
            record(Told("create", "allowed", 201))
            together.wait()
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert Event.objects.count() == 3
    assert all(holds(each) for each in Chain.objects.all())


@pytest.mark.django_db(transaction=True)
def test_writers_that_begin_at_the_same_moment_begin_one_chain_each(tmp_path: Path) -> None:
    """In processes of their own: SQLite's database in memory has one thread at a time."""
    words = [sys.executable, "-c", _BEGINNING, "8"]
    file = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    url = database_url() if connection.vendor == "postgresql" else file
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": url}
    found = subprocess.run(words, env=environment, check=True, cwd=ROOT, capture_output=True, text=True)
    assert found.stdout == "8 chains, 8 events\n"


_BEGINNING = """
import sys, threading
import django
django.setup()
from django.db import connection
from audit.events import Event
from audit.models import Chain, Event as Row
from audit.recording import record

writers = int(sys.argv[1])
if not connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Chain)
        editor.create_model(Row)
before = Chain.objects.count()
together = threading.Barrier(writers, timeout=60)

def work():
    together.wait()
    record(Event("read", "refused", 403))
    together.wait()
    connection.close()

threads = [threading.Thread(target=work) for _ in range(writers)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(f"{Chain.objects.count() - before} chains, {Row.objects.count()} events")
"""

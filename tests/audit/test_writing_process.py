"""The process that writes reads for a server: each is in the trail once, whatever ends it; on PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import Settings

from audit import chain, reads, recording, writing_process
from audit.events import Event as Told
from audit.events import now
from audit.models import Chain, Event
from audit.recording import Waiting
from audit.writing_process import WritingProcess
from tests.audit_trail import AS_THEY_ARE
from tests.fhir.serving import environment, until

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("ends")]


def some(number: int) -> list[bytes]:
    """So many reads that wait."""
    whats = [tuple(Told("read", "allowed", 200, what=str(each), time=now())) for each in range(number)]
    return [reads.packed(AS_THEY_ARE, what) for what in whats]


def written() -> list[int]:
    """The reads that the trail has, which is verified."""
    call_command("verify_audit", stdout=StringIO())
    return sorted(int(what) for what in Event.objects.values_list("what", flat=True))


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[WritingProcess]:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    found = WritingProcess()
    yield found
    found.end()


def started(process: WritingProcess) -> subprocess.Popen[bytes]:
    """The operating system's process, when it has written something."""
    until(lambda: process.write(some(1)), "the process writes")
    assert process._process is not None
    return process._process


def test_it_is_not_waited_for_until_it_has_begun(process: WritingProcess) -> None:
    """Whoever has reads to write meanwhile writes them, and so they are in the trail within a second."""
    assert process.write(some(3)) == 0
    assert written() == []
    assert not process.is_writing


def test_it_writes_what_it_is_given_in_a_chain_of_its_own(process: WritingProcess) -> None:
    started(process)
    assert process.write(some(100)) == 100
    assert process.is_writing
    assert written() == sorted([0, *range(100)])
    assert Chain.objects.count() == 1


def test_it_goes_on_when_the_whole_group_is_told_to_end(process: WritingProcess) -> None:
    """Its server has to write what waits by then, and lets it end after that."""
    child = started(process)
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGINT)
    assert process.write(some(5)) == 5
    process.end()
    assert child.returncode == 0


def test_it_ends_when_there_is_nobody_left_to_give_it_anything(process: WritingProcess) -> None:
    """As after its server was killed."""
    child = started(process)
    assert process._pipe is not None
    process._pipe.close()
    assert child.wait(60) == 0


def test_one_that_was_killed_is_replaced_after_a_while(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    child = started(process)
    child.kill()
    assert process.write(some(5)) == 0
    assert not process.is_writing
    assert process.write(some(5)) == 0
    assert process._process is None  # not within a minute
    monkeypatch.setattr(writing_process, "RETRY_SECONDS", 0.0)
    until(lambda: process.write(some(5)), "another process writes")
    assert written() == sorted([0, *range(5)])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.requirement("audit: each allowed read is in the trail once, also when the writer of it dies")
@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.003, 0.01, 0.03, 0.1])
def test_whenever_it_is_killed_it_is_known_what_it_has_written(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Who does not answer in time is killed: before its transaction, in the midst of it or after it."""
    started(process)
    monkeypatch.setattr(writing_process, "ANSWER_SECONDS", seconds)
    found = process.write(some(2000))
    assert found in (0, 2000)
    assert written() == sorted([0, *range(found)])


@pytest.mark.requirement("audit: each allowed read is in the trail once, also when the writer of it dies")
def test_what_was_written_without_an_answer_is_not_written_again(process: WritingProcess) -> None:
    with played(process, lambda pipe: reads.write(pipe.recv_bytes())):
        assert process.write(some(7)) == 7
    assert written() == list(range(7))


@pytest.mark.requirement("audit: each allowed read is in the trail once, also when the writer of it dies")
def test_what_it_has_written_is_found_out_later_if_the_database_cannot_say_now(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with played(process, lambda pipe: reads.write(pipe.recv_bytes())), monkeypatch.context() as patched:

        def fails(number: int) -> int:
            raise OperationalError

        patched.setattr(chain, "reached", fails)
        with pytest.raises(OperationalError):
            process.write(some(7))
    assert process.write(some(9)) == 7
    assert written() == list(range(7))


def test_an_answer_that_nobody_has_foreseen_is_not_taken_for_one(process: WritingProcess) -> None:
    def answer_oddly(pipe: Connection) -> None:
        pipe.recv_bytes()
        pipe.send(None)

    with played(process, answer_oddly), pytest.raises(TypeError):
        process.write(some(7))
    assert process.write(some(7)) == 0
    assert written() == []
    assert not process.is_writing


def test_what_it_could_not_write_is_left_to_others(process: WritingProcess) -> None:
    with played(process, lambda pipe: pipe.recv_bytes()):
        assert process.write(some(7)) == 0
    assert written() == []


@contextmanager
def played(process: WritingProcess, act: Callable[[Connection], object]) -> Iterator[None]:
    """A thread in the part of the process: it does this with its pipe, gives no answer and ends."""
    process._pipe, its = Pipe()

    def play() -> None:
        with its:
            its.send(chain.place())
            act(its)
        connection.close()

    thread = threading.Thread(target=play)
    thread.start()
    assert process._pipe.poll(60)
    yield
    thread.join()


def test_where_none_can_be_started_the_server_writes_by_itself(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert [process.write(some(3)) for _ in range(3)] == [0, 0, 0]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_one_that_does_not_begin_is_given_up(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    process._pipe, its = Pipe()
    process._started = time.monotonic()
    assert process.write(some(3)) == 0
    assert caplog.records == []
    monkeypatch.setattr(writing_process, "BEGIN_SECONDS", 0.0)
    assert process.write(some(3)) == 0
    with its, pytest.raises(EOFError):
        its.recv()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_one_that_takes_nothing_any_more_is_ended(
    process: WritingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than its pipe holds: what is sent would else wait for it for good."""
    monkeypatch.setattr(writing_process, "ANSWER_SECONDS", 1.0)
    child = started(process)
    child.send_signal(signal.SIGSTOP)
    assert process.write(some(10_000)) == 0
    assert child.returncode == -signal.SIGKILL
    assert written() == [0]


def test_why_it_ends_is_in_the_log(
    process: WritingProcess,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")
    process.write(some(1))
    child = process._process
    assert child is not None
    until(lambda: process.write(some(1)) or caplog.records, "it has ended")
    assert child.returncode == 1
    assert "Audit events could not be written" in capfd.readouterr().err


def test_none_is_started_for_what_is_written_while_the_server_ends(
    process: WritingProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUDIT_IN_BACKGROUND = settings.AUDIT_PROCESS = True
    monkeypatch.setattr(recording, "SECONDS", 60.0)
    ending = Waiting()
    ending._process = process
    early, late = some(2)
    ending.add(early)
    thread = threading.Thread(target=ending.end)
    thread.start()
    thread.join()
    assert written() == [0]
    ending.add(late)
    assert written() == [0, 1]
    assert process._process is None

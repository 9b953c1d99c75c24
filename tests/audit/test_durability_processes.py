"""What the audit trail still holds when the server's processes end, in order or not; on PostgreSQL."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from audit.models import Chain, Event
from tests.fhir.serving import Server, serving, until
from tests.oauth.doors import World, make_world

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("ends"),
]


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world("openid fhirUser patient/*.cruds offline_access")


def read(server: Server, world: World, number: int) -> float:
    """One read, told apart by its query; when it was answered."""
    authorization = f"Bearer {world.tokens['access_token']}"
    answer = server.send("GET", f"Observation?code={number}", Authorization=authorization)
    assert answer.status == 200
    return time.monotonic()


def refused(server: Server, world: World) -> None:
    authorization = f"Bearer {world.tokens['access_token']}"
    assert server.send("GET", "Patient/not-mine", Authorization=authorization).status == 404


def written(server: Server, world: World) -> None:
    authorization = f"Bearer {world.tokens['access_token']}"
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": "Patient/p1"},
    }
    assert server.send("POST", "Observation", observation, Authorization=authorization).status == 201


def told() -> list[int]:
    """The number of each read that the trail has, which is verified."""
    call_command("verify_audit", stdout=StringIO())
    details = Event.objects.filter(kind="search-type").values_list("detail", flat=True)
    return sorted(int(detail.rpartition("=")[2].strip('"}')) for detail in details)


def writers(server: Server) -> list[int]:
    """The process ids of those who write for the workers."""
    found = []
    for worker in server.workers():
        for task in Path(f"/proc/{worker}/task").iterdir():
            # A thread may have ended since it was listed.
            with suppress(FileNotFoundError):
                found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def has_ended(pid: int) -> bool:
    """Whether there is no such process any more, or only what its parent has not looked at."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def kill(server: Server) -> list[int]:
    """All workers at once, with no chance to do anything more. Who wrote for them ends by itself."""
    beside = writers(server)
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    return beside


def read_until_written_by_processes(server: Server, world: World) -> int:
    """Reads until a process has written one: how many."""
    ours = Chain.objects.latest("pk").pk
    number = 0

    def is_written_by_them() -> bool:
        nonlocal number
        read(server, world, number)
        number += 1
        # Each worker has one thread at the most that writes before its process has begun.
        return Chain.objects.filter(pk__gt=ours, number__gt=0).count() > len(server.workers())

    until(is_written_by_them, "a process writes")
    return number


@pytest.fixture(params=["0", "1"], ids=["by a thread", "by a process"])
def by_process(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.requirement("audit: nothing is lost when the server is told to end")
def test_a_server_that_is_told_to_end_writes_what_it_still_has_in_mind(world: World, by_process: str) -> None:
    with serving(AUDIT_PROCESS=by_process) as server:
        number = read_until_written_by_processes(server, world) if int(by_process) else 0
        for each in range(number, number + 40):
            read(server, world, each)
    assert told() == list(range(number + 40))


@pytest.mark.requirement("audit: each allowed read is in the trail once, also when the writer of it dies")
def test_reads_go_on_and_are_each_told_once_when_those_who_write_are_killed(world: World) -> None:
    with serving(AUDIT_PROCESS="1") as server:
        number = read_until_written_by_processes(server, world)
        for each in range(number, number + 100):
            read(server, world, each)
        for pid in writers(server):
            os.kill(pid, signal.SIGKILL)
        for each in range(number + 100, number + 200):
            read(server, world, each)
    assert told() == list(range(number + 200))


def test_there_is_no_process_that_writes_where_none_is_wanted(world: World) -> None:
    with serving(AUDIT_PROCESS="0") as server:
        read(server, world, 0)
        until(lambda: told() == [0], "it is written")
        assert writers(server) == []


@pytest.mark.requirement("audit: at most one second of allowed reads is lost when the server is killed")
def test_a_killed_server_loses_a_second_of_allowed_reads_at_the_most_and_nothing_else(
    world: World, by_process: str
) -> None:
    with serving(AUDIT_PROCESS=by_process) as server:
        answered = [read(server, world, 0)]
        while answered[-1] < answered[0] + 1.5:
            answered.append(read(server, world, len(answered)))
        refused(server, world)
        written(server, world)
        killed = time.monotonic()
        beside = kill(server)
    until(lambda: all(has_ended(pid) for pid in beside), "those who write have ended")
    assert set(told()) >= {number for number, moment in enumerate(answered) if moment < killed - 1}
    assert Event.objects.filter(kind="read", outcome="refused", patient="p1").count() == 1
    assert Event.objects.filter(kind="create", outcome="allowed", patient="p1").count() == 1


@pytest.mark.requirement("audit: with AUDIT_SYNC nothing is lost when the server is killed")
def test_with_audit_sync_a_killed_server_loses_nothing(world: World) -> None:
    with serving(AUDIT_SYNC="1") as server:
        for number in range(20):
            read(server, world, number)
        kill(server)
    assert told() == list(range(20))

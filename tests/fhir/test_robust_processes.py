"""Writers in several processes that meet, and processes that are killed, on PostgreSQL.

What everybody gets is said by the replies; that the repository is whole afterwards, by check_fhir_index.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from fhir.index_check import check
from fhir.models import Resource, ResourceVersion
from tests.fhir.holding import deadlocks, gone, held, waiting
from tests.fhir.search.shelf import ids, put
from tests.fhir.serving import Reply, Server, at_once, command, serving, until
from tests.oauth.issuing import issue, make_key, make_user

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("robust"),
]
Json = dict[str, Any]
LIMIT = 200_000


@pytest.fixture(scope="module")
def granian(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """One server for all of these tests; it takes bodies of 200 kB."""
    with django_db_blocker.unblock(), serving(FHIR_MAX_BODY_BYTES=str(LIMIT)) as server:
        yield server


@pytest.fixture
def server(granian: Server, transactional_db: None) -> Server:
    """The server, and a clinician who may write."""
    token = issue(make_key(), make_user("Practitioner/doctor"), scope="user/*.cruds")
    granian.authorization = token.header
    return granian


@pytest.fixture(autouse=True)
def whole(transactional_db: None) -> Iterator[None]:
    """After each test the index is what the stored texts say, and no version is missing."""
    yield
    assert differences() == []


def differences() -> list[str]:
    """What check_fhir_index finds."""
    found: list[str] = []
    check([], mend=False, report=lambda each: found.append(str(each)), progress=lambda counts: None)
    return found


def patient(fhir_id: str = "", **fields: Any) -> Json:
    """A Patient."""
    return {"resourceType": "Patient", **({"id": fhir_id} if fhir_id else {}), **fields}


def known(number: int) -> Json:
    """A Patient with an identifier, and a name of its own."""
    return patient(identifier=[{"system": "urn:x", "value": "1"}], name=[{"family": f"n{number}"}])


def put_all(*resources: Json) -> Json:
    """A transaction that puts these in this order."""
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def stored(kind: str) -> list[Json]:
    """The current content of all resources of a type."""
    return [json.loads(row.text) for row in Resource.objects.filter(type=kind, deleted=False)]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#concurrency")
def test_parallel_updates_with_if_match_lose_none(server: Server) -> None:
    server.send("PUT", "Patient/a", patient("a"))

    def add(thread: int) -> list[int]:
        return [_add_name(server, f"{thread}.{number}") for number in range(4)]

    versions = [version for each in at_once(6, add) for version in each]
    assert sorted(versions) == list(range(2, 26))
    (content,) = stored("Patient")
    assert len({name["family"] for name in content["name"]}) == 24
    assert ResourceVersion.objects.count() == 24


def _add_name(server: Server, family: str) -> int:
    """The version that has this name added, after as many attempts as it takes."""

    def attempt() -> int:
        read = server.send("GET", "Patient/a")
        content = read.json()
        changed = content | {"name": [*content.get("name", []), {"family": family}]}
        written = server.send("PUT", "Patient/a", changed, If_Match=read.headers["etag"])
        assert written.status in (200, 409, 412), written.body
        return written.version if written.status == 200 else 0

    return int(until(attempt, "a turn"))


def test_parallel_updates_without_if_match_each_get_a_version_of_their_own(server: Server) -> None:
    server.send("PUT", "Patient/a", patient("a"))

    def update(thread: int) -> list[tuple[int, str]]:
        made = []
        for number in range(4):
            content = patient("a", name=[{"family": f"{thread}.{number}"}])
            reply = server.send("PUT", "Patient/a", content)
            assert reply.status == 200, reply.body
            made.append((reply.version, reply.json()["name"][0]["family"]))
        return made

    made = [one for each in at_once(6, update) for one in each]
    assert sorted(version for version, _ in made) == list(range(2, 26))
    texts = dict(ResourceVersion.objects.values_list("version", "text"))
    texts |= dict(Resource.objects.values_list("version", "text"))
    assert all(json.loads(texts[version])["name"] == [{"family": family}] for version, family in made)


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ccreate")
def test_parallel_conditional_creates_make_one(server: Server) -> None:
    def create(number: int) -> Reply:
        return server.send("POST", "Patient", known(number), If_None_Exist="identifier=urn:x|1")

    replies = at_once(8, create)
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.headers["location"] for reply in replies}) == 1
    assert len(stored("Patient")) == 1


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
def test_parallel_transactions_with_one_condition_make_one_and_all_refer_to_it(server: Server) -> None:
    def bundle(number: int) -> Json:
        of = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x|1"}
        seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        entries = [
            {"fullUrl": "urn:uuid:p", "resource": known(number), "request": of},
            {
                "resource": seen | {"subject": {"reference": "urn:uuid:p"}},
                "request": {"method": "POST", "url": "Observation"},
            },
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    replies = at_once(8, lambda number: server.send("POST", "", bundle(number)))
    assert [reply.status for reply in replies] == [200] * 8
    (one,) = stored("Patient")
    observations = stored("Observation")
    assert len(observations) == 8
    assert {each["subject"]["reference"] for each in observations} == {f"Patient/{one['id']}"}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cond-update")
def test_parallel_conditional_updates_make_one(server: Server) -> None:
    replies = at_once(8, lambda number: server.send("PUT", "Patient?identifier=urn:x|1", known(number)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert sorted(reply.version for reply in replies) == list(range(1, 9))
    assert len(stored("Patient")) == 1


def test_transactions_that_lock_each_other_out_both_succeed(server: Server) -> None:
    """One puts a, m, b and the other b, m, a, each referring to the other's: both have their first, and wait
    for m. Once that is free, each of the two waits for the other: only the database can end that."""
    there = [patient("a", link=_link("b")), patient("m"), patient("b", link=_link("a"))]
    orders = [there, [each | {"active": True} for each in reversed(there)]]
    before = deadlocks()
    with held("Patient", "m") as holder:

        def send(number: int) -> int:
            if number == 2:
                waiting(2)
                holder.rollback()
                return 200
            return server.send("POST", "", put_all(*orders[number])).status

        assert at_once(3, send) == [200, 200, 200]
    until(lambda: deadlocks() > before, "a deadlock in the statistics")
    assert {row.version for row in Resource.objects.all()} == {2}
    assert len({each.get("active") for each in stored("Patient")}) == 1


def _link(fhir_id: str) -> list[Json]:
    return [{"other": {"reference": f"Patient/{fhir_id}"}, "type": "seealso"}]


def test_a_loader_that_is_killed_leaves_no_half_transaction_and_a_second_load_completes(
    tmp_path: Path,
) -> None:
    for number in range(6):
        names = [f"p{number}-{each}" for each in range(20)]
        bundle = put_all(*(patient(name, name=[{"family": name}]) for name in names))
        (tmp_path / f"{number}.json").write_text(json.dumps(bundle))
    with held("Patient", "p3-10"):
        loader = command("load_fhir", str(tmp_path))
        sessions = waiting(1)
        loader.kill()
        loader.communicate()
    gone(sessions)
    assert loader.returncode == -signal.SIGKILL
    assert {each["id"][:2] for each in stored("Patient")} == {"p0", "p1", "p2"}
    assert len(stored("Patient")) == 60
    assert differences() == []
    again = command("load_fhir", str(tmp_path))
    assert again.communicate()[1] == ""
    assert again.returncode == 0
    assert len(stored("Patient")) == 120
    assert set(Resource.objects.values_list("version", flat=True)) == {1}


def test_workers_that_are_killed_leave_no_half_transaction_and_others_take_over(server: Server) -> None:
    bundle = put_all(patient("a"), patient("m"), patient("b"))
    with held("Patient", "m"):

        def send(number: int) -> bool:
            if number == 0:
                with pytest.raises((OSError, EOFError)):
                    server.send("POST", "", bundle)
                return True
            sessions.extend(waiting(1))
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            return True

        sessions: list[int] = []
        assert at_once(2, send) == [True, True]
    gone(sessions)
    assert stored("Patient") == []
    assert differences() == []
    until(server.is_ready, "new workers")
    assert until(lambda: _status(server, bundle) == 200, "the transaction")
    assert len(stored("Patient")) == 3


def _status(server: Server, bundle: Json) -> int:
    try:
        return server.send("POST", "", bundle).status
    except OSError:
        return 0


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14")
@pytest.mark.parametrize("path", ["", "Patient"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_as_such(server: Server, path: str, chunked: bool) -> None:
    def send(length: int) -> Any:
        text = json.dumps(patient(language="en")).encode().ljust(length)
        return server.send("POST", path, iter([text[:1000], text[1000:]]) if chunked else text)

    refused = send(LIMIT + 1)
    assert refused.status == 413
    (issue_,) = refused.json()["issue"]
    assert (refused.json()["resourceType"], issue_["code"]) == ("OperationOutcome", "too-long")
    assert send(LIMIT).status == (201 if path else 422)


FAULTS = (
    "DELETE FROM fhir_tokenindex WHERE resource_id % 2 = 0",
    "UPDATE fhir_dateindex SET low = low + 1 WHERE resource_id % 3 = 0",
    "UPDATE fhir_resource SET date = 7 WHERE id % 5 = 0",
    "INSERT INTO fhir_compartment SELECT patient, type, date, resource_id + 999999 FROM fhir_compartment",
)


def test_mending_beside_writers_loses_nothing_and_hides_nothing(server: Server) -> None:
    server.send(
        "POST", "", put_all(*(patient(f"p{n}", gender="male", birthDate="1970-01-01") for n in range(60)))
    )
    with connection.cursor() as cursor:
        for fault in FAULTS:
            cursor.execute(fault)
    assert len(differences()) > 100
    mended = command("check_fhir_index", "--repair")
    running = [True]

    def meet(thread: int) -> int:
        if thread == 0:
            mended.communicate()
            running.clear()
            return mended.returncode
        rounds = 0
        while running:
            rounds += 1
            name = f"p{(7 * rounds + thread) % 60}"
            content = patient(name, gender="male", birthDate=f"19{rounds % 100:02}-01-0{thread}")
            assert server.send("PUT", f"Patient/{name}", content).status == 200
            # It has a birth date in the index now, whatever was wrong before and whoever mends it meanwhile.
            found = server.send("GET", f"Patient?_id={name}&birthdate:missing=false&_elements=id").json()
            assert len(found["entry"]) == 1
        return 0

    assert at_once(4, meet) == [0] * 4
    assert differences() == []


def test_mending_waits_for_a_writer_and_then_goes_by_what_that_wrote() -> None:
    put(patient("a", birthDate="1970-01-01", gender="female"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM fhir_dateindex")
    with transaction.atomic():
        put(patient("a", birthDate="1970-01-01", gender="male"))
        mending = command("check_fhir_index", "--repair")
        waiting(1)
    out, _ = mending.communicate()
    assert (mending.returncode, "mended" in out) == (0, True)
    assert differences() == []
    assert ids("Patient?birthdate=1970-01-01&gender=male") == ["a"]
    assert ids("Patient?gender=female") == []

"""The entries of batches and transactions in the ledger; and that a write and its entry are one thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from audit.events import Event as Told
from audit.models import Event
from fhir.access import Rule
from fhir.models import Resource, ResourceVersion
from fhir.store import statements
from tests.fhir.callers import Caller
from tests.fhir.ledger import ALL, app, detail, events, fill, observation, told

RULE = pytest.mark.requirement(
    "every access to a resource is on record, also inside batches and transactions; writes with their own"
)


@pytest.fixture
def data(api: Caller) -> Caller:
    """Two patients with a result each, and a practitioner."""
    fill(api)
    return api


def entry(method: str, url: str, resource: Any = None, **conditions: str) -> dict[str, Any]:
    """One entry of a Bundle."""
    found: dict[str, Any] = {"request": {"method": method, "url": url, **conditions}}
    return found if resource is None else {**found, "resource": resource}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """A batch or transaction."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


ENTRIES = [
    (entry("GET", "Observation/o1"), ("read", "allowed", 200)),
    (entry("HEAD", "Observation/o1"), ("read", "allowed", 200)),
    (entry("GET", "Observation/o1/_history/1"), ("vread", "allowed", 200)),
    (entry("GET", "Observation/o1/_history"), ("history-instance", "allowed", 200)),
    (entry("GET", "Observation/_history"), ("history-type", "allowed", 200)),
    (entry("GET", "_history"), ("history-system", "allowed", 200)),
    (entry("GET", "Observation?patient=p1&_include=*"), ("search-type", "allowed", 200)),
    (entry("GET", "?_type=Observation&patient=p1"), ("search-system", "allowed", 200)),
    (entry("POST", "Observation", observation("x", "p1")), ("create", "allowed", 201)),
    (entry("POST", "Observation", observation("x", "p1"), ifNoneExist="_id=o1"), ("create", "allowed", 200)),
    (
        entry("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1", "active": True}),
        ("update", "allowed", 200),
    ),
    (entry("DELETE", "Condition?patient=p1"), ("delete", "allowed", 204)),
]


@RULE
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_each_entry_of_a_bundle_is_an_entry_of_the_ledger(data: Caller, kind: str) -> None:
    diary = app("diary", context="p1")
    response = diary.send("POST", "", bundle(kind, *(each for each, _ in ENTRIES)))
    assert response.status_code == 200, response.content
    found = {detail(event)["entry"]: event for event in events()}
    assert [told(found[position]) for position in range(len(ENTRIES))] == [each for _, each in ENTRIES]
    assert len(events()) == len(ENTRIES)
    assert {(event.patient, event.client, event.person) for event in found.values()} == {
        ("p1", "diary", "ann")
    }


@RULE
def test_what_a_batch_refuses_is_an_entry_of_its_own(data: Caller) -> None:
    ward = app(
        "ward", Rule(frozenset({"Observation", "Patient"}), frozenset("rs"), frozenset({"p1"})), context="p1"
    )
    refused = [
        (entry("GET", "Observation/o2"), ("read", "refused", 404)),
        (entry("GET", "Condition/c1"), ("read", "refused", 403)),
        (entry("POST", "Observation", observation("x", "p1")), ("create", "refused", 403)),
        (entry("GET", "Observation?_sort=x"), ("search-type", "failed", 400)),
        (entry("GET", "Nothing/1"), ("batch", "failed", 400)),
        (entry("GET", "Observation/o1"), ("read", "allowed", 200)),
    ]
    assert ward.send("POST", "", bundle("batch", *(each for each, _ in refused))).status_code == 200
    found = {detail(event)["entry"]: told(event) for event in events(patient="p1")}
    assert [found[position] for position in range(len(refused))] == [each for _, each in refused]
    assert len(events()) == len(refused)


@RULE
@pytest.mark.parametrize(
    ("kind", "entries", "expected"),
    [
        (
            "transaction",
            [
                entry("POST", "Observation", observation("x", "p1")),
                entry("GET", "Observation/o1"),
                entry("GET", "Observation/none"),
            ],
            ("transaction", "refused", 404),
        ),
        (
            "transaction",
            [entry("PUT", "Nothing/1", {"resourceType": "Patient"})],
            ("transaction", "failed", 400),
        ),
        ("batch", [{"request": {"method": "NO", "url": 1}}], ("batch", "failed", 422)),
        ("collection", [entry("GET", "Patient/p1")], ("batch", "failed", 400)),
    ],
)
def test_what_is_refused_as_a_whole_is_one_entry(
    data: Caller, kind: str, entries: list[dict[str, Any]], expected: tuple[str, str, int]
) -> None:
    before = Resource.objects.count()
    diary = app("diary", context="p1")
    assert diary.send("POST", "", bundle(kind, *entries)).status_code == expected[2]
    assert [told(event) for event in events(patient="p1")] == [expected]
    assert len(events()) == 1
    assert Resource.objects.count() == before


def written() -> int:
    """How many versions of resources there are."""
    return Resource.objects.count() + ResourceVersion.objects.count()


@RULE
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_write_without_its_entry(data: Caller, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def unwritable(*arguments: object) -> list[Told]:
        return [Told("create", "allowed", None)]  # type: ignore[arg-type]

    before, ward = (written(), Event.objects.count()), app("ward")
    body = None if method == "DELETE" else observation("o1", "p1", status="amended")
    path = "Observation" if method == "POST" else "Observation/o1"
    with monkeypatch.context() as patch:
        patch.setattr("fhir.store.writing.events_of", unwritable)
        assert ward.send(method, path, body).status_code == 500
    assert (written(), len(events(outcome="allowed"))) == (before[0], 0)
    assert ward.send(method, path, body).status_code in (200, 201, 204)
    assert (written(), len(events(outcome="allowed"))) == (before[0] + 1, 1)


@RULE
@pytest.mark.django_db(transaction=True)
def test_no_entry_without_its_write(data: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = statements.write

    def fail(*arguments: Any) -> None:
        apply(*arguments)
        raise ZeroDivisionError

    before = written()
    with monkeypatch.context() as patch:
        patch.setattr("fhir.store.statements.write", fail)
        assert app("ward").send("PUT", "Observation/o1", observation("o1", "p2")).status_code == 500
    assert written() == before
    assert [told(event) for event in events()] == [("update", "failed", 500)]
    # The thread's chain goes on where the database has it.
    app("ward").send("PUT", "Observation/o1", observation("o1", "p1", status="amended"))
    app("ward").create(observation("x", "p1"))
    assert [told(event)[0] for event in events(outcome="allowed")] == ["update", "create"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_create_is_one_statement_with_its_entry(data: Caller) -> None:
    ward = app("ward")
    ward.create(observation("x", "p1"))
    statements: list[str] = []

    def listen(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(listen):
        ward.create(observation("x", "p1"))
    assert [sql.split()[0] for sql in statements] == ["WITH"]
    assert len(events(kind="create")) == 2


def test_a_write_in_nobodys_name_says_how_much_it_was(data: Caller) -> None:
    entries = [entry("POST", "Observation", observation("x", "p1")) for _ in range(3)]
    data.send("POST", "", bundle("transaction", *entries))
    last = Event.objects.order_by("id").last()
    assert last is not None
    assert (last.kind, json.loads(last.detail)) == ("load", {"resources": {"Observation": 3}})


def test_who_may_not_name_an_id_gets_an_entry_without_a_write(data: Caller) -> None:
    limited = app("x", Rule(None, ALL, frozenset({"p1"})))
    assert limited.send("PUT", "Observation/new", observation("new", "p1")).status_code == 404
    assert [told(event) for event in events()] == [("update", "refused", 404)]

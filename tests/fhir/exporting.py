"""Exports in tests: callers whose Access has a ticket, and a worker that does what waits in the queue."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import Any

from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from fhir.access import Access, Guard, Rule
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller

ASYNC = {"Prefer": "respond-async"}
_by_ticket: dict[str, Access] = {}
_numbers = count()


def access_by_ticket(ticket: str) -> Access:
    """What settings.FHIR_ACCESS_BY_TICKET names in tests. Unauthorized once a test has ended the token."""
    if ticket not in _by_ticket:
        raise Unauthorized("The token has ended.", challenge="Bearer")
    return _by_ticket[ticket]


def with_ticket(access: Access) -> Access:
    """The same with a ticket by which jobs get it again."""
    found = replace(access, ticket=f"ticket {next(_numbers)}")
    _by_ticket[found.ticket] = found
    return found


class Exporter(Caller):
    """A caller that may start exports; `end` ends its token, `now_has` changes what its rights are."""

    def __init__(self, *rules: Rule, client: str = "app", subject: str = "ann") -> None:
        self.ticket = f"ticket {next(_numbers)}"
        guard = Guard("1 = 1", (), lambda: access_by_ticket(self.ticket))
        self.access = Access(rules, guard=guard, subject=subject, client=client, ticket=self.ticket)
        _by_ticket[self.ticket] = self.access
        super().__init__(self.access)

    def end(self) -> None:
        """End the token for jobs, as a revocation does."""
        del _by_ticket[self.ticket]

    def now_has(self, *rules: Rule) -> None:
        """Change what the token gives jobs."""
        _by_ticket[self.ticket] = replace(self.access, rules=rules)

    def start(self, path: str = "$export", body: Any = None) -> str:
        """Start an export; the path of its status."""
        response = self.send("GET" if body is None else "POST", path, body, **ASYNC)
        assert response.status_code == 202, response.content
        return path_of(response["Content-Location"])

    def manifest(self, status: str) -> dict[str, Any]:
        """The manifest of a complete export."""
        response = self.get(status)
        assert response.status_code == 200, (response.status_code, response.content)
        found: dict[str, Any] = response.json()
        return found

    def lines(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """What the file holds that this row of a manifest names."""
        response = self.get(path_of(row["url"]), Accept="application/fhir+ndjson")
        assert response.status_code == 200, response.content
        text = b"".join(response.streaming_content)
        assert len(text) == int(response["Content-Length"])
        found = [json.loads(line) for line in text.splitlines()]
        assert len(found) == row["count"]
        return found

    def exported(self, path: str = "$export", body: Any = None) -> set[str]:
        """Start an export, let it be carried out, and fetch it: "Type/id" of all that is in its output."""
        status = self.start(path, body)
        work()
        found = []
        for row in self.manifest(status)["output"]:
            resources = self.lines(row)
            assert {each["resourceType"] for each in resources} == {row["type"]}
            found += [f"{each['resourceType']}/{each['id']}" for each in resources]
        assert len(found) == len(set(found))
        return set(found)


def path_of(url: str) -> str:
    """What comes behind the FHIR base."""
    base, _, path = url.partition("/fhir/")
    assert base == "http://testserver"
    return path


def work() -> None:
    """Carry out what waits in the queue, as `manage.py db_worker` does, but on the test's own connection."""
    worker = Worker(
        queue_names=["default"],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="test",
        excluded_queue_names=[],
    )
    while task := DBTaskResult.objects.ready().first():
        task.claim("test")
        worker.run_task(task)


EVERYBODY = Rule(None, frozenset("rs"), None)
"""The right to read and find everything."""


def of_patients(*patients: str, types: frozenset[str] | None = None, letters: str = "rs") -> Rule:
    """The right to these patients' data."""
    return Rule(types, frozenset(letters), frozenset(patients))

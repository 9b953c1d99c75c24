"""Searches that take too long are stopped by the database, with a clear answer, and nothing is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError, connection
from django.http import HttpResponse
from pytest_django.fixtures import Settings

from fhir.access import Access, Rule
from fhir.outcome import FhirError
from fhir.search import time_limit
from fhir.search.time_limit import end_of_time, fetch, keep_time_limit, limit_statements
from tests.fhir.callers import Caller, everyone
from tests.fhir.search.shelf import lab, patient, put

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("https://hl7.org/fhir/R4/valueset-issue-type.html"),
]
ROOT = Path(__file__).resolve().parents[3]

ENDLESS = (
    "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000000000) "
    "SELECT COUNT(*) FROM n) > 0"
)
CONTAINS = ",".join(f"word{number}" for number in range(100))
LONG = "some text that is no word of those " * 3000


@pytest.fixture
def serving(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose searches may take a twentieth of a second."""
    monkeypatch.setattr(time_limit, "_serving", True)
    settings.FHIR_SEARCH_TIMEOUT_SECONDS = 0.05
    limit_statements(connection)
    yield
    settings.FHIR_SEARCH_TIMEOUT_SECONDS = 0
    limit_statements(connection)


@pytest.fixture
def records(transactional_db: None) -> None:
    """A patient with a result, and results and patients with texts that take long to look through."""
    numbers = range(25)
    put(patient("p1"), *(patient(f"long{number}", name=[{"text": f"{number} {LONG}"}]) for number in numbers))
    seen_by = [{"reference": "Patient/p1"}]
    put(
        *(
            lab(f"long{number}", f"long{number}", valueString=f"{number} {LONG}", performer=seen_by)
            for number in numbers
        )
    )


def slow_caller() -> Caller:
    """A caller whose right to see a result takes long to find out."""
    return Caller(
        Access(
            (
                Rule(frozenset({"Patient"}), frozenset("rs"), None),
                Rule(frozenset({"Observation"}), frozenset("rs"), None, f"value-string:contains={CONTAINS}"),
            )
        )
    )


def check_refusal(response: Any) -> None:
    """The answer says that it took too long, and the next search is answered on the same connection."""
    assert response.status_code == 504, response.content[:300]
    assert response.headers["Content-Type"] == "application/fhir+json"
    [issue] = response.json()["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "timeout")
    assert "0.05 seconds" in issue["diagnostics"]
    assert everyone().get("Patient?_id=p1").json()["total"] == 1


def test_an_endless_statement_is_stopped_and_the_connection_is_good_for_the_next_one(serving: None) -> None:
    for _ in range(2):
        with pytest.raises(FhirError) as caught:
            fetch(f"SELECT {ENDLESS}", ())
        assert (caught.value.status, caught.value.code) == (504, "timeout")
        assert fetch("SELECT 1", ()) == [(1,)]


@pytest.mark.parametrize("query", ["", "&_count=0", "&_total=accurate&_sort=_id"])
def test_a_search_that_takes_too_long_is_refused(records: None, serving: None, query: str) -> None:
    check_refusal(everyone().get(f"Observation?value-string:contains={CONTAINS}{query}"))


def test_an_include_that_takes_too_long_is_refused(records: None, serving: None) -> None:
    rules = (
        Rule(frozenset({"Observation"}), frozenset("rs"), None),
        Rule(frozenset({"Patient"}), frozenset("rs"), None, f"name:contains={CONTAINS}"),
    )
    caller = Caller(Access(rules))
    assert caller.get("Observation?_count=50").status_code == 200
    check_refusal(caller.get("Observation?_count=50&_include=Observation:subject"))


@pytest.mark.parametrize(
    "path",
    [
        "Observation",
        "Observation?_count=0",
        "?_type=Patient,Observation",
        "Patient/p1/$everything",
        "Observation/_history",
        "_history",
    ],
)
def test_every_statement_that_looks_for_many_keeps_the_limit(records: None, serving: None, path: str) -> None:
    check_refusal(slow_caller().get(path))


def test_a_condition_that_takes_too_long_writes_nothing(records: None, serving: None) -> None:
    body = {"resourceType": "Patient", "name": [{"family": "New"}]}
    response = everyone().send("POST", "Patient", body, If_None_Exist=f"name:contains={CONTAINS}")
    check_refusal(response)
    assert everyone().get("Patient?family=New").json()["total"] == 0


def test_a_time_that_several_statements_share_and_is_over_begins_no_other(serving: None) -> None:
    with pytest.raises(FhirError, match="took longer"):
        fetch("SELECT 1", (), end_of_time() - 1)


def test_other_errors_of_the_database_are_not_taken_for_a_time_out(serving: None) -> None:
    with pytest.raises(DatabaseError, match="no_such_table"):
        fetch("SELECT * FROM no_such_table", ())


def test_a_limit_of_zero_is_none(serving: None, settings: Settings) -> None:
    settings.FHIR_SEARCH_TIMEOUT_SECONDS = 0
    limit_statements(connection)
    few = ENDLESS.replace("2000000000", "300000")
    assert bool(fetch(f"SELECT {few}", ())[0][0])


def test_what_does_not_serve_has_no_limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "_serving", False)
    settings.FHIR_SEARCH_TIMEOUT_SECONDS = 0.01
    few = ENDLESS.replace("2000000000", "300000")
    assert bool(fetch(f"SELECT {few}", ())[0][0])


def test_the_middleware_stands_in_no_requests_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "_serving", False)
    with pytest.raises(MiddlewareNotUsed):
        keep_time_limit(lambda _: HttpResponse())
    assert time_limit._serving


_REPORT = """
import math
from django.db import connection
from fhir.search.time_limit import end_of_time
with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout" if connection.vendor == "postgresql" else "SELECT 1")
    print(cursor.fetchone()[0], end_of_time() < math.inf)
"""


def report(preparation: str) -> str:
    """What a process of its own says after this preparation: PostgreSQL's limit, and whether there is one."""
    database = connection.settings_dict
    url = "sqlite://:memory:"
    if connection.vendor == "postgresql":
        user = f"{database['USER']}:{database['PASSWORD']}"
        url = f"postgres://{user}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": url,
        "FHIR_SEARCH_TIMEOUT_SECONDS": "7.5",
    }
    command = [sys.executable, "-c", preparation + _REPORT]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_server_keeps_the_limit_of_the_settings_and_a_command_keeps_none() -> None:
    served, commanded = ("7500ms", "0") if connection.vendor == "postgresql" else ("1", "1")
    assert report("from smartcdr import wsgi") == f"{served} True"
    assert report("import django; django.setup()") == f"{commanded} False"

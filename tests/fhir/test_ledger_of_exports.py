"""Exports in the ledgers of the patients whose data they hold, and what staff look at in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client, override_settings

from accounts.models import User
from audit.models import Event
from fhir.models import Resource
from tests.fhir.callers import Caller
from tests.fhir.exporting import ASYNC, EVERYBODY, Exporter, of_patients, path_of, work
from tests.fhir.ledger import detail, events, fill, observation, put, told

RULE = pytest.mark.requirement("every access to a resource is on record, exports and staff included")


@pytest.fixture
def data(api: Caller, tmp_path: Path) -> Iterator[Caller]:
    """Two patients with a result each, and a practitioner."""
    fill(api)
    by_ticket = "tests.fhir.exporting.access_by_ticket"
    with override_settings(FHIR_ACCESS_BY_TICKET=by_ticket, EXPORT_DIRECTORY=tmp_path / "exports"):
        yield api


@RULE
def test_an_export_is_an_entry_of_each_patient_with_its_numbers(data: Caller) -> None:
    robot = Exporter(EVERYBODY, client="robot", subject="robot")
    status = robot.start()
    assert [told(event) for event in events()] == [("$export", "allowed", 202)]
    robot.get(status)
    work()
    found = {event.patient: event for event in events(kind="$export", status=0)}
    one_each = {"resources": {"Observation": 1, "Patient": 1}}
    assert {patient: detail(event) for patient, event in found.items()} == {
        "p1": one_each,
        "p2": one_each,
        "": {"resources": {"Practitioner": 1}},
    }
    assert {(event.client, event.person, event.what) for event in found.values()} == {("robot", "", status)}


@RULE
def test_each_step_of_an_export_is_an_entry(data: Caller) -> None:
    robot, other = Exporter(EVERYBODY, client="robot"), Exporter(EVERYBODY, client="other")
    status = robot.start()
    work()
    [row] = [row for row in robot.manifest(status)["output"] if row["type"] == "Patient"]
    robot.lines(row)
    assert other.get(path_of(row["url"])).status_code == 404
    assert other.get(status).status_code == 404
    assert robot.send("DELETE", status).status_code == 202
    assert robot.get(status).status_code == 404
    mine = [told(event) for event in events(client="robot") if event.status]
    assert sorted(mine) == sorted(
        [
            ("$export", "allowed", 202),
            ("export-status", "allowed", 200),
            ("export-file", "allowed", 200),
            ("export-delete", "allowed", 202),
            ("export-status", "refused", 404),
        ]
    )
    assert [told(event) for event in events(client="other")] == [
        ("export-file", "refused", 404),
        ("export-status", "refused", 404),
    ]
    assert {event.what for event in events() if event.kind != "$export"} == {status}
    assert [event.type for event in events(kind="export-file", outcome="allowed")] == ["Patient"]


def test_of_one_patient_the_export_says_what_belongs_to_nobody_and_what_was_deleted(data: Caller) -> None:
    robot = Exporter(of_patients("p1"), client="robot")
    put(data, observation("o3", "p1"))
    data.send("DELETE", "Observation/o3")
    robot.start("Patient/$export?_since=2020-01-01")
    work()
    (event,) = events(kind="$export", status=0)
    assert event.patient == "p1"
    assert detail(event) == {"resources": {"Observation": 1, "Patient": 1, "Practitioner": 1, "deleted": 1}}


def test_an_export_that_fails_and_one_that_is_refused_are_entries(data: Caller) -> None:
    robot = Exporter(EVERYBODY, client="robot")
    robot.start()
    robot.now_has(of_patients("p1"))
    work()
    (event,) = events(kind="$export", status=0)
    assert (event.outcome, event.patient) == ("refused", "")
    assert "no longer" in detail(event)["cause"]
    assert robot.get("$export").status_code == 400
    assert robot.get("Group/none/$export", **ASYNC).status_code == 404
    assert [told(event) for event in events(kind="$export")][-2:] == [
        ("$export", "failed", 400),
        ("$export", "refused", 404),
    ]


@pytest.fixture
def staff(db: None) -> Callable[..., tuple[User, Client]]:
    """Signs a member of staff in, with these rights by their code names."""

    def sign_in(*rights: str) -> tuple[User, Client]:
        user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client = Client()
        client.force_login(user)
        return user, client

    return sign_in


@RULE
def test_what_staff_look_at_is_on_record(data: Caller, staff: Callable[..., tuple[User, Client]]) -> None:
    user, client = staff("view_resource")
    put(data, observation("o1", "p2"))
    row = Resource.objects.get(fhir_id="o1")
    place = f"/admin/fhir/resource/{row.pk}"
    for path in (f"{place}/change/", f"{place}/history/", "/admin/fhir/resource/?q=Patient/p1"):
        assert client.get(path).status_code == 200
    assert client.get("/admin/fhir/resource/0/change/").status_code == 302
    found = [(event.patient, event.what) for event in events(kind="console-read")]
    assert found == [
        ("p2", "Observation/o1/_history/2"),
        ("p1", "Observation/o1/_history/1"),
        ("p2", "Observation/o1/_history/2"),
        ("p1", "Patient/p1"),
    ]
    assert {event.person for event in events(kind="console-read")} == {str(user.uid)}
    _, stranger = staff()
    assert stranger.get(f"{place}/change/").status_code == 403
    assert Event.objects.filter(kind="console-read").count() == len(found)

"""Requests to the FHIR API, and what patients read of them on the page about their apps."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from audit.recording import waiting
from oauth.models import Application
from tests.oauth.issuing import Issued, issue, make_client, make_key, make_user
from tests.oauth.test_ledger import RULE, amy, lines, shown

__all__ = ["amy"]  # a fixture
pytestmark = pytest.mark.django_db


def ask(issued: Issued, path: str, body: Any = None) -> int:
    """The status of a request to the API: a GET, or the POST of a body."""
    sent, method = ("", "GET") if body is None else (json.dumps(body), "POST")
    headers = {"Authorization": issued.header}
    answer = Client().generic(method, f"/fhir{path}", sent, "application/fhir+json", headers=headers)
    return int(answer.status_code)


def entry(path: str) -> dict[str, Any]:
    """A read inside a batch."""
    return {"request": {"method": "GET", "url": path}}


@RULE
def test_every_request_of_every_app_is_one_line_of_its_patients_ledger(amy: User) -> None:
    key, ben = make_key(), make_user("Patient/ben")
    apps = [make_client(name=name) for name in ("Health Diary", "Lab Viewer")]
    diary, viewer = (issue(key, amy, app, "patient/Observation.rs patient/Patient.rs", "amy") for app in apps)
    bens = issue(key, ben, apps[0], "patient/*.rs", "ben")
    assert [ask(diary, "/Observation/potassium-amy") for _ in range(3)] == [200] * 3
    assert ask(diary, "/Observation?code=nothing-has-this") == 200
    assert ask(diary, "/Condition") == 403
    assert ask(diary, "/Observation/potassium-ben") == 404
    assert ask(viewer, "/Observation?_include=Observation:patient") == 200
    assert ask(bens, "/Observation/potassium-ben") == 200
    waiting.write()
    assert counted(amy, apps) == [6, 1]
    assert counted(ben, apps) == [1, 0]
    page = shown(amy)
    assert "Has used your record 6 times (2 refused)" in page
    assert "Has used your record once" in page
    each = shown(amy, "/oauth/manage/activity", app=apps[1].client_id)
    assert "Was given" in each
    assert "name, date of birth, address and other personal details: 1" in each
    assert "Potassium of ben" not in shown(amy, "/oauth/manage/activity")


@RULE
def test_what_is_inside_a_batch_is_listed_each_by_itself(amy: User) -> None:
    app = make_client()
    issued = issue(make_key(), amy, app, "patient/Observation.rs", "amy")
    entries = [entry("Observation/potassium-amy"), entry("Observation"), entry("Condition/any")]
    assert ask(issued, "/", {"resourceType": "Bundle", "type": "batch", "entry": entries}) == 200
    waiting.write()
    each = shown(amy, "/oauth/manage/activity")
    assert each.count("Potassium of amy") == 2
    assert each.count("Wanted to read conditions and diagnoses refused") == 1
    assert lines(amy) == 3


def test_the_patient_reads_which_clinician_looked_and_the_clinician_not_whom(amy: User) -> None:
    doctor, app = make_user("Practitioner/chen"), make_client(name="Ward Round")
    issued = issue(make_key(), doctor, app, "user/*.rs")
    assert ask(issued, "/Observation?_count=10") == 200
    assert ask(issued, "/Patient/amy") == 200
    waiting.write()
    others = shown(amy).partition("Others who used your record")[2]
    assert "Ward Round Used by a clinician Has used your record 2 times" in others
    assert "Potassium of ben" not in shown(amy, "/oauth/manage/activity")
    mine = shown(doctor, "/oauth/manage/activity")
    assert "Searched for lab results" in mine
    assert "amy" not in mine
    assert "Shaw" not in mine


def counted(user: User, apps: list[Application]) -> list[int]:
    """How many lines each app has in this person's ledger."""
    return [lines(user, app=app.client_id) for app in apps]

"""Every request is one entry of the ledger of each patient it concerns: who, app, what, when, from where,
outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.models import Event
from audit.recording import waiting
from fhir.access import Rule
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller
from tests.fhir.ledger import ALL, app, detail, events, fill, observation, told

RULE = pytest.mark.requirement(
    "every access to a resource is on record: who, app, patient, what, when, from where, outcome"
)
FORM = "application/x-www-form-urlencoded"
PATCH = "application/json-patch+json"


@pytest.fixture
def data(api: Caller) -> Caller:
    """Two patients with a result each, and a practitioner."""
    fill(api)
    return api


REQUESTS: list[tuple[str, str, Any, dict[str, str], tuple[str, str, int]]] = [
    ("GET", "Patient/p1", None, {}, ("read", "allowed", 200)),
    ("HEAD", "Observation/o1", None, {}, ("read", "allowed", 200)),
    ("GET", "Observation/o1", None, {"If_None_Match": 'W/"1"'}, ("read", "allowed", 304)),
    ("GET", "Observation/o1/_history/1", None, {}, ("vread", "allowed", 200)),
    ("GET", "Observation/o1/_history", None, {}, ("history-instance", "allowed", 200)),
    ("GET", "Observation?patient=p1", None, {}, ("search-type", "allowed", 200)),
    (
        "GET",
        "Observation?subject=Patient/p1&_include=Observation:performer",
        None,
        {},
        ("search-type", "allowed", 200),
    ),
    ("GET", "Patient?_id=p1&_revinclude=Observation:subject", None, {}, ("search-type", "allowed", 200)),
    ("GET", "Observation?patient=p1&status=amended", None, {}, ("search-type", "allowed", 200)),
    ("GET", "Observation?patient=p1&_count=0", None, {}, ("search-type", "allowed", 200)),
    (
        "POST",
        "Observation/_search",
        b"patient=p1&code=4548-4",
        {"content_type": FORM},
        ("search-type", "allowed", 200),
    ),
    ("GET", "?_type=Observation&patient=p1", None, {}, ("search-system", "allowed", 200)),
    ("GET", "Patient/p1/$everything?_count=1", None, {}, ("$everything", "allowed", 200)),
    ("GET", "Observation?patient=p1&_sort=nothing", None, {}, ("search-type", "failed", 400)),
    ("GET", "Observation/o1", None, {"Accept": "application/fhir+xml"}, ("read", "failed", 406)),
    ("PUT", "Observation/o1", observation("o1", "p1", status="amended"), {}, ("update", "allowed", 200)),
    ("PUT", "Observation/o1", observation("o1", "p1", status="amended"), {}, ("update", "allowed", 200)),
    ("PUT", "Observation/o1", observation("o1", "p1"), {"If_Match": 'W/"1"'}, ("update", "failed", 412)),
    (
        "PATCH",
        "Observation/o1",
        b'[{"op":"replace","path":"/status","value":"final"}]',
        {"content_type": PATCH},
        ("patch", "allowed", 200),
    ),
    ("POST", "Observation", observation("x", "p1"), {}, ("create", "allowed", 201)),
    ("POST", "Observation", observation("x", "p1"), {"If_None_Exist": "_id=o1"}, ("create", "allowed", 200)),
    ("DELETE", "Observation/o1", None, {}, ("delete", "allowed", 204)),
    ("DELETE", "Observation/o1", None, {}, ("delete", "allowed", 204)),
    ("GET", "Observation/o1", None, {}, ("read", "refused", 410)),
    ("GET", "Observation/o1/_history", None, {}, ("history-instance", "allowed", 200)),
]


@RULE
def test_each_request_of_each_app_is_exactly_one_entry(data: Caller) -> None:
    apps = {
        "diary": app("diary", context="p1"),
        "ward": app("ward", person="bob"),
        "robot": app("robot", person="robot"),
    }
    for name, caller in apps.items():
        data.send("PUT", "Observation/o1", observation("o1", "p1", note=[{"text": name}]))
        versions = data.get("Observation/o1").json()["meta"]["versionId"]
        for method, path, body, headers, expected in REQUESTS:
            known = {"If_None_Match": f'W/"{versions}"'} if "If_None_Match" in headers else {}
            response = caller.send(method, path, body, **{**headers, **known})
            assert response.status_code == expected[2], (path, response.content)
            *_, last = events(client=name)
            assert told(last) == expected, path
            assert (last.person, last.patient) == ("" if name == "robot" else caller_of(name), "p1"), path
            assert last.address == "192.0.2.1"
            assert last.type == (
                "Patient" if path.startswith("Patient") else "" if path[0] == "?" else "Observation"
            )
    for name in apps:
        assert len(events(patient="p1", client=name)) == len(REQUESTS)
        assert len(events(client=name)) == len(REQUESTS)
    assert not events(patient="p2")


def caller_of(name: str) -> str:
    return {"diary": "ann", "ward": "bob"}[name]


def test_an_event_names_what_was_shown_with_its_versions(data: Caller) -> None:
    app("ward").get("Observation?patient=p1&_include=Observation:performer&_include=Observation:subject")
    (event,) = events()
    assert set(event.what.split()) == {
        "Observation/o1/_history/1",
        "Practitioner/d1/_history/1",
        "Patient/p1/_history/1",
    }
    assert detail(event)["query"].startswith("patient=p1&_include")


@RULE
def test_an_answer_about_several_patients_is_one_entry_for_each(data: Caller) -> None:
    app("ward").get("Observation?_include=Observation:performer")
    found = {event.patient: event.what for event in events()}
    assert found == {
        "p1": "Observation/o1/_history/1",
        "p2": "Observation/o2/_history/1",
        "": "Practitioner/d1/_history/1",
    }


def test_what_belongs_to_nobody_goes_with_the_patient_in_context(data: Caller) -> None:
    app("diary", context="p1").get("Practitioner/d1")
    app("ward").get("Practitioner/d1")
    assert [(event.client, event.patient) for event in events()] == [("diary", "p1"), ("ward", "")]


def test_whose_it_is_is_known_of_old_versions_of_strangers_and_of_shared_resources(data: Caller) -> None:
    appointment = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "participant": [
            {"actor": {"reference": f"Patient/{each}"}, "status": "accepted"} for each in ("p1", "p2")
        ],
    }
    data.send("PUT", "Appointment/a1", appointment)
    data.send("PUT", "Observation/o1", observation("o1", "p2"))
    data.send("PUT", "Observation/o3", observation("o3", "not-here"))
    data.send("DELETE", "Appointment/a1")
    data.send("PUT", "Appointment/a1", appointment)
    ward = app("ward")
    asked = {
        "Observation/o1": {"p2"},
        "Observation/o1/_history/1": {"p1"},
        "Observation/o1/_history": {"p1", "p2"},
        "Observation/o3": {"not-here"},
        "Appointment/a1": {"p1", "p2"},
        "Appointment/a1/_history": {"p1", "p2"},
        "Appointment/_history": {"p1", "p2"},
    }
    for number, (path, patients) in enumerate(asked.items()):
        assert ward.get(path).status_code == 200
        found = events()
        assert {event.patient for event in found[-len(patients) :]} == patients, path
        assert len(found) == sum(len(each) for each in list(asked.values())[: number + 1])
    again = [event.what for event in events(kind="history-instance", patient="p1", type="Appointment")]
    assert again == [" ".join(f"Appointment/a1/_history/{number}" for number in (3, 2, 1))]


def test_a_change_from_one_patient_to_another_is_an_entry_of_both(data: Caller) -> None:
    app("ward").send("PUT", "Observation/o1", observation("o1", "p2"))
    assert {(event.patient, event.what) for event in events()} == {
        ("p1", "Observation/o1/_history/2"),
        ("p2", "Observation/o1/_history/2"),
    }


@RULE
def test_refusals_are_entries_of_whom_they_concern(data: Caller) -> None:
    nothing = Rule(frozenset({"Condition"}), ALL, None)
    stranger = Rule(None, ALL, frozenset({"p2"}))
    diary = app("diary", context="p1")
    cases = [
        (diary, "Observation/unknown", "p1", 404),
        (diary, "Observation/not_an_id!", "p1", 404),
        (diary, "Observation/o2", "p1", 404),
        (app("x", nothing), "Observation/o1", "p1", 403),
        (app("x", nothing), "Observation?patient=p1", "p1", 403),
        (app("x", nothing), "Patient/p1", "p1", 403),
        (app("x", stranger), "Observation/o1", "p1", 404),
        (app("x", stranger), "Observation/o1/_history", "p1", 404),
        (app("x", stranger), "Patient/p1/$everything", "p1", 404),
        (app("x", stranger), "Observation/unknown", "", 404),
        (Caller.anonymous(), "Observation?patient=p1", "p1", 401),
        (Caller.anonymous(), "Observation/o1", "", 401),
    ]
    for caller, path, patient, status in cases:
        before = Event.objects.count()
        assert caller.get(path).status_code == status
        # Written with the request itself, not a moment later.
        event = Event.objects.order_by("id").last()
        assert Event.objects.count() == before + 1
        assert event is not None
        assert (event.outcome, event.status, event.patient) == ("refused", status, patient), path
        assert event.address in ("192.0.2.1", "127.0.0.1")
        assert event.attempt == ("" if status == 401 else "ATTEMPT2")
        assert detail(event)["cause"]


def test_a_resource_of_two_patients_out_of_reach_is_an_entry_of_both(data: Caller) -> None:
    account = {
        "resourceType": "Account",
        "id": "c1",
        "status": "active",
        "subject": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}],
    }
    data.send("PUT", "Account/c1", account)
    assert app("x", Rule(None, ALL, frozenset({"p3"}))).get("Account/c1").status_code == 404
    assert {event.patient for event in events()} == {"p1", "p2"}


def test_only_the_first_call_of_a_token_belongs_to_its_attempt(data: Caller) -> None:
    app("ward", is_first=True).get("Observation/o1")
    app("ward").get("Observation/o1")
    app("ward", is_first=True).send("PUT", "Observation/o1", observation("o1", "p1", status="amended"))
    assert [event.attempt for event in events(kind="read")] == ["ATTEMPT2", ""]
    assert [event.attempt for event in events(kind="update")] == ["ATTEMPT2"]


@pytest.mark.parametrize("error", [None, Unauthorized("The token has ended.")])
def test_a_repeated_attempt_counts_once(data: Caller, error: Unauthorized | None) -> None:
    lapsing = Caller.lapsing("1 = 2", error)
    assert lapsing.get("Observation/o1").status_code == (401 if error else 200)
    (event,) = events()
    assert told(event) == (("read", "refused", 401) if error else ("read", "allowed", 200))


def test_each_page_is_an_entry(data: Caller) -> None:
    ward = app("ward")
    data.create(observation("x", "p1"))
    for path in ("Observation?patient=p1&_count=1", "Patient/p1/$everything?_count=1"):
        before, pages = len(events()), 0
        while path:
            page = ward.get(path).json()
            pages += 1
            links = {link["relation"]: link["url"] for link in page["link"]}
            path = links.get("next", "").removeprefix("http://testserver")
        assert pages > 1
        assert len(events()) == len(events(patient="p1")) == before + pages


def test_what_tells_of_no_resource_is_no_entry(data: Caller) -> None:
    ward = app("ward")
    ward.get("metadata")
    ward.send("OPTIONS", "Observation/o1")
    ward.send("TRACE", "Observation/o1")
    ward.get("Nothing/there/at/all")
    assert events() == []


def test_what_nobody_foresaw_is_an_entry_too(data: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("fhir.store.read", fail)
    assert app("diary", context="p1").get("Observation/o1").status_code == 500
    (event,) = events()
    assert told(event) == ("read", "failed", 500)
    assert event.patient == "p1"


@pytest.mark.parametrize(
    "path",
    [
        "Observation/%00",
        "Observation/" + "x" * 65,
        "Observation/ä😀",
        "Observation?code=%00",
        "Observation?code=a\tb\\N",
        "Observation?code=%ED%A0%80",
        "Observation?patient=p1&" + "x" * 10_000_000,
        "Observation?patient=" + "p1," * 20_000,
    ],
)
def test_odd_requests_are_answered_as_ever_and_are_entries(data: Caller, path: str) -> None:
    before = data.get(path)
    response = app("ward").get(path)
    assert (response.status_code, response.content) == (before.status_code, before.content)
    found = events(client="ward")
    assert found
    assert all(len(event.detail) < 20_000 for event in found)
    assert all(json.loads(event.detail or "{}") is not None for event in found)


TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"


@pytest.mark.requirement("no token, code, secret or password ever reaches an event")
def test_no_event_holds_a_token_wherever_it_was_sent(data: Caller) -> None:
    ward = app("ward", context="p1")
    opaque = "q8Zr0pAqUe5eCr3t"
    for query in (
        f"access_token={opaque}",
        f"patient=p1&ACCESS%5FTOKEN={opaque}&_count=1",
        f"client_assertion={opaque}&refresh_token={opaque}&client_secret={opaque}",
        f"patient={TOKEN}",
        f"_include={TOKEN}",
        f"_count={TOKEN}",
        f"note=Bearer%20{opaque}",
    ):
        ward.get(f"Observation?{query}")
        ward.get(f"Observation?{query}", Prefer="handling=strict")
    ward.get(f"Observation/{TOKEN}")
    ward.get(f"Observation/o1?_format={TOKEN}")
    ward.get("Observation/o1", If_Match=TOKEN, If_None_Match=TOKEN)
    ward.send("PUT", "Observation/o1", observation("o1", "p1"), If_Match=TOKEN)
    ward.send("POST", "Observation", {**observation("x", "p1"), "status": TOKEN, TOKEN: 1})
    ward.send("POST", "Observation", b"x", content_type=TOKEN)
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": TOKEN}}],
    }
    ward.send("POST", "", bundle)
    found = events()
    assert len(found) == 14 + 7
    kept = json.dumps([[str(value) for value in row] for row in Event.objects.values_list()])
    assert opaque not in kept
    for part in TOKEN.split("."):
        assert part not in kept, [row for row in Event.objects.values() if part in str(row)]


def test_the_operators_commands_are_one_entry_for_each_write(data: Caller) -> None:
    waiting.write()
    loads = list(Event.objects.filter(kind="load").order_by("id"))
    assert [json.loads(event.detail)["resources"] for event in loads] == [
        {"Practitioner": 1},
        {"Patient": 1},
        {"Observation": 1},
        {"Patient": 1},
        {"Observation": 1},
    ]
    assert {event.patient for event in loads} == {""}

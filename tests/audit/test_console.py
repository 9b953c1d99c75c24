"""The list of audit events in the console, one event, and the export: for those who may, quick, and safe."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from audit.attempts import new_attempt
from audit.console import export, pages
from audit.events import Event as Told
from audit.events import now
from audit.models import Event
from audit.recording import record
from oauth.models import Application
from smartcdr.groups import ADMINISTRATOR, APP_MANAGER, AUDITOR
from tests.audit.staff import staff_of
from tests.oauth.issuing import make_client, make_user

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/event/"
EXPORT = f"{LIST}export/"
DAY = 86_400_000_000
ATTEMPT = new_attempt()


@pytest.fixture
def auditor() -> Client:
    """Somebody who may look at everything."""
    return staff_of(AUDITOR)


@pytest.fixture
def ada() -> User:
    """A person with events."""
    return make_user(username="ada.lovelace")


@pytest.fixture
def app() -> Application:
    """An app with events."""
    return make_client(name="Heart Diary")


@pytest.fixture
def events(ada: User, app: Application) -> None:
    """Five events: one of each that filters tell apart."""
    person, client = str(ada.uid), app.client_id
    record(
        Told(
            "read",
            "allowed",
            200,
            person=person,
            client=client,
            patient="p1",
            type="Observation",
            what="Observation/o1/_history/2",
            address="192.0.2.1",
        ),
        Told(
            "search-type",
            "refused",
            403,
            client="gone-client",
            patient="p2",
            type="Condition",
            what="Observation/o11/_history/1 Patient/p2/_history/1",
            address="192.0.2.2",
            detail={"rule": "scope", "received": "<script>alert(1)</script>"},
        ),
        Told("sign-in", "refused", person=person, address="192.0.2.1", attempt=ATTEMPT),
        Told("update", "failed", 500, patient="p1", type="Goal", what="Goal/g1/_history/1"),
        Told("delete", "allowed", 204, patient="p1", what="Goal/g0", time=now() - 30 * DAY),
    )


def found(reader: Client, **chosen: str) -> list[str]:
    """The kinds of the events that the list shows."""
    answer = reader.get(LIST, chosen)
    assert answer.status_code == 200
    return [line.event.kind for line in answer.context["lines"]]


def test_the_last_days_are_listed_the_newest_first(auditor: Client, events: None) -> None:
    assert found(auditor) == ["update", "sign-in", "search-type", "read"]
    page = auditor.get(LIST).content.decode()
    assert "ada.lovelace" in page
    assert "Heart Diary" in page
    assert "gone-client" in page
    assert "UTC</time>" in page


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ({"kind": "read"}, ["read"]),
        ({"outcome": "refused"}, ["sign-in", "search-type"]),
        ({"person": "ADA.lovelace"}, ["sign-in", "read"]),
        ({"person": "love"}, ["sign-in", "read"]),
        ({"person": "nobody"}, []),
        ({"client": "heart"}, ["read"]),
        ({"client": "gone-client"}, ["search-type"]),
        ({"patient": "Patient/p1"}, ["update", "read"]),
        ({"patient": "p1", "outcome": "failed"}, ["update"]),
        ({"address": "192.0.2.1"}, ["sign-in", "read"]),
        ({"resource": "Observation/o1"}, ["read"]),
        ({"resource": "Observation/o11/_history/1"}, ["search-type"]),
        ({"resource": "Patient/p2"}, ["search-type"]),
        ({"resource": "Observation"}, ["search-type", "read"]),
        ({"q": ATTEMPT.lower()}, ["sign-in"]),
        ({"q": "lovelace"}, ["sign-in", "read"]),
        ({"q": "Heart Diary"}, ["read"]),
        ({"q": "p2"}, ["search-type"]),
        ({"q": "192.0.2.2"}, ["search-type"]),
        ({"q": "Goal/g1"}, ["update"]),
        ({"q": "' OR 1=1 --"}, []),
        ({"q": "%"}, []),
    ],
)
def test_filters_and_the_search_leave_out_the_rest(
    auditor: Client, events: None, chosen: dict[str, str], kinds: list[str]
) -> None:
    assert found(auditor, **chosen) == kinds


def test_times_say_from_when_to_when(auditor: Client, events: None) -> None:
    today = timezone.now()
    early = f"{today - timedelta(days=60):%Y-%m-%dT%H:%M}"
    late = f"{today - timedelta(days=1):%Y-%m-%d}"
    assert found(auditor, since=early) == ["update", "sign-in", "search-type", "read", "delete"]
    assert found(auditor, since=early, until=late) == ["delete"]
    assert found(auditor, until=late) == []


@pytest.mark.parametrize(
    "chosen",
    [
        {"since": "yesterday"},
        {"since": "2026-01-02", "until": "2026-01-01"},
        {"kind": "x"},
        {"outcome": "x"},
        {"q": "x" * 1000},
        {"until": "0001-01-01"},
    ],
)
def test_a_filter_that_makes_no_sense_is_said_to_be_one(auditor: Client, chosen: dict[str, str]) -> None:
    answer = auditor.get(LIST, chosen)
    assert answer.status_code == 400
    assert answer.context["form"].errors


def test_pages_follow_one_another_without_a_gap_and_without_counting(auditor: Client) -> None:
    moment = now()
    told = [Told("read", "allowed", what=f"Goal/{number}", time=moment) for number in range(120)]
    record(*told)
    address, seen, statements = LIST, [], []
    while address:
        with CaptureQueriesContext(connection) as queries:
            page = auditor.get(address)
        statements += [query["sql"].upper() for query in queries.captured_queries]
        seen += [line.event.what for line in page.context["lines"]]
        address = f"{LIST}{page.context['older']}" if page.context["older"] else ""
    assert seen == [f"Goal/{number}" for number in reversed(range(120))]
    assert not [sql for sql in statements if "COUNT(" in sql]


def test_what_is_rare_is_sought_in_steps_that_take_no_time(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT", 20)
    moment = now() - 1000
    record(Told("patch", "allowed", time=moment))
    record(*(Told("read", "allowed", time=moment + number // 3) for number in range(50)))
    address, steps, seen = f"{LIST}?kind=patch", 0, []
    while address:
        page = auditor.get(address)
        steps += 1
        seen += [line.event.kind for line in page.context["lines"]]
        assert bool(page.context["looked_back_to"]) == bool(page.context["older"])
        address = f"{LIST}{page.context['older']}" if page.context["older"] else ""
    assert (seen, steps) == (["patch"], 3)


@pytest.mark.parametrize("behind", ["x", "1.", ".1", "1.x", "9" * 30 + ".1", "-1.1", "²1.1"])
def test_a_place_that_is_none_is_the_beginning(auditor: Client, events: None, behind: str) -> None:
    assert len(found(auditor, behind=behind)) == 4


def test_an_event_says_all_that_is_known_of_it(auditor: Client, events: None) -> None:
    event = Event.objects.get(kind="search-type")
    page = auditor.get(f"{LIST}{event.pk}/change/").content.decode()
    assert "gone-client: search of Condition, in the record of Patient/p2, refused (403)." in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert bytes(event.hash).hex() in page
    for each in event.what.split():
        assert each in page


def test_an_event_leads_to_the_attempt_the_person_and_the_app(auditor: Client, events: None) -> None:
    ada, app = User.objects.get(username="ada.lovelace"), Application.objects.get(name="Heart Diary")
    signed_in, read = (Event.objects.get(kind=kind) for kind in ("sign-in", "read"))
    page = auditor.get(f"{LIST}{signed_in.pk}/change/").content.decode()
    assert f"/admin/audit/attempt/{ATTEMPT}/" in page
    assert f"/admin/accounts/user/{ada.pk}/change/" in page
    page = auditor.get(f"{LIST}{read.pk}/change/").content.decode()
    assert f"/admin/oauth/application/{app.pk}/change/" in page


@pytest.mark.parametrize("number", ["1", "9" * 18, "9" * 30])
def test_an_event_that_is_not_there_has_no_page(auditor: Client, number: str) -> None:
    assert auditor.get(f"{LIST}{number}/change/").status_code == 404


def exported(reader: Client, ending: str, **chosen: str) -> str:
    answer: Any = reader.post(EXPORT, {"format": ending, **chosen})
    assert answer.streaming
    assert "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    return b"".join(answer.streaming_content).decode()


def test_what_is_filtered_is_exported_as_csv(
    auditor: Client, events: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 1)
    rows = list(csv.DictReader(io.StringIO(exported(auditor, "csv", patient="p1"))))
    assert [row["kind"] for row in rows] == ["update", "read"]
    read = Event.objects.get(kind="read")
    assert rows[1]["person_name"] == "ada.lovelace"
    assert rows[1]["client_name"] == "Heart Diary"
    assert rows[1]["what"] == "Observation/o1/_history/2"
    assert rows[1]["hash"] == bytes(read.hash).hex()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", rows[1]["time"])


@pytest.mark.postgres
def test_list_and_export_are_read_along_an_index_and_no_further(auditor: Client, events: None) -> None:
    """Or each page of a patient with many events would read all of them."""
    for ask in (lambda: auditor.get(LIST, {"patient": "p1"}), lambda: exported(auditor, "csv", patient="p1")):
        with CaptureQueriesContext(connection) as asked:
            ask()
        texts = [each["sql"] for each in asked]
        place = next(place for place, text in enumerate(texts) if "enable_sort" in text)
        assert "/ 86400000000) DESC" in texts[place + 1]


def test_what_is_filtered_is_exported_as_ndjson(auditor: Client, events: None) -> None:
    [line] = exported(auditor, "ndjson", outcome="refused", kind="search-type").splitlines()
    row = json.loads(line)
    assert row["detail"] == {"rule": "scope", "received": "<script>alert(1)</script>"}
    assert row["id"] == Event.objects.get(kind="search-type").pk


@pytest.mark.requirement("https://owasp.org/www-community/attacks/CSV_Injection")
@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_the_csv_is_a_formula(auditor: Client, begin: str) -> None:
    attack = f'{begin}HYPERLINK(1),"x"\n'
    record(Told("read", "refused", 404, what=attack, client=attack))
    [row] = csv.DictReader(io.StringIO(exported(auditor, "csv", kind="read"), newline=""))
    assert row["what"] == row["client"] == f"'{attack}"


def test_an_export_is_an_event_with_its_filter(auditor: Client, events: None) -> None:
    exported(auditor, "csv", patient="p1", outcome="failed")
    event = Event.objects.get(kind="audit-export")
    told = json.loads(event.detail)
    assert (event.outcome, event.patient, event.address) == ("allowed", "p1", "127.0.0.1")
    assert event.person == str(User.objects.get(username="auditor").uid)
    assert told["format"] == "csv"
    assert told["filter"]["patient"] == "p1"
    assert told["filter"]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("method", "form"),
    [("get", {"format": "csv"}), ("post", {"format": "exe"}), ("post", {"format": "csv", "since": "x"})],
)
def test_an_export_of_nonsense_exports_nothing(auditor: Client, method: str, form: dict[str, str]) -> None:
    answer = getattr(auditor, method)(EXPORT, form)
    assert answer["Location"] == LIST
    assert not Event.objects.filter(kind="audit-export").exists()


def test_another_site_starts_no_export(auditor: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = auditor.cookies
    assert strict.post(EXPORT, {"format": "csv"}).status_code == 403


@pytest.mark.parametrize(("group", "status"), [(AUDITOR, 200), (ADMINISTRATOR, 200), (APP_MANAGER, 403)])
def test_the_groups_say_who_sees_events(events: None, group: str, status: int) -> None:
    client = staff_of(group)
    event = Event.objects.get(kind="read")
    assert client.get(LIST).status_code == status
    assert client.get(f"{LIST}{event.pk}/change/").status_code == status
    assert (client.post(EXPORT, {"format": "csv"}).status_code == 403) == (status == 403)


def test_looking_at_the_trail_leaves_no_trace(auditor: Client, events: None) -> None:
    before = Event.objects.count()
    auditor.get(LIST)
    auditor.get(f"{LIST}{Event.objects.get(kind='read').pk}/change/")
    assert Event.objects.count() == before


@pytest.mark.parametrize("path", ["", "add/", "1/delete/", "1/change/"])
def test_nobody_changes_an_event_here(staff: Client, path: str) -> None:
    before = list(Event.objects.values_list())
    assert staff.post(f"{LIST}{path}", {"what": "x"}).status_code in (200, 403, 404)
    assert list(Event.objects.values_list()) == before


def test_pages_are_kept_by_nobody(auditor: Client) -> None:
    assert "no-store" in auditor.get(LIST)["Cache-Control"]

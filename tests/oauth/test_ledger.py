"""What patients, those who act for them, and clinicians are shown of what was done with health records."""

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import Proxy, User
from audit.events import Event, now
from audit.finding import along_an_index, behind, newest_first
from audit.recording import record
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.update import update
from oauth.ledger.ledger import Ledger, Wish, page
from oauth.tokens.revocation import withdraw
from tests.oauth.issuing import issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db
URL = "/oauth/manage"
EACH = f"{URL}/activity"
FILE = f"{URL}/activity.csv"
DAY = 86_400_000_000
RULE = pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata management_endpoint"
)


def put(resource: dict[str, Any]) -> None:
    update(Request(EVERYTHING, type=resource["resourceType"], id=resource["id"], resource=resource))


@pytest.fixture
def amy() -> User:
    for fhir_id, given in (("amy", "Amy"), ("ben", "Ben")):
        put({"resourceType": "Patient", "id": fhir_id, "name": [{"family": "Shaw", "given": [given]}]})
        put(
            {
                "resourceType": "Observation",
                "id": f"potassium-{fhir_id}",
                "status": "final",
                "code": {"text": f"Potassium of {fhir_id}"},
                "subject": {"reference": f"Patient/{fhir_id}"},
                "effectiveDateTime": "2026-05-03",
            }
        )
    return make_user("Patient/amy")


def told(kind: str = "read", outcome: str = "allowed", **more: Any) -> Event:
    """Something that happened to Amy's record."""
    return Event(kind, outcome, **{"patient": "amy", "type": "Observation", **more})


def shown(user: User, url: str = URL, **query: str) -> str:
    """The words of a page, as this person reads them."""
    client = Client()
    client.force_login(user)
    answer = client.get(url, query)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    words = strip_tags(answer.content.decode().partition("<main")[2])
    return re.sub(r"\s+", " ", unescape(words))


def lines(user: User, **query: str) -> int:
    """How many events the page with every single one lists, over all of its pages."""
    client, number, after = Client(), 0, None
    client.force_login(user)
    while True:
        page = client.get(EACH, query if after is None else {**query, "after": after}).content.decode()
        number += page.count('<li class="list-row">')
        following = re.search(r"after=(\d+-\d+)\" *>|after=(\d+-\d+)", page)
        if following is None:
            return number
        after = following[1] or following[2]


@RULE
def test_requests_of_several_apps_are_each_counted_and_listed_once(amy: User) -> None:
    apps = [make_client(name=f"App {letter}") for letter in "ABC"]
    for app, number in zip(apps, (1, 7, 40), strict=True):
        mine = {"person": str(amy.uid), "client": app.client_id}
        record(*[told("search-type", **mine, what="Observation/potassium-amy/_history/1")] * number)
    page = shown(amy)
    for words in ("App A Has used your record once", "App B Has used your record 7 times", "record 40 times"):
        assert words in page
    assert lines(amy) == 48
    assert [lines(amy, app=app.client_id, who="me") for app in apps] == [1, 7, 40]


def test_events_of_one_and_the_same_moment_are_each_on_one_page(amy: User) -> None:
    moment = now()
    record(*[told(time=moment, what=f"Observation/{number}") for number in range(60)])
    assert lines(amy) == 60


@RULE
def test_kinds_refusals_and_failures_are_told_in_plain_words(amy: User) -> None:
    app = make_client(name="Health Diary")
    mine = {"person": str(amy.uid), "client": app.client_id}
    record(
        told("search-type", **mine, type="MedicationRequest"),
        told("search-type", **mine, type="MedicationRequest"),
        told("read", "refused", **mine, status=403, type="Condition", what="Condition/1"),
        told("create", "failed", **mine, status=422),
        told("$everything", **mine, type="Patient", what="Patient/amy/_history/1"),
    )
    page = shown(amy)
    assert "Several kinds of records at once: once" in page
    assert "Has used your record 5 times (1 refused, 1 did not work), last on" in page
    assert "Prescriptions: 2 times" in page
    assert "Conditions and diagnoses: once" in page
    each = shown(amy, EACH)
    assert "Searched for prescriptions" in each
    assert "Wanted to read conditions and diagnoses refused" in each
    assert "Wanted to add lab results, vital signs and other observations did not work" in each


def test_what_was_given_is_named_where_the_reader_may_see_it_and_is_never_somebody_elses(amy: User) -> None:
    what = (
        "Observation/potassium-amy/_history/1 Observation/potassium-ben/_history/1 Encounter/gone/_history/2"
    )
    record(told("search-type", person=str(amy.uid), what=what))
    page = shown(amy, EACH)
    assert (
        "Was given lab results, vital signs and other observations: 2; visits and hospital stays: 1" in page
    )
    assert "Potassium of amy, 2026-05-03" in page
    assert "and 2 more" in page
    assert "Potassium of ben" not in page


def test_another_patients_events_are_never_shown(amy: User) -> None:
    ben = make_user("Patient/ben")
    record(told(patient="ben", person=str(ben.uid)), told(patient="ben", person=str(amy.uid)))
    record(told(patient="", person=str(amy.uid)), told("sign-in", person=str(amy.uid)))
    assert lines(amy) == 0
    assert lines(ben) == 2
    client = Client()
    client.force_login(amy)
    for address in (EACH, FILE):
        for record_id in ("ben", "", "nobody", "amy/../ben", "Patient/ben"):
            assert client.get(address, {"record": record_id}).status_code == 404


def test_others_are_told_by_what_the_patient_may_know_of_them(amy: User) -> None:
    doctor = [{"family": "Chen", "given": ["Mei"], "prefix": ["Dr."]}]
    put({"resourceType": "Practitioner", "id": "chen", "name": doctor})
    people = {
        "chen": make_user("Practitioner/chen"),
        "unknown doctor": make_user("Practitioner/nowhere", first_name="Private", last_name="Name"),
        "proxy": make_user("RelatedPerson/mum", first_name="Mary", last_name="Shaw"),
        "stranger": make_user("", first_name="Odd", last_name="Person"),
    }
    Proxy.objects.create(user=people["proxy"], patient="amy", active=False)
    ward, night = make_client(name="Ward Round"), make_client(name="Nightly Export")
    record(*[told(person=str(one.uid), client=ward.client_id) for one in people.values()])
    record(told("export-file", client=night.client_id), told("console-read", person=str(amy.uid)))
    record(told(client="gone", person="no uid"))
    page = shown(amy)
    others = page.partition("Others who used your record")[2]
    for words in (
        "Ward Round Used by Dr. Mei Chen, clinician Has used your record once",
        "Ward Round Used by a clinician",
        "Ward Round Used by Mary Shaw, acting for you",
        "Ward Round Used by somebody whom we cannot name",
        "Nightly Export Used by itself, with nobody signed in",
        "Administration of this service Used by the people who run this service",
        "An app that is not registered here Used by somebody whom we cannot name",
    ):
        assert words in others
    for hidden in ("Private", "Odd", str(people["chen"].uid)):
        assert hidden not in page
    assert [lines(amy, who=who) for who in ("", "me", "others", "staff")] == [7, 0, 6, 1]


def test_those_who_act_for_somebody_see_that_record_while_they_do(amy: User) -> None:
    mother, father = make_user("RelatedPerson/mum"), make_user("RelatedPerson/dad", first_name="Frank")
    for parent in (mother, father):
        Proxy.objects.create(user=parent, patient="amy")
    Proxy.objects.create(user=mother, patient="ben", ends=timezone.now() - timedelta(seconds=1))
    app = make_client(name="Health Diary")
    record(*[told(client=app.client_id, person=str(one.uid)) for one in (mother, amy, father)])
    record(told(patient="ben", person=str(mother.uid), client=app.client_id))
    page = shown(mother)
    assert "Health Diary Has used the record of Amy Shaw once" in page
    assert "Used by somebody acting for Amy Shaw" in page
    assert "Used by Amy Shaw Has" in page
    assert "Frank" not in page
    assert lines(mother, record="amy") == 3
    Proxy.objects.filter(user=mother).update(ends=timezone.now())
    client = Client()
    client.force_login(mother)
    assert client.get(EACH, {"record": "amy"})["Location"] == URL
    assert client.get(FILE, {"record": "amy"}).status_code == 404
    assert "Amy Shaw" not in shown(mother)


def test_clinicians_see_what_was_done_in_their_name_without_whose_records_it_was(amy: User) -> None:
    doctor = make_user("Practitioner/chen")
    app = make_client(name="Ward Round")
    mine = {
        "person": str(doctor.uid),
        "client": app.client_id,
        "what": "Observation/potassium-amy/_history/1",
    }
    record(told(**mine), told(**mine, patient="ben"), told(person=str(amy.uid), client=app.client_id))
    assert "Ward Round Has used records in your name 2 times" in shown(doctor)
    each = shown(doctor, EACH)
    for hidden in ("amy", "ben", "Potassium"):
        assert hidden not in each
    assert lines(doctor) == 2
    client = Client()
    client.force_login(doctor)
    assert client.get(EACH, {"record": "amy"}).status_code == 404


def test_staff_without_a_record_have_no_ledger(amy: User) -> None:
    record(told("console-read"))
    staff = make_user("", is_staff=True, is_superuser=True)
    assert "Used by" not in shown(staff)
    client = Client()
    client.force_login(staff)
    assert client.get(EACH, {"record": "amy"})["Location"] == URL


@RULE
def test_an_app_whose_access_was_taken_back_stays_with_what_it_did(amy: User) -> None:
    app = make_client(name="Health Diary")
    issue(make_key(), amy, app, patient="amy")
    record(told(person=str(amy.uid), client=app.client_id))
    withdraw(amy, app)
    page = shown(amy)
    assert "You have not allowed any app" in page
    assert "Apps without access any more Health Diary Has used your record once" in page


def test_the_last_thirty_days_leave_out_what_was_before(amy: User) -> None:
    app = make_client(name="Health Diary")
    issue(make_key(), amy, app, patient="amy")
    record(told(person=str(amy.uid), client=app.client_id, time=now() - 31 * DAY))
    assert "Has used your record once" in shown(amy)
    assert "Has used no record in your name in the last 30 days" in shown(amy, days="30")
    record(told(person=str(amy.uid), client=app.client_id, time=now() - 29 * DAY))
    assert "Has used your record once" in shown(amy, days="30")


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({}, 4),
        ({"type": "Condition"}, 1),
        ({"type": "Encounter"}, 2),
        ({"outcome": "refused"}, 1),
        ({"since": "2026-05-02"}, 3),
        ({"until": "2026-05-02"}, 2),
        ({"since": "2026-05-02", "until": "2026-05-02"}, 1),
        ({"app": "one"}, 2),
        ({"app": "one", "outcome": "allowed"}, 1),
    ],
)
def test_the_list_is_narrowed_by_what_is_asked(amy: User, query: dict[str, str], number: int) -> None:
    second_of_may = 1_777_680_000_000_000
    record(
        told(time=second_of_may - 1, client="one", what="Encounter/1/_history/1"),
        told(time=second_of_may, what="Observation/1/_history/1 Encounter/1/_history/1"),
        told(time=second_of_may + DAY, client="one", outcome="refused"),
        told(time=second_of_may + 2 * DAY, type="Condition"),
    )
    assert lines(amy, **query) == number


@pytest.mark.parametrize(
    "query",
    [
        {"type": "Nonsense"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"app": "a\0b"},
        {"app": "x" * 300},
        {"who": "amy"},
    ],
)
def test_a_filter_that_cannot_be_understood_shows_nothing(amy: User, query: dict[str, str]) -> None:
    record(told())
    client = Client()
    client.force_login(amy)
    answer = client.get(EACH, query)
    assert answer.status_code in (200, 400)
    assert b"list-row" not in answer.content
    assert client.get(FILE, query).status_code in (400, 404)


@pytest.mark.parametrize("after", ["", "1", "1-1-1", "a-b", "٣-٣", "9" * 40 + "-1", "-1--1"])
def test_a_place_that_was_never_ours_is_not_there(amy: User, after: str) -> None:
    client = Client()
    client.force_login(amy)
    assert client.get(EACH, {"after": after}).status_code == 404


def test_the_file_has_every_event_and_nothing_that_a_spreadsheet_would_compute(amy: User) -> None:
    app = make_client(name='=HYPERLINK("https://evil.example","x")')
    mine = {"person": str(amy.uid), "client": app.client_id}
    record(*[told(**mine, what="Observation/1/_history/1")] * 301, told("read", "refused", patient="ben"))
    client = Client()
    client.force_login(amy)
    answer = client.get(FILE)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert len(rows) == 301
    assert rows[0]["App"] == "'" + app.name
    assert rows[0]["By"] == "you"
    assert rows[0]["What"] == "Read lab results, vital signs and other observations"


def test_what_apps_make_up_is_not_repeated(amy: User) -> None:
    record(told("read", "refused", type="<script>alert(1)</script>", what="<b>/1", client="<i>"))
    client = Client()
    client.force_login(amy)
    for address in (URL, EACH):
        page = client.get(address).content.decode()
        assert "alert(1)" not in page
        assert "<b>" not in page
        assert "<i>" not in page
    assert "Wanted to read records of a kind that does not exist" in shown(amy, EACH)


@pytest.mark.parametrize("address", [EACH, FILE])
def test_somebody_not_signed_in_reads_nothing(db: None, address: str) -> None:
    answer = Client().get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert Client().post(address).status_code in (302, 405)


def test_a_look_at_the_page_costs_the_same_however_much_was_done(amy: User) -> None:
    client = Client()
    client.force_login(amy)
    costs = []
    for number in (1, 6):
        apps = [make_client(name=f"App {each}") for each in range(number)]
        doctors = [make_user(f"Practitioner/{number}-{each}") for each in range(number)]
        for person in (amy, *doctors):
            who, what = str(person.uid), "Observation/potassium-amy/_history/1"
            record(*[told(person=who, client=app.client_id, what=what) for app in apps])
        for address in (URL, EACH):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            costs.append(len(asked))
    assert costs[2] <= costs[0]
    assert costs[3] <= costs[1]


def test_a_copy_of_many_records_is_told_by_their_kinds(amy: User) -> None:
    numbers = {"Observation": 12, "Patient": 1}
    record(told("$export", type="", what="_export/1", detail={"resources": numbers}))
    oddities: list[Any] = [None, {"resources": 5}, {"resources": {"x": {}}}]
    record(*[told("$export", type="", detail=odd) for odd in oddities])
    page = shown(amy, EACH)
    assert page.count("Copied many records at once") == 4
    assert page.count("Was given") == 1
    assert "Was given lab results, vital signs and other observations: 12; name, date of birth" in page


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("ledger", "index"), [(Ledger("x", "amy"), "audit_patient"), (Ledger("x"), "audit_person")]
)
def test_the_statements_take_their_index_though_they_are_planned_without_values(
    db: None, ledger: Ledger, index: str
) -> None:
    events = ledger.events().filter(behind(5 * 10**15, 1)).order_by(*newest_first())[:26]
    sql, values = events.values_list("id").query.sql_with_params()
    numbered = sql.replace("%s", "{}").format(*(f"${number + 1}" for number in range(len(values))))
    with along_an_index(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"PREPARE {index}_plan AS {numbered}")
        told = ", ".join(f"'{value}'" for value in values)
        cursor.execute(f"EXPLAIN EXECUTE {index}_plan({told})")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(f"DEALLOCATE {index}_plan")
    assert index in plan
    assert "Presorted Key" in plan
    with CaptureQueriesContext(connection) as asked:
        page(ledger, Wish(), 26)
    assert any("enable_sort" in each["sql"] for each in asked)

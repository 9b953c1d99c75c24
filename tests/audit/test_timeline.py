"""Authorization attempts in the console: found by their reference code, and told step by step."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from audit.attempts import new_attempt, step
from audit.console import recent as listing
from audit.console.story import story
from audit.events import Event as Told
from audit.events import now
from audit.models import Event
from audit.recording import record, waiting
from oauth.models import Application
from smartcdr.groups import ADMINISTRATOR, APP_MANAGER, AUDITOR
from tests.audit.staff import staff_of
from tests.oauth.flow import Flow, answer_of
from tests.oauth.flow import make_client as make_registered
from tests.oauth.flow import make_user as person_of
from tests.oauth.issuing import make_client, make_user

TIMELINES = "CONTRACT: each authorization attempt is one timeline, found by its reference code"
pytestmark = [pytest.mark.django_db, pytest.mark.requirement(TIMELINES)]
LIST = "/admin/audit/attempt/"
SECOND = 1_000_000


@pytest.fixture
def auditor() -> Client:
    """Somebody who may look at everything."""
    return staff_of(AUDITOR)


@pytest.fixture
def app() -> Application:
    """The app that asks."""
    return make_client(name="Heart Diary")


@pytest.fixture
def ada(db: None) -> User:
    """The person who is asked."""
    return make_user(username="ada.lovelace")


def happened(code: str, *steps: tuple[str, str, float], client: str = "", **more: Any) -> None:
    """Steps of an attempt: kind, outcome, and how many seconds ago."""
    for kind, outcome, ago in steps:
        time = now() - int(ago * SECOND)
        record(Told(kind, outcome, client=client, attempt=code, time=time, **more))


def text_of(page: Any) -> str:
    """What a page's content says, without its markup."""
    content = page.content.decode().partition('<div id="content"')[2].partition("<footer")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", content).split())


def refused_token(app: Application, person: User | None = None) -> str:
    """An attempt that ended at the token request."""
    code, who = new_attempt(), str(person.uid) if person else ""
    happened(code, ("request", "allowed", 50), ("consent", "allowed", 45), client=app.client_id, person=who)
    step(
        "token",
        code,
        "refused",
        status=400,
        client=app.client_id,
        rule="code",
        expected="a code that is used within 60 s",
        received="one that is 100 s old",
        cause="The code had expired 40 s before.",
    )
    return code


@pytest.mark.parametrize("typed", ["{}", " {} ", "{:.4} {:.4}", "lower"])
def test_a_code_is_found_however_it_is_typed(auditor: Client, app: Application, typed: str) -> None:
    code = refused_token(app)
    typed = code.lower() if typed == "lower" else typed.format(code, code[4:])
    answer = auditor.get(LIST, {"code": typed})
    assert answer["Location"] == f"{LIST}{code}/"
    assert auditor.get(f"{LIST}{code.lower()}/")["Location"] == f"{LIST}{code}/"


@pytest.mark.parametrize("code", ["ABCD2345", "x", "<script>", "9" * 500, "ÄÖÜẞ", "' OR 1"])
def test_a_code_that_nobody_has_is_said_to_be_unknown(auditor: Client, app: Application, code: str) -> None:
    refused_token(app)
    answer = auditor.get(LIST, {"code": code})
    assert answer.status_code == 404
    assert "is known" in text_of(answer)
    assert "<script>" not in answer.content.decode().partition('<div id="content"')[2].partition("<footer")[0]


def test_the_index_of_the_console_asks_for_a_code(auditor: Client) -> None:
    page = auditor.get("/admin/").content.decode()
    assert f'action="{LIST}"' in page
    assert 'name="code"' in page


def test_a_refused_attempt_says_where_it_ended_and_why(auditor: Client, app: Application, ada: User) -> None:
    page = auditor.get(f"{LIST}{refused_token(app, ada)}/")
    text = text_of(page)
    assert "Ended at the token request: the code had expired 40 s before." in text
    assert [each.line.event.kind for each in page.context["steps"]] == ["request", "consent", "token"]
    for words in (
        "Heart Diary",
        "ada.lovelace",
        "✕ refused",
        "✓ allowed",
        "Rule code",
        "Expected a code that is used within 60 s",
        "Received one that is 100 s old",
        "Status 400",
    ):
        assert words in text
    assert [round(float(each.since.removesuffix(" s"))) for each in page.context["steps"]] == [0, 5, 50]


def test_names_of_parameters_keep_their_letters(app: Application) -> None:
    code = new_attempt()
    step("request", code, "refused", cause="PKCE is missing")
    found = story(code)
    assert found is not None
    assert found.headline == "Ended at the authorization request: PKCE is missing."


def test_an_attempt_without_a_cause_names_the_rule(app: Application) -> None:
    code = new_attempt()
    step("launch", code, "failed", rule="launch")
    found = story(code)
    assert found is not None
    assert (found.headline, found.was_refused) == ("Ended at the launch: launch.", True)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([("request", "allowed", 9)], "Not finished: nothing came after the authorization request."),
        (
            [("request", "allowed", 9), ("sign-in", "refused", 8), ("sign-in", "allowed", 7)],
            "Not finished: nothing came after the sign-in.",
        ),
        ([("token", "allowed", 5)], "The app got its tokens. It has not called the FHIR API with them yet."),
        (
            [("token", "allowed", 5), ("read", "allowed", 3)],
            "The app got its tokens. Its first call of the FHIR API was allowed, 2.",
        ),
        (
            [("token", "allowed", 5), ("read", "refused", 3)],
            "The app got its tokens. Its first call of the FHIR API was refused (403): scope.",
        ),
        (
            [("token", "allowed", 5), ("revocation", "allowed", 3)],
            "The app had its tokens, and they were revoked.",
        ),
        ([("read", "allowed", 3)], "Only calls of the FHIR API are known of this attempt."),
    ],
)
def test_the_headline_says_how_it_ended(steps: list[tuple[str, str, float]], words: str) -> None:
    code = new_attempt()
    happened(code, *steps, status=403, detail={"rule": "scope"})
    found = story(code)
    assert found is not None
    assert found.headline.startswith(words)


def test_first_calls_stand_behind_the_steps(auditor: Client, app: Application) -> None:
    code = new_attempt()
    happened(code, ("token", "allowed", 5), client=app.client_id)
    happened(code, ("read", "allowed", 4), type="Goal", what="Goal/g1/_history/1", patient="p1")
    page = auditor.get(f"{LIST}{code}/")
    assert [each.line.event.kind for each in page.context["calls"]] == ["read"]
    assert "Goal/g1/_history/1" in text_of(page)
    assert "Patient/p1" in text_of(page)


def test_a_real_authorization_is_told_from_the_request_to_the_first_calls(auditor: Client) -> None:
    application, _ = make_registered(scope="openid fhirUser patient/*.rs")
    flow = Flow(application, None)
    asked = flow.authorize()
    form = {"login": person_of(username="ada").username, "password": "correct horse battery"}
    page = flow.follow(flow.browser.post(f"/accounts/login/?{asked.request['QUERY_STRING']}", form))  # type: ignore[attr-defined]
    code = answer_of(flow.decide(page))["code"]
    token = flow.exchange(code).json()["access_token"]  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("Observation", "Patient/another"):
        Client().get(f"/fhir/{path}", headers=headers)
    flow.exchange(code)
    waiting.write()
    [attempt] = set(Event.objects.exclude(attempt="").values_list("attempt", flat=True))
    shown = auditor.get(f"{LIST}{attempt}/")
    kinds = [each.line.event.kind for each in shown.context["steps"]]
    assert list(dict.fromkeys(kinds))[:6] == ["request", "sign-in", "context", "consent", "code", "token"]
    assert "read" in [each.line.event.kind for each in shown.context["calls"]]
    assert shown.context["story"].headline.startswith("Ended at the token request: ")
    for secret in (code, token, flow.verifier, "correct horse battery"):
        assert secret not in shown.content.decode()
        assert not [row for row in Event.objects.values_list() if secret in str(row)]


@pytest.mark.parametrize("has_tokens", [False, True])
def test_app_managers_see_the_steps_and_not_whose_record_was_read(
    app: Application, ada: User, has_tokens: bool
) -> None:
    code = new_attempt() if has_tokens else refused_token(app, ada)
    if has_tokens:
        happened(code, ("token", "allowed", 2), client=app.client_id)
    happened(
        code,
        ("search-type", "refused", 1),
        type="Goal",
        what="Goal/g77",
        patient="p77",
        status=403,
        detail={"rule": "scope", "received": "patient=p77", "cause": "Nothing of p77 is open."},
    )
    manager = staff_of(APP_MANAGER)
    page = manager.get(f"{LIST}{code}/")
    text = text_of(page)
    assert ("The code had expired 40 s before." in text) != has_tokens
    assert "Search of Goal" in text
    assert ("Its first call of the FHIR API was refused (403): scope." in text) == has_tokens
    assert "77" not in text.replace(code, "")
    assert "/admin/audit/event/" not in page.content.decode()
    assert manager.get("/admin/audit/event/").status_code == 403
    assert "77" in text_of(staff_of(ADMINISTRATOR).get(f"{LIST}{code}/"))


def test_who_has_no_right_to_attempts_sees_none(app: Application) -> None:
    code = refused_token(app)
    nobody = Client()
    nobody.force_login(make_user("", username="desk", is_staff=True))
    assert nobody.get(LIST).status_code == 403
    assert nobody.get(f"{LIST}{code}/").status_code == 403
    assert "Reference code" not in nobody.get("/admin/").content.decode()
    assert Client().get(f"{LIST}{code}/").status_code == 302


def listed(reader: Client, **chosen: str) -> list[str]:
    answer = reader.get(LIST, chosen)
    assert answer.status_code == 200
    return [row.story.code for row in answer.context["rows"]]


def test_the_attempts_under_way_last_are_listed_with_their_last_step(
    auditor: Client, app: Application, ada: User
) -> None:
    done, refused, old = new_attempt(), refused_token(app, ada), new_attempt()
    happened(done, ("request", "allowed", 20), ("token", "allowed", 19), client=app.client_id)
    happened(old, ("request", "allowed", 3 * 86_400), client="gone-client")
    assert listed(auditor) == [refused, done, old]
    assert listed(auditor, period="1") == [refused, done]
    assert listed(auditor, client="heart") == [refused, done]
    assert listed(auditor, client="gone-client") == [old]
    assert listed(auditor, refused="on") == [refused]
    text = text_of(auditor.get(LIST))
    assert f"{refused}" in text
    assert "token request ✕ refused The code had expired 40 s before." in text


def test_an_attempt_that_went_on_after_a_refusal_was_not_refused(auditor: Client) -> None:
    code = new_attempt()
    happened(code, ("sign-in", "refused", 9), ("sign-in", "allowed", 8))
    assert listed(auditor) == [code]
    assert listed(auditor, refused="on") == []


def test_attempts_are_listed_once_however_many_pages_there_are(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 3)
    monkeypatch.setattr(listing, "_LOOKED_AT", 8)
    codes = [new_attempt() for _ in range(8)]
    for place, code in enumerate(codes):
        # Each has its last step soon, and its first one beside those of others much earlier.
        happened(code, ("request", "allowed", 500 - place), ("token", "allowed", 1 + place), client="c")
    for chosen in ({}, {"client": "c"}):
        address, seen = LIST, []
        for _ in range(20):
            page = auditor.get(address, chosen if address == LIST else None)
            seen += [row.story.code for row in page.context["rows"]]
            if not page.context["older"]:
                break
            address = f"{LIST}{page.context['older']}"
        assert seen == codes


@pytest.mark.parametrize(
    "chosen", [{"period": "8"}, {"period": "x"}, {"client": "x" * 300}, {"before": "x"}, {"before": "9" * 30}]
)
def test_a_wish_that_makes_no_sense_is_answered_calmly(auditor: Client, chosen: dict[str, str]) -> None:
    assert auditor.get(LIST, chosen).status_code in (200, 400)


def test_what_came_from_outside_is_shown_as_text(auditor: Client) -> None:
    code = new_attempt()
    step("request", code, "refused", received="<img src=x onerror=alert(1)>", cause="<b>bold</b>")
    page = auditor.get(f"{LIST}{code}/").content.decode()
    assert "<img src=x" not in page
    assert "<b>bold" not in page


def test_an_attempt_with_thousands_of_calls_is_shown_in_part(auditor: Client, app: Application) -> None:
    code = new_attempt()
    happened(code, ("token", "allowed", 100), client=app.client_id)
    record(*(Told("read", "refused", 403, attempt=code) for _ in range(600)))
    page = auditor.get(f"{LIST}{code}/")
    assert len(page.context["calls"]) == 20
    assert "There is more under this code than is shown here" in text_of(page)

"""Where one is signed in: listed, and ended by their owner, with all that lives by a session."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions import in_words
from oauth.models import AccessToken, RefreshToken
from oauth.tokens.liveness import alive
from oauth.tokens.online_sessions import session_digest
from tests.accounts.codes import SECURITY, first_step
from tests.oauth.issuing import issue, make_key

SESSIONS = "/accounts/sessions/"


def browser(user: User, name: str = "Firefox") -> Client:
    """A browser in which that person has signed in."""
    client = Client(headers={"User-Agent": name})
    first_step(client, user)
    return client


def is_open(client: Client) -> bool:
    return client.get(SECURITY).status_code == 200


def number_of(client: Client) -> int:
    """The number of that browser's session in the list."""
    return int(UserSession.objects.get(session_key=client.session.session_key).pk)


def test_each_browser_is_listed_with_its_name_address_and_time(amy: User) -> None:
    browser(amy, "Phone <script>")
    here = browser(amy, "Desk")
    page = here.get(SESSIONS)
    text = page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert "Phone &lt;script&gt;" in text
    assert "127.0.0.1" in text
    assert text.count("This browser") == 1
    assert text.index("Desk") < text.index("Phone")


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on an iPhone",
        ),
        ("curl/8", "curl/8"),
        ("", "A browser that does not say its name"),
        ("x" * 5000, "x" * 80),
    ],
)
def test_browsers_are_named_as_people_call_them(user_agent: str, words: str) -> None:
    assert in_words(user_agent) == words


def test_one_session_is_ended_and_the_others_stay(amy: User) -> None:
    here, phone, tablet = (browser(amy, name) for name in ("Desk", "Phone", "Tablet"))
    answer = here.post(SESSIONS, {"session": number_of(phone)}, follow=True)
    assert "Phone" not in answer.content.decode()
    assert [is_open(each) for each in (here, phone, tablet)] == [True, False, True]


def test_all_others_are_ended_at_once(amy: User) -> None:
    here, phone, tablet = (browser(amy, name) for name in ("Desk", "Phone", "Tablet"))
    here.post(SESSIONS)
    assert [is_open(each) for each in (here, phone, tablet)] == [True, False, False]


def test_nobody_ends_or_sees_a_session_of_somebody_else(amy: User, chief: User) -> None:
    hers, theirs = browser(amy, "Hers"), browser(chief, "Theirs")
    theirs.post(SESSIONS, {"session": number_of(hers)})
    theirs.post(SESSIONS)
    assert is_open(hers)
    assert "Hers" not in theirs.get(SESSIONS).content.decode()


@pytest.mark.parametrize("session", ["0", "-1", "x", "99999999999999999999", "1 OR 1=1", "1.5"])
def test_a_number_that_is_none_ends_nothing(amy: User, session: str) -> None:
    here, phone = browser(amy), browser(amy)
    assert here.post(SESSIONS, {"session": session}).status_code == 200
    assert is_open(phone)


def test_no_other_site_ends_a_session(amy: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser(amy).cookies
    assert strict.post(SESSIONS).status_code == 403


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
    "#scopes-for-requesting-a-refresh-token (online_access)"
)
def test_ending_a_session_ends_the_online_tokens_that_live_by_it(amy: User) -> None:
    here, phone = browser(amy), browser(amy)
    key = make_key()
    tokens: list[Any] = []
    for each in (here, phone):
        row = issue(key, amy, scope="patient/*.rs", patient="amy").row
        row.session_digest = session_digest(each.session.session_key or "")
        row.session_expires = timezone.now() + timedelta(hours=1)
        row.save()
        tokens.append(row)
    here.post(SESSIONS, {"session": number_of(phone)})
    living = alive(AccessToken.objects.all()).values_list("pk", flat=True)
    assert list(living) == [tokens[0].pk]
    assert not RefreshToken.objects.exists()


def test_what_is_kept_of_a_session_goes_with_it(amy: User) -> None:
    here = browser(amy)
    here.post("/accounts/logout/")
    assert not UserSession.objects.exists()
    browser(amy)
    Session.objects.update(expire_date=timezone.now())
    call_command("clearsessions")
    assert not UserSession.objects.exists()


def test_a_new_password_ends_the_other_sessions_and_the_list_shows_it(amy: User) -> None:
    here, phone = browser(amy, "Desk"), browser(amy, "Phone")
    new = "staple battery horse correct"
    form = {"oldpassword": "correct horse battery", "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert not is_open(phone)
    page = here.get(SESSIONS).content.decode()
    assert "Desk" in page
    assert "Phone" not in page


def test_what_staff_reset_ends_sessions_that_nobody_has_listed(amy: User) -> None:
    client = Client()
    client.force_login(amy)
    assert is_open(client)
    User.objects.filter(pk=amy.pk).update(credentials_reset_at=timezone.now())
    assert not is_open(client)

"""Attacks on the sign-in page: guessing passwords, finding out names, planting sessions, leading away."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client as Browser

from accounts.models import User
from tests.oauth.flow import make_user

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"
GUESSES = 5
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "javascript:alert(1)",
    "http://testserver.evil.example/",
    "http://testserver@evil.example/",
    "\t//evil.example/",
]


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def lisa() -> User:
    return make_user("Patient/p1", username="lisa")


def guess(username: str, password: str = "not the password", **extra: Any) -> Any:
    """A try from an address of its own, so that only the account's own limit can stop it."""
    address = f"203.0.113.{guess.tries % 250}"  # type: ignore[attr-defined]
    guess.tries += 1  # type: ignore[attr-defined]
    browser = Browser(REMOTE_ADDR=address)
    return browser.post(LOGIN, {"login": username, "password": password}, **extra)


guess.tries = 0  # type: ignore[attr-defined]


def waits(answer: Any) -> bool:
    """Whether the page asks to wait instead of looking at the password."""
    return answer.status_code == 200 and "Please wait five minutes" in answer.content.decode()


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.3.6 (guessing passwords)")
def test_guessing_one_persons_password_from_many_addresses_is_stopped(lisa: User) -> None:
    for _ in range(GUESSES):
        assert not waits(guess("lisa"))
    assert waits(guess("lisa", PASSWORD))


@pytest.mark.parametrize("host", ["testserver:{}", "testserver.:{}", "TESTSERVER:{}"])
def test_another_host_header_for_each_guess_brings_no_more_guesses(lisa: User, host: str) -> None:
    for number in range(GUESSES):
        guess("lisa", headers={"Host": host.format(8000 + number)})
    assert waits(guess("lisa", PASSWORD, headers={"Host": host.format(9000)}))
    assert waits(guess("lisa", PASSWORD))


@pytest.mark.parametrize("spelling", ["LISA", "Lisa", " lisa "])
def test_another_spelling_of_the_name_brings_no_more_guesses(lisa: User, spelling: str) -> None:
    for _ in range(GUESSES):
        guess("lisa")
    assert waits(guess(spelling, PASSWORD))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip"])
def test_a_made_up_forwarding_header_does_not_hide_where_guesses_come_from(lisa: User, header: str) -> None:
    browser = Browser(REMOTE_ADDR="203.0.113.251")
    for number in range(30):
        form = {"login": f"guess{number}", "password": "not the password"}
        browser.post(LOGIN, form, headers={header: f"198.51.100.{number}"})
    answer = browser.post(LOGIN, {"login": "lisa", "password": PASSWORD}, headers={header: "198.51.100.99"})
    assert answer.status_code == 429


def test_a_lock_out_tells_nothing_about_who_has_an_account(lisa: User) -> None:
    said = []
    for name in ("lisa", "nobody"):
        answers = [guess(name) for _ in range(GUESSES + 1)]
        said.append([answer.content.decode().count("five minutes") for answer in answers])
    assert said == [[0] * GUESSES + [1]] * 2


def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    lisa: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    make_user("Patient/p2", username="asleep", is_active=False)
    for name in ("lisa", "nobody", "asleep", "x" * 150):
        hashed.clear()
        guess(name)
        assert hashed == ["not the password"]


def test_an_inactive_account_answers_a_wrong_password_as_an_unknown_name(lisa: User) -> None:
    make_user("Patient/p2", username="asleep", is_active=False)
    errors = [guess(name).context["form"].errors for name in ("asleep", "nobody")]
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "name", ["lisa' OR '1'='1", "lis%", "lis_", "*", "lisa\u200b", "\uff4cisa", "l\u0131sa", "li\u017fa"]
)
def test_no_pattern_or_look_alike_is_taken_for_a_name(lisa: User, name: str) -> None:
    browser = Browser()
    assert browser.post(LOGIN, {"login": name, "password": PASSWORD}).status_code == 200
    assert "_auth_user_id" not in browser.session


@pytest.mark.requirement(
    "https://www.rfc-editor.org/rfc/rfc9700#section-4.11.2 (the server as open redirector)"
)
@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("path", ["/accounts/reauthenticate/", "/accounts/logout/", "/admin/login/"])
def test_no_page_of_an_account_leads_to_another_site(lisa: User, path: str, target: str) -> None:
    lisa.is_staff = True
    lisa.save()
    browser = Browser()
    browser.force_login(lisa)
    for answer in (
        browser.get(path, {"next": target}),
        browser.post(f"{path}?next=/launch/", {"next": target, "password": PASSWORD}),
        browser.post(path, {"next": target, "password": PASSWORD}),
    ):
        location = answer.get("Location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert "evil" not in location.partition("?")[0]


def test_a_session_of_somebody_else_is_not_kept_when_another_person_signs_in(lisa: User) -> None:
    attacker = make_user("Patient/p2", username="mallory")
    browser = Browser()
    browser.post(LOGIN, {"login": "mallory", "password": PASSWORD})
    session = browser.session
    session["planted"] = "yes"
    session.save()
    planted = session.session_key
    browser.post("/accounts/logout/")
    browser.post(LOGIN, {"login": "lisa", "password": PASSWORD})
    assert browser.session.get("_auth_user_id") == str(lisa.pk) != str(attacker.pk)
    assert "planted" not in browser.session
    assert browser.session.session_key != planted


def test_guessing_by_confirming_the_password_of_an_open_session_is_stopped(lisa: User) -> None:
    browser = Browser()
    browser.force_login(lisa)
    page = "/accounts/reauthenticate/"
    statuses = [browser.post(page, {"password": f"guess {number}"}).status_code for number in range(12)]
    answer = browser.post(page, {"password": PASSWORD})
    assert answer.status_code == 429 or waits(answer)
    assert 302 not in statuses


def test_guessing_by_the_form_that_changes_the_password_is_stopped(lisa: User) -> None:
    browser = Browser()
    browser.force_login(lisa)
    page, new = "/accounts/password/change/", "quite another horse"
    for number in range(8):
        browser.post(page, {"oldpassword": f"guess {number}", "password1": new, "password2": new})
    answer = browser.post(page, {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.status_code == 429
    lisa.refresh_from_db()
    assert lisa.check_password(PASSWORD)

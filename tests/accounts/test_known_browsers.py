"""Lock-outs that do not lock out the person whose password somebody else guesses, or their neighbours."""

from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.accounts.codes import LOGIN, STEP, first_step, is_signed_in, with_app
from tests.accounts.conftest import Clock

COOKIE = settings.KNOWN_BROWSER_COOKIE_NAME
GUESSES = 5


def known_browser(user: User, address: str = "198.51.100.1") -> Client:
    """A browser in which that person has signed in, and out again."""
    client = Client(REMOTE_ADDR=address)
    first_step(client, user)
    client.post("/accounts/logout/")
    return client


def guess(user: User, times: int = GUESSES + 1, address: str = "203.0.113.{}") -> None:
    """Wrong passwords from addresses all over."""
    for number in range(times):
        stranger = Client(REMOTE_ADDR=address.format(number))
        stranger.post(LOGIN, {"login": user.username, "password": "not the password"})


def waits(answer: Any) -> bool:
    return "Please wait five minutes" in answer.content.decode()


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.3.6 (guessing passwords)")
def test_whoever_guesses_elsewhere_does_not_lock_the_person_out_of_their_own_browser(amy: User) -> None:
    hers = known_browser(amy)
    guess(amy)
    assert waits(first_step(Client(), amy))
    first_step(hers, amy)
    assert is_signed_in(hers)


def test_whoever_guesses_at_the_same_address_does_not_lock_known_browsers_out(amy: User) -> None:
    address = "198.51.100.1"
    hers = known_browser(amy, address)
    for number in range(12):
        neighbour = Client(REMOTE_ADDR=address)
        neighbour.post(LOGIN, {"login": f"somebody{number}", "password": "not the password"})
    assert waits(first_step(Client(REMOTE_ADDR=address), amy))
    first_step(hers, amy)
    assert is_signed_in(hers)


def test_a_known_browser_has_five_guesses_too(amy: User) -> None:
    hers = known_browser(amy)
    for _ in range(GUESSES):
        assert not waits(hers.post(LOGIN, {"login": "amy", "password": "not the password"}))
    assert waits(first_step(hers, amy))
    assert not is_signed_in(hers)


def test_guesses_in_a_known_browser_lock_nobody_out_elsewhere(amy: User) -> None:
    thief = known_browser(amy)
    for _ in range(GUESSES + 1):
        thief.post(LOGIN, {"login": "amy", "password": "not the password"})
    first_step(elsewhere := Client(), amy)
    assert is_signed_in(elsewhere)


def test_a_browser_is_known_for_those_who_signed_in_there_and_nobody_else(amy: User, chief: User) -> None:
    his = known_browser(chief)
    guess(amy)
    assert waits(first_step(his, amy))


def test_a_shared_workstation_is_known_for_everybody_who_signed_in_there(amy: User, chief: User) -> None:
    shared = known_browser(amy)
    first_step(shared, chief)
    shared.post("/accounts/logout/")
    for person in (amy, chief):
        cache.clear()
        guess(person)
        first_step(shared, person)
        assert is_signed_in(shared)
        shared.post("/accounts/logout/")


@pytest.mark.parametrize("made_up", ["", "x", "e30", "eyJicm93c2VyIjoieCIsInBlb3BsZSI6W119:x:y", "x" * 3000])
def test_a_made_up_cookie_makes_no_browser_a_known_one(amy: User, made_up: str) -> None:
    guess(amy)
    client = Client()
    client.cookies[COOKIE] = made_up
    assert waits(first_step(client, amy))


def test_a_changed_cookie_counts_for_nothing(amy: User) -> None:
    hers = known_browser(amy)
    guess(amy)
    value = hers.cookies[COOKIE].value
    hers.cookies[COOKIE] = ("A" if value[0] != "A" else "B") + value[1:]
    assert waits(first_step(hers, amy))


def test_the_cookie_names_nobody_and_no_script_reads_it(amy: User) -> None:
    cookie = known_browser(amy).cookies[COOKIE]
    assert "amy" not in cookie.value
    assert str(amy.uid) not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_the_password_alone_makes_no_browser_known_where_there_is_a_second_factor(
    client: Client, amy: User, clock: Clock
) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    assert COOKIE not in client.cookies
    client.post(STEP, {"code": clock.code(secret)})
    assert COOKIE in client.cookies

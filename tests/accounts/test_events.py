"""What happens to accounts stands in the audit trail: who, what, from where, and never what was typed."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import DatabaseError
from django.test import Client

from accounts import events
from accounts.models import Proxy, User
from accounts.second_factor import reset_second_factor
from audit.models import Event
from tests.accounts.codes import LOGIN, PASSWORD, SECURITY, STEP, first_step, with_app
from tests.accounts.conftest import Clock

AUDIT = "The audit trail has every sign-in, and every change of what opens an account"
pytestmark = [pytest.mark.django_db, pytest.mark.requirement(AUDIT)]
NEW = "staple battery horse correct"


def told(kind: str) -> list[Event]:
    return list(Event.objects.filter(kind=kind).order_by("id"))


def detail(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.detail)
    return found


def test_a_sign_in_and_a_sign_out_are_told(client: Client, amy: User) -> None:
    client.get(LOGIN)
    session = client.session
    session["attempt"] = "ABCD2345"
    session.save()
    first_step(client, amy)
    client.post("/accounts/logout/")
    [came], [went] = told("sign-in"), told("sign-out")
    for event in (came, went):
        assert (event.person, event.outcome, event.address) == (str(amy.uid), "allowed", "127.0.0.1")
    assert came.attempt == "ABCD2345"
    assert detail(came) == {"proofs": ["password"]}


def test_a_second_factor_stands_beside_the_password(client: Client, amy: User, clock: Clock) -> None:
    secret = with_app(amy)
    first_step(client, amy)
    assert told("sign-in") == []
    client.post(STEP, {"code": "000000"})
    client.post(STEP, {"code": clock.code(secret)})
    refused, allowed = told("sign-in")
    assert (refused.outcome, refused.person) == ("refused", str(amy.uid))
    assert detail(refused)["rule"] == "second factor"
    assert detail(allowed) == {"proofs": ["password", "totp"]}


@pytest.mark.parametrize("code", ["", "x" * 100])
def test_a_second_factor_that_is_none_is_told_without_what_was_typed(
    client: Client, amy: User, clock: Clock, code: str
) -> None:
    with_app(amy)
    first_step(client, amy)
    client.post(STEP, {"code": code})
    client.post(STEP, {"credential": '{"id": "secret-answer"}'})
    assert {event.outcome for event in told("sign-in")} == {"refused"}
    assert len(told("sign-in")) == 2
    assert not Event.objects.filter(detail__contains="secret-answer").exists()


def test_guesses_of_the_second_factor_are_told_when_they_are_too_many(
    client: Client, amy: User, clock: Clock
) -> None:
    with_app(amy)
    first_step(client, amy)
    for _ in range(6):
        client.post(STEP, {"code": "000000"})
    assert [detail(event)["rule"] for event in told("sign-in")] == ["second factor"] * 5 + ["failed tries"]


def test_a_passkey_alone_that_proves_nothing_names_nobody(client: Client) -> None:
    client.post("/accounts/security/passkeys/login/", {"credential": "{"})
    [refused] = told("sign-in")
    assert (refused.outcome, refused.person) == ("refused", "")
    assert detail(refused)["rule"] == "second factor"


def test_a_wrong_password_names_the_account_and_not_what_was_typed(client: Client, amy: User) -> None:
    client.post(LOGIN, {"login": "AMY", "password": "hunter2hunter2"})
    [refused] = told("sign-in")
    assert (refused.outcome, refused.person) == ("refused", str(amy.uid))
    assert detail(refused)["rule"] == "password"
    assert "hunter2" not in refused.detail


def test_a_user_name_that_nobody_has_is_not_written_down(client: Client, amy: User) -> None:
    client.post(LOGIN, {"login": "correct horse battery", "password": "amy"})
    [refused] = told("sign-in")
    assert (refused.person, refused.what) == ("", "")
    assert detail(refused) == {
        "rule": "account",
        "cause": "There is no account of the user name that was given.",
    }


@pytest.mark.parametrize("known", [True, False])
def test_tries_that_are_too_many_are_told_as_not_looked_at(amy: User, known: bool) -> None:
    client = Client()
    if known:
        first_step(client, amy)
        client.post("/accounts/logout/")
    for _ in range(6):
        client.post(LOGIN, {"login": "amy", "password": "wrong"})
    refused = Event.objects.filter(kind="sign-in", outcome="refused").order_by("id")
    assert [detail(event)["rule"] for event in refused] == ["password"] * 5 + ["failed tries"]
    assert {event.person for event in refused} == {str(amy.uid)}


@pytest.mark.parametrize(
    ("page", "limit", "kind"),
    [
        (LOGIN, "login", "sign-in"),
        ("/accounts/reauthenticate/", "reauthenticate", "sign-in"),
        ("/accounts/password/change/", "change_password", "password"),
    ],
)
def test_tries_that_come_too_fast_are_told(
    client: Client, amy: User, settings: Any, page: str, limit: str, kind: str
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, limit: "1/m/ip"}
    if page != LOGIN:
        client.force_login(amy)
    for _ in range(2):
        answer = client.post(page, {"login": "x", "password": "y"})
    assert answer.status_code == 429
    last = told(kind)[-1]
    assert (last.status, last.outcome, last.person) == (429, "refused", "" if page == LOGIN else str(amy.uid))


def test_an_account_that_is_switched_off_is_refused_under_its_name(client: Client, amy: User) -> None:
    User.objects.filter(pk=amy.pk).update(is_active=False)
    first_step(client, amy)
    [refused] = told("sign-in")
    assert (refused.outcome, refused.person) == ("refused", str(amy.uid))
    assert detail(refused)["rule"] == "active"


def test_a_proof_given_again_is_told_allowed_or_refused(client: Client, amy: User) -> None:
    first_step(client, amy)
    for password in ("wrong", PASSWORD):
        client.post("/accounts/reauthenticate/", {"password": password})
    _, refused, allowed = told("sign-in")
    assert (refused.outcome, detail(refused)["step"]) == ("refused", "again")
    assert (allowed.outcome, detail(allowed)) == ("allowed", {"step": "again", "proofs": ["password"]})


def test_a_second_factor_given_again_is_told_allowed_or_refused(
    client: Client, amy: User, clock: Clock
) -> None:
    secret = with_app(amy)
    client.force_login(amy)
    for code in ("000000", clock.code(secret)):
        client.post(f"{SECURITY}reauthenticate/", {"code": code})
    refused, allowed = told("sign-in")
    assert (refused.outcome, refused.person, detail(refused)["step"]) == ("refused", str(amy.uid), "again")
    assert (allowed.outcome, detail(allowed)) == ("allowed", {"step": "again", "proofs": ["totp"]})


def test_a_new_password_of_ones_own_is_told_and_a_wrong_old_one_too(client: Client, amy: User) -> None:
    first_step(client, amy)
    for old in ("wrong", PASSWORD):
        form = {"oldpassword": old, "password1": NEW, "password2": NEW}
        client.post("/accounts/password/change/", form)
    refused, allowed = told("password")
    assert (refused.outcome, refused.person) == ("refused", str(amy.uid))
    assert (allowed.outcome, allowed.person) == ("allowed", str(amy.uid))
    assert detail(allowed) == {"change": "changed by its owner"}
    assert NEW not in refused.detail + allowed.detail


def test_a_password_that_cannot_be_told_is_not_changed(
    client: Client, amy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_step(client, amy)

    def fails(*args: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(events, "record", fails)
    client.raise_request_exception = False
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post("/accounts/password/change/", form).status_code == 500
    assert User.objects.get(pk=amy.pk).check_password(PASSWORD)


def test_a_password_that_staff_set_names_both(client: Client, amy: User, chief: User) -> None:
    first_step(client, chief)
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    assert client.post(f"/admin/accounts/user/{amy.pk}/password/", form).status_code == 302
    [event] = told("password")
    assert (event.person, event.what) == (str(chief.uid), f"accounts.user/{amy.pk}")
    assert detail(event) == {"change": "set by staff", "account": str(amy.uid)}


@pytest.mark.django_db(transaction=True)
def test_factors_added_and_removed_are_told(client: Client, amy: User, clock: Clock) -> None:
    first_step(client, amy)
    page = client.get(f"{SECURITY}app/add/")
    secret = page.context["form"].secret
    assert client.post(f"{SECURITY}app/add/", {"code": clock.code(secret)}).status_code == 302
    client.post(f"{SECURITY}codes/new/")
    client.post(f"{SECURITY}app/remove/")
    assert not Authenticator.objects.exists()
    changes = [(detail(event)["change"], detail(event)["factor"]) for event in told("factor")]
    assert changes == [
        ("added", "authenticator app"),
        ("added", "recovery codes"),
        ("removed", "recovery codes"),
        ("added", "recovery codes"),
        ("removed", "authenticator app"),
        ("removed", "recovery codes"),
    ]
    assert {event.person for event in told("factor")} == {str(amy.uid)}
    assert not Event.objects.filter(detail__contains=secret).exists()


def test_a_factor_that_cannot_be_told_is_not_added(
    client: Client, amy: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_step(client, amy)
    secret = client.get(f"{SECURITY}app/add/").context["form"].secret

    def fails(*args: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(events, "record", fails)
    client.raise_request_exception = False
    assert client.post(f"{SECURITY}app/add/", {"code": clock.code(secret)}).status_code == 500
    assert not Authenticator.objects.exists()


def test_a_reset_by_staff_is_told_with_what_it_ends(amy: User) -> None:
    with_app(amy)
    reset_second_factor(amy)
    event = told("factor")[-1]
    assert detail(event) == {"change": "reset", "ends": "every session and every token"}
    assert {detail(each)["change"] for each in told("factor")} == {"added", "removed", "reset"}


def test_a_session_that_its_owner_ended_is_told(amy: User) -> None:
    here, phone = Client(), Client(headers={"User-Agent": "Phone"})
    first_step(here, amy)
    first_step(phone, amy)
    here.post("/accounts/sessions/")
    [event] = told("session")
    assert (event.person, event.outcome) == (str(amy.uid), "allowed")
    assert detail(event) == {"change": "ended", "browser": "Phone", "signed_in_from": "127.0.0.1"}


def test_proxies_are_told_under_the_patient(amy: User) -> None:
    proxy = Proxy.objects.create(user=amy, patient="child")
    proxy.active = False
    proxy.save()
    proxy.delete()
    found = told("proxy")
    assert [(event.patient, detail(event)["change"]) for event in found] == [
        ("child", "granted"),
        ("child", "changed"),
        ("child", "taken away"),
    ]
    assert [detail(event)["active"] for event in found] == ["yes", "no", "no"]


def test_the_end_of_an_account_with_factors_and_proxies_is_told(amy: User) -> None:
    with_app(amy)
    Proxy.objects.create(user=amy, patient="child")
    amy.delete()
    assert detail(told("proxy")[-1])["change"] == "taken away"
    assert detail(told("factor")[-1])["change"] == "removed"

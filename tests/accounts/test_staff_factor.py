"""The console behind a second factor, and what staff do for people who have lost theirs."""

import subprocess
import sys
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from oauth.models import AccessToken
from oauth.tokens.liveness import alive
from smartcdr.groups import ADMINISTRATOR
from tests.accounts.codes import SECURITY, STEP, first_step, with_app
from tests.accounts.conftest import Clock
from tests.accounts.test_factors import signed_in_long_ago, signed_in_with_app
from tests.demo_site import ROOT
from tests.oauth.issuing import issue, make_key

PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def required(settings: Settings) -> None:
    """As in production."""
    settings.STAFF_SECOND_FACTOR = True


@pytest.fixture
def administrator(db: None) -> User:
    """Staff in the administrators' group, not a superuser."""
    user = User.objects.create_user("adam", password="correct horse battery", is_staff=True)
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    return user


def reset(client: Client, *people: User, **more: str) -> Any:
    form = {"action": "reset_second_factor", "_selected_action": [each.pk for each in people], **more}
    return client.post(PEOPLE, form)


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("path", ["/admin/", PEOPLE, "/admin/login/", "/admin/login/?next=/admin/"])
def test_staff_without_a_second_factor_are_led_to_set_one_up(client: Client, chief: User, path: str) -> None:
    first_step(client, chief)
    answer = client.get(path, follow=True)
    assert answer.redirect_chain[-1][0].startswith(f"{SECURITY}?next=")
    assert "asks for a second factor" in answer.content.decode()
    assert client.post(PEOPLE, {"action": "delete_selected"}).status_code == 302


@pytest.mark.usefixtures("required")
@pytest.mark.django_db(transaction=True)
def test_the_console_opens_as_soon_as_the_factor_is_set_up(client: Client, chief: User, clock: Clock) -> None:
    first_step(client, chief)
    add = f"{SECURITY}app/add/"
    secret = client.get(add).context["form"].secret
    client.post(add, {"code": clock.code(secret)})
    assert client.get(PEOPLE).status_code == 200


@pytest.mark.usefixtures("required")
def test_the_console_opens_after_a_sign_in_with_both(client: Client, chief: User, clock: Clock) -> None:
    secret = with_app(chief)
    first_step(client, chief, next=PEOPLE)
    assert client.get(PEOPLE).status_code == 302
    assert client.post(STEP, {"code": clock.code(secret)})["Location"] == PEOPLE
    assert client.get(PEOPLE).status_code == 200


@pytest.mark.usefixtures("required")
def test_a_session_from_before_the_factor_must_show_it_first(
    client: Client, chief: User, clock: Clock
) -> None:
    first_step(client, chief)
    secret = with_app(chief)
    answer = client.get("/admin/", follow=True)
    [page] = {path.partition("?")[0] for path, _ in answer.redirect_chain[-1:]}
    assert page == f"{SECURITY}reauthenticate/"
    form = {"code": clock.code(secret), "next": "/admin/"}
    assert client.post(page, form)["Location"] == "/admin/"
    assert client.get(PEOPLE).status_code == 200


@pytest.mark.usefixtures("required")
def test_the_password_once_more_is_no_second_factor(client: Client, chief: User, clock: Clock) -> None:
    first_step(client, chief)
    with_app(chief)
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert client.get(PEOPLE).status_code == 302


@pytest.mark.usefixtures("required")
def test_recovery_codes_alone_are_no_second_factor(client: Client, chief: User, clock: Clock) -> None:
    with_app(chief)
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()
    first_step(client, chief)
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith(f"{SECURITY}?next=")


@pytest.mark.usefixtures("required")
def test_people_who_are_no_staff_need_none(client: Client, amy: User) -> None:
    first_step(client, amy)
    assert client.get("/launch/").status_code == 200
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/launch/"


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("kind", [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN])
def test_the_last_factor_of_staff_stays_until_there_is_another_one(
    client: Client, chief: User, clock: Clock, kind: str
) -> None:
    app, passkey = f"{SECURITY}app/remove/", f"{SECURITY}passkeys/%s/remove/"
    signed_in_with_app(client, chief, clock)
    key = Authenticator.objects.create(user=chief, type="webauthn", data={"name": "Key", "credential": {}})
    addresses = {Authenticator.Type.TOTP: app, Authenticator.Type.WEBAUTHN: passkey % key.pk}
    other = next(address for each, address in addresses.items() if each != kind)
    assert client.post(other).status_code == 302
    refused = client.post(addresses[kind])
    assert "Add another one before you remove this one" in refused.content.decode()
    assert set(Authenticator.objects.values_list("type", flat=True)) == {kind, "recovery_codes"}
    User.objects.update(is_staff=False, is_superuser=False)
    assert client.post(addresses[kind]).status_code == 302
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(("development", "wanted"), [("0", "True"), ("1", "False")])
def test_production_asks_it_of_staff_and_a_demonstration_does_not(development: str, wanted: str) -> None:
    environment = {
        "DEVELOPMENT": development,
        "SITE_URL": "https://cdr.example.org",
        "SECRET_KEY": "x",
        "KEY_ENCRYPTION_KEYS": "x",
        "DATABASE_URL": "sqlite://:memory:",
    }
    ask = "from smartcdr import settings; print(settings.STAFF_SECOND_FACTOR)"
    done = subprocess.run(
        [sys.executable, "-c", ask], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == wanted


def test_without_the_setting_the_password_opens_the_console(client: Client, chief: User) -> None:
    first_step(client, chief)
    assert client.get(PEOPLE).status_code == 200


def test_a_reset_is_asked_back_first(client: Client, chief: User, amy: User, clock: Clock) -> None:
    with_app(amy)
    client.force_login(chief)
    page = reset(client, amy).content.decode()
    assert "the password alone opens" in page
    assert "Amy Shaw" in page
    assert Authenticator.objects.filter(user=amy).exists()


def test_a_reset_removes_the_factors_and_ends_tokens_and_sessions(
    client: Client, administrator: User, amy: User, clock: Clock
) -> None:
    secret = with_app(amy)
    hers = Client()
    first_step(hers, amy)
    hers.post(STEP, {"code": clock.code(secret)})
    assert hers.get(SECURITY).status_code == 200
    token = issue(make_key(), amy, scope="patient/*.rs", patient="amy").row
    client.force_login(administrator)
    answer = client.post(
        PEOPLE,
        {"action": "reset_second_factor", "_selected_action": [amy.pk], "confirmed": "1"},
        follow=True,
    )
    assert "has no second factor now" in answer.content.decode()
    assert not Authenticator.objects.filter(user=amy).exists()
    assert hers.get(SECURITY).status_code == 302
    assert not alive(AccessToken.objects.filter(pk=token.pk)).exists()
    assert LogEntry.objects.filter(object_id=str(amy.pk), user=administrator).exists()
    assert first_step(Client(), amy)["Location"] == "/launch/"


def test_a_reset_touches_nobody_else(client: Client, chief: User, amy: User, clock: Clock) -> None:
    other = User.objects.create_user("other", password="correct horse battery")
    with_app(amy)
    with_app(other)
    first_step(theirs := Client(), other)
    client.force_login(chief)
    reset(client, amy, confirmed="1")
    assert Authenticator.objects.filter(user=other).count() == 2
    other.refresh_from_db()
    assert other.credentials_reset_at is None
    assert theirs.get(STEP).status_code == 200


def test_nobody_resets_themselves_or_a_superuser_above_them(
    client: Client, administrator: User, chief: User, clock: Clock
) -> None:
    with_app(administrator)
    with_app(chief)
    client.force_login(administrator)
    answer = reset(client, administrator, chief, confirmed="1")
    assert answer.status_code == 302
    assert Authenticator.objects.count() == 4


def test_staff_who_only_look_reset_nobody(client: Client, amy: User, clock: Clock) -> None:
    with_app(amy)
    auditor = User.objects.create_user("audra", is_staff=True)
    auditor.groups.add(Group.objects.get(name="Auditor"))
    client.force_login(auditor)
    reset(client, amy, confirmed="1")
    assert Authenticator.objects.count() == 2


def test_a_reset_asks_for_a_recent_proof_and_is_taken_up_afterwards(
    client: Client, chief: User, amy: User, clock: Clock
) -> None:
    with_app(amy)
    signed_in_long_ago(client, chief)
    answer = reset(client, amy, confirmed="1")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.filter(user=amy).exists()
    form = {"password": "correct horse battery", "next": PEOPLE}
    client.post("/accounts/reauthenticate/", form)
    assert not Authenticator.objects.filter(user=amy).exists()


@pytest.mark.requirement("RFC 6819 5.1.4.2 (a session that was left open changes nobody's credentials)")
def test_staff_set_a_password_only_after_a_recent_proof_and_the_form_is_not_kept(
    client: Client, chief: User, amy: User
) -> None:
    page, before = f"{PEOPLE}{amy.pk}/password/", amy.password
    signed_in_long_ago(client, chief)
    form = {
        "password1": "staple battery horse",
        "password2": "staple battery horse",
        "usable_password": "true",
    }
    assert client.post(page, form)["Location"] == page
    assert client.get(page)["Location"].startswith("/accounts/reauthenticate/?next=")
    assert "staple" not in str(dict(client.session))
    assert User.objects.get(pk=amy.pk).password == before
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert client.post(page, form).status_code == 302
    assert User.objects.get(pk=amy.pk).check_password("staple battery horse")


@pytest.mark.parametrize("path", ["mfa/authenticator/", "usersessions/usersession/"])
def test_the_console_shows_neither_secrets_nor_sessions(client: Client, chief: User, path: str) -> None:
    client.force_login(chief)
    assert client.get(f"/admin/{path}").status_code == 404

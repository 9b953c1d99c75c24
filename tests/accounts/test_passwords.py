"""Changing passwords: one's own, and by staff."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.accounts.codes import PASSWORD

NEW = "staple battery horse correct"
CHANGE = "/accounts/password/change/"


def test_ones_own_change_keeps_this_session_and_ends_the_others(client: Client, amy: User) -> None:
    other = Client()
    for browser in (client, other):
        browser.force_login(amy)
    response = client.post(CHANGE, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert response.status_code == 302
    assert client.get(CHANGE).status_code == 200
    assert other.get(CHANGE).status_code == 302
    amy.refresh_from_db()
    assert amy.check_password(NEW)
    assert amy.credentials_reset_at is None


def test_ones_own_change_wants_the_old_password_and_a_good_new_one(client: Client, amy: User) -> None:
    client.force_login(amy)
    for old, new in (("not the password", NEW), (PASSWORD, "short"), (PASSWORD, "password1234")):
        response = client.post(CHANGE, {"oldpassword": old, "password1": new, "password2": new})
        assert response.status_code == 200
        assert response.context["form"].errors
    amy.refresh_from_db()
    assert amy.check_password(PASSWORD)


def test_people_without_a_password_here_have_none_to_change(client: Client, amy: User) -> None:
    amy.set_unusable_password()
    amy.save()
    client.force_login(amy)
    assert client.get(CHANGE).status_code == 403


def test_the_password_is_asked_again_before_weighty_things(client: Client, amy: User) -> None:
    client.force_login(amy)
    wrong = client.post("/accounts/reauthenticate/", {"password": "not the password", "next": "/launch/?x=1"})
    assert wrong.status_code == 200
    right = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/launch/?x=1"})
    assert right["Location"] == "/launch/?x=1"
    elsewhere = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "//evil.example/"})
    assert elsewhere["Location"] == "/launch/"


def test_a_password_set_by_staff_is_stamped_and_ends_the_persons_sessions(
    client: Client, chief: User, amy: User
) -> None:
    hers = Client()
    hers.force_login(amy)
    client.force_login(chief)
    before = timezone.now()
    address = f"/admin/accounts/user/{amy.pk}/password/"
    fields = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"}
    assert client.post(address, fields).status_code == 302
    amy.refresh_from_db()
    assert amy.check_password(NEW)
    assert amy.credentials_reset_at is not None
    assert amy.credentials_reset_at >= before
    assert hers.get(CHANGE).status_code == 302


WEAK = ["short", "password1234", "123456789012"]


@pytest.mark.parametrize("weak", WEAK)
def test_a_password_that_staff_set_is_held_to_the_same_rules(
    client: Client, chief: User, amy: User, weak: str
) -> None:
    client.force_login(chief)
    fields = {"usable_password": "true", "password1": weak, "password2": weak, "set-password": "1"}
    answer = client.post(f"/admin/accounts/user/{amy.pk}/password/", fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    amy.refresh_from_db()
    assert amy.check_password(PASSWORD)
    assert amy.credentials_reset_at is None
    new = {"username": "bob", "password1": weak, "password2": weak}
    assert client.post("/admin/accounts/user/add/", new).context["adminform"].form.errors
    assert not User.objects.filter(username="bob").exists()


def test_a_password_that_resembles_the_name_is_refused_whoever_sets_it(
    client: Client, chief: User, amy: User
) -> None:
    User.objects.filter(pk=amy.pk).update(last_name="Shawlingborough")
    like = "shawlingborough1"
    client.force_login(chief)
    fields = {"usable_password": "true", "password1": like, "password2": like, "set-password": "1"}
    assert client.post(f"/admin/accounts/user/{amy.pk}/password/", fields).context["form"].errors
    client.force_login(amy)
    own = {"oldpassword": PASSWORD, "password1": like, "password2": like}
    assert client.post(CHANGE, own).context["form"].errors
    amy.refresh_from_db()
    assert amy.check_password(PASSWORD)


def test_taking_the_password_away_is_stamped_too(client: Client, chief: User, amy: User) -> None:
    client.force_login(chief)
    address = f"/admin/accounts/user/{amy.pk}/password/"
    assert client.post(address, {"usable_password": "false", "unset-password": "1"}).status_code == 302
    amy.refresh_from_db()
    assert not amy.has_usable_password()
    assert amy.credentials_reset_at is not None


def test_a_new_person_can_sign_in_with_the_password_that_staff_chose(client: Client, chief: User) -> None:
    client.force_login(chief)
    fields = {"username": "bob", "fhir_user": "Practitioner/bob", "password1": NEW, "password2": NEW}
    assert client.post("/admin/accounts/user/add/", fields).status_code == 302
    bob = User.objects.get(username="bob")
    assert bob.check_password(NEW)
    assert bob.fhir_user == "Practitioner/bob"
    assert not bob.is_staff


def test_a_password_set_by_the_operator_ends_the_tokens_given_before(
    amy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)
    before = timezone.now()
    call_command("changepassword", amy.username, stdout=StringIO())
    amy.refresh_from_db()
    assert amy.check_password(NEW)
    assert amy.credentials_reset_at is not None
    assert amy.credentials_reset_at >= before


def test_a_password_that_the_operator_fails_to_set_ends_nothing(
    amy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "short")
    with pytest.raises(CommandError):
        call_command("changepassword", amy.username, stdout=StringIO(), stderr=StringIO())
    amy.refresh_from_db()
    assert amy.check_password(PASSWORD)
    assert amy.credentials_reset_at is None

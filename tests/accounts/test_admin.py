"""People in the admin console, its door, and its permission groups."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Proxy, User
from smartcdr.groups import ADMINISTRATOR, APP_MANAGER, AUDITOR, keep_groups
from tests.accounts.codes import PASSWORD


@pytest.fixture
def administrator(db: None) -> User:
    """Staff in the administrators' group, not a superuser."""
    user = User.objects.create_user("adam", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    return user


def test_the_console_asks_for_sign_in_at_the_common_door(client: Client, db: None) -> None:
    response = client.get("/admin/accounts/user/")
    assert response["Location"] == "/admin/login/?next=/admin/accounts/user/"
    assert (
        client.get(response["Location"])["Location"] == "/accounts/login/?next=%2Fadmin%2Faccounts%2Fuser%2F"
    )


def test_the_console_has_no_sign_in_form_of_its_own(client: Client, chief: User) -> None:
    response = client.post("/admin/login/", {"username": "chief", "password": PASSWORD})
    assert response["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_people_who_are_not_staff_are_led_back_to_the_portal(client: Client, amy: User) -> None:
    client.force_login(amy)
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/launch/"
    assert "The administration is for staff" in response.content.decode()


def test_sign_out_and_password_change_of_the_console_are_the_common_ones(client: Client, chief: User) -> None:
    client.force_login(chief)
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
    assert client.get("/admin/logout/")["Location"] == "/accounts/logout/"
    assert client.post("/admin/logout/")["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "value", ["Practitioner/", "Device/1", "Patient/a b", "patient/1", "Patient/1/2", "x" * 81]
)
def test_a_malformed_fhir_user_is_refused_by_the_form(
    client: Client, chief: User, amy: User, value: str
) -> None:
    client.force_login(chief)
    response = client.post(f"/admin/accounts/user/{amy.pk}/change/", change_fields(amy, fhir_user=value))
    assert response.status_code == 200
    assert "fhir_user" in response.context["adminform"].form.errors
    amy.refresh_from_db()
    assert amy.fhir_user == "Patient/amy"


def change_fields(person: User, **changes: str) -> dict[str, str]:
    """The fields of the change form without rows of its own, all else as it is."""
    fields = {"username": person.username, "is_active": "on", "fhir_user": person.fhir_user}
    formset = {
        f"{name}-{count}_FORMS": "0"
        for name in ("proxies", "socialaccount_set")
        for count in ("TOTAL", "INITIAL")
    }
    return {**fields, **formset, **changes}


def test_staff_give_a_proxy_in_the_persons_record(client: Client, chief: User) -> None:
    rita = User.objects.create_user("rita", fhir_user="RelatedPerson/rita")
    client.force_login(chief)
    row = {"proxies-TOTAL_FORMS": "1", "proxies-0-patient": "amy", "proxies-0-active": "on"}
    assert (
        client.post(f"/admin/accounts/user/{rita.pk}/change/", change_fields(rita, **row)).status_code == 302
    )
    assert Proxy.objects.in_force().get().patient == "amy"


def test_an_administrator_neither_makes_nor_touches_superusers(
    client: Client, administrator: User, chief: User, amy: User
) -> None:
    client.force_login(administrator)
    saved = client.post(
        f"/admin/accounts/user/{amy.pk}/change/", change_fields(amy, is_superuser="on", first_name="Amelia")
    )
    assert saved.status_code == 302
    amy.refresh_from_db()
    assert amy.first_name == "Amelia"
    assert not amy.is_superuser
    denied = client.post(f"/admin/accounts/user/{chief.pk}/change/", change_fields(chief, is_active=""))
    assert denied.status_code == 403
    password = {"usable_password": "true", "password1": "x" * 14, "password2": "x" * 14, "set-password": "1"}
    assert client.post(f"/admin/accounts/user/{chief.pk}/password/", password).status_code == 403
    chief.refresh_from_db()
    assert chief.check_password(PASSWORD)


def test_accounts_are_switched_off_and_not_deleted(client: Client, administrator: User, amy: User) -> None:
    client.force_login(administrator)
    assert client.post(f"/admin/accounts/user/{amy.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=amy.pk).exists()


def labels_of(group: str) -> set[str]:
    found = Permission.objects.filter(group__name=group).select_related("content_type")
    return {f"{item.content_type.app_label}.{item.codename}" for item in found}


def test_an_app_manager_registers_apps_and_sees_neither_resources_nor_accounts(db: None) -> None:
    labels = labels_of(APP_MANAGER)
    assert {"oauth.add_application", "oauth.change_application", "oauth.add_clientsecret"} <= labels
    assert not {label for label in labels if label.startswith(("fhir.", "accounts.", "auth."))}


def test_an_auditor_only_looks_and_at_no_resource(db: None) -> None:
    labels = labels_of(AUDITOR)
    assert {
        "oauth.view_accesstoken",
        "oauth.view_consent",
        "accounts.view_user",
        "launch.view_launchcontext",
    } <= labels
    assert all(".view_" in label for label in labels)
    assert not {label for label in labels if label.startswith("fhir.")}


def test_an_administrator_may_look_at_resources_and_not_change_them(db: None) -> None:
    labels = {label for label in labels_of(ADMINISTRATOR) if label.startswith("fhir.")}
    assert labels == {"fhir.view_resource", "fhir.view_resourceversion"}


def test_a_permission_slipped_into_a_group_of_ours_is_gone_after_the_next_migration(db: None) -> None:
    auditors = Group.objects.get(name=AUDITOR)
    auditors.permissions.add(Permission.objects.get(codename="change_user"))
    own = Group.objects.create(name="Night shift")
    own.permissions.add(Permission.objects.get(codename="change_user"))
    keep_groups(apps.get_app_config("accounts"), "default", apps)
    assert "accounts.change_user" not in labels_of(AUDITOR)
    assert "accounts.view_user" in labels_of(AUDITOR)
    assert labels_of("Night shift") == {"accounts.change_user"}

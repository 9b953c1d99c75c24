"""What staff do in the console stands in the audit trail: every change and action, and what is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from accounts.models import Proxy, User
from audit.models import Event
from oauth.models import (
    AccessToken,
    Application,
    ClientRegistration,
    ClientSecret,
    Consent,
    FetchedKeySet,
    InitialAccessToken,
    Scope,
)
from smartcdr import console_events
from smartcdr.groups import APP_MANAGER
from tests.oauth.foreign import other_issuer
from tests.oauth.issuing import Key, issue, issue_refresh, make_client, make_key, make_user

AUDIT = "The audit trail has every change in the console, and every page of it that is refused"
CONFIDENTIAL = {
    "client_type": Application.CLIENT_CONFIDENTIAL,
    "token_endpoint_auth_method": "client_secret_basic",
}
pytestmark = [pytest.mark.django_db, pytest.mark.requirement(AUDIT)]


@pytest.fixture
def root() -> User:
    """Somebody who may do everything in the console."""
    return make_user("", username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(root: User) -> Client:
    """The same, signed in."""
    client = Client()
    client.force_login(root)
    return client


def changes() -> list[tuple[str, dict[str, Any]]]:
    """What was changed, and how, in the order in which it was."""
    found = Event.objects.filter(kind="console-change").order_by("id")
    return [(event.what, json.loads(event.detail)) for event in found]


def test_what_is_added_changed_and_deleted_is_told_with_its_fields(staff: Client, root: User) -> None:
    staff.post("/admin/auth/group/add/", {"name": "Night shift"})
    group = Group.objects.get(name="Night shift")
    staff.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Day shift"})
    staff.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    what = f"auth.group/{group.pk}"
    assert changes() == [
        (what, {"action": "add", "name": "Night shift"}),
        (what, {"action": "change", "name": "Day shift", "fields": ["Name"]}),
        (what, {"action": "delete", "name": "Day shift"}),
    ]
    event = Event.objects.filter(kind="console-change").latest("id")
    assert (event.person, event.outcome, event.address) == (str(root.uid), "allowed", "127.0.0.1")


def test_several_that_are_deleted_at_once_are_told_one_by_one(staff: Client) -> None:
    groups = [Group.objects.create(name=f"Group {number}") for number in range(3)]
    form = {"action": "delete_selected", "_selected_action": [group.pk for group in groups], "post": "yes"}
    staff.post("/admin/auth/group/", form)
    assert not Group.objects.filter(name__startswith="Group ").exists()
    assert {what for what, _ in changes()} == {f"auth.group/{group.pk}" for group in groups}
    assert LogEntry.objects.count() == 3


def test_what_stands_within_another_is_told_with_it(staff: Client) -> None:
    person = make_user("RelatedPerson/r1", username="rita")
    Proxy.objects.create(user=person, patient="child")
    page = staff.get(f"/admin/accounts/user/{person.pk}/change/")
    form = {
        key: value
        for inline in page.context["inline_admin_formsets"]
        for key, value in _sent(inline.formset).items()
    }
    form |= {"username": "rita", "fhir_user": "RelatedPerson/r1", "is_active": "on", "last_name": "Roe"}
    answer = staff.post(f"/admin/accounts/user/{person.pk}/change/", {**form, "proxies-0-active": ""})
    assert answer.status_code == 302, answer.context["errors"]
    [(what, told)] = changes()
    assert what == f"accounts.user/{person.pk}"
    assert told["fields"] == ["Last name", "proxy “Roe for Patient/child”: Active"]


def _sent(formset: Any) -> dict[str, Any]:
    """A formset's fields as a browser sends them back."""
    sent = {
        f"{formset.prefix}-{name}": formset.management_form.initial[name]
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    for form in formset.initial_forms:
        for name in form.fields:
            value = form[name].value()
            sent[form.add_prefix(name)] = "" if value is None else value
    return sent


def test_a_change_that_cannot_be_told_is_not_made(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise DatabaseError("disk full")

    app = make_client()
    group = Group.objects.create(name="Night shift")
    issued = issue(make_key(), make_user(), app, scope="user/*.rs")
    monkeypatch.setattr(console_events, "record", fails)
    staff.raise_request_exception = False
    assert staff.post(f"/admin/auth/group/{group.pk}/change/", {"name": "x"}).status_code == 500
    for model, action, row in (
        ("application", "suspend", app.pk),
        ("application", "revoke_tokens", app.pk),
        ("application", "make_secret", make_client(**CONFIDENTIAL).pk),
        ("accesstoken", "revoke_selected", issued.row.pk),
        ("accesstoken", "revoke_of_clients", issued.row.pk),
        ("accesstoken", "revoke_of_users", issued.row.pk),
        ("consent", "withdraw_selected", Consent.objects.get().pk),
    ):
        answer = staff.post(f"/admin/oauth/{model}/", {"action": action, "_selected_action": row})
        assert answer.status_code == 500, action
    group.refresh_from_db()
    app.refresh_from_db()
    assert (group.name, app.status) == ("Night shift", Application.Status.LIVE)
    assert AccessToken.objects.get().revoked is None
    assert Consent.objects.get().withdrawn is None
    assert not ClientSecret.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.fixture
def rows() -> dict[str, Any]:
    """A row for each action, by the name of its model."""
    key: Key = make_key()
    app = make_client(name="Diary", **CONFIDENTIAL)
    issued = issue(key, make_user(username="ada"), app, scope="user/*.rs")
    _, refresh = issue_refresh(issued)
    token = InitialAccessToken.objects.create(description="For developers", registrations_left=1)
    drafted = make_client(name="Draft", status=Application.Status.DRAFT)
    return {
        "application": app,
        "accesstoken": AccessToken.objects.get(),
        "refreshtoken": refresh,
        "consent": Consent.objects.get(),
        "signingkey": key.row,
        "scope": Scope.objects.create(pattern="patient/Goal.rs"),
        "initialaccesstoken": token,
        "clientregistration": ClientRegistration.objects.create(application=drafted),
        "fetchedkeyset": FetchedKeySet.objects.create(url="ftp://192.0.2.1/keys", tried=timezone.now()),
        "trustedissuer": other_issuer().row,
    }


@pytest.mark.parametrize(
    ("model", "action", "told_of", "words"),
    [
        ("application", "suspend", "application", "Suspended."),
        ("application", "revoke_tokens", "application", "Revoked every token."),
        ("application", "make_secret", "application", "Made a new secret."),
        ("application", "check_keys", "application", "Checked the key set."),
        ("application", "export_clients", "application", "Exported."),
        ("accesstoken", "revoke_selected", "accesstoken", "Revoked, with all"),
        ("accesstoken", "revoke_of_clients", "application", "Revoked every token."),
        ("refreshtoken", "revoke_selected", "refreshtoken", "Revoked, with all"),
        ("refreshtoken", "revoke_of_users", "user", "Revoked every token."),
        ("consent", "withdraw_selected", "consent", "Withdrawn"),
        ("signingkey", "rotate", "signingkey", "Asked for the next step of the rotation"),
        ("signingkey", "replace_compromised", "signingkey", "Withdrawn as compromised."),
        ("scope", "disable", "scope", "Disabled."),
        ("scope", "enable", "scope", "Enabled."),
        ("fetchedkeyset", "fetch_again", "fetchedkeyset", "Fetched now."),
        ("trustedissuer", "switch_off", "trustedissuer", "Switched off."),
        ("trustedissuer", "switch_on", "trustedissuer", "Switched on."),
        ("trustedissuer", "refuse_earlier", "trustedissuer", "Refused its earlier tokens."),
        ("trustedissuer", "look_again", "trustedissuer", "Fetched what it publishes."),
        ("initialaccesstoken", "revoke", "initialaccesstoken", "Revoked."),
        ("clientregistration", "replace_token", "application", "Replaced the registration access token."),
    ],
)
def test_every_action_is_told(
    staff: Client, rows: dict[str, Any], model: str, action: str, told_of: str, words: str
) -> None:
    form = {"action": action, "_selected_action": [rows[model].pk], "confirmed": "1"}
    assert staff.post(f"/admin/oauth/{model}/", form).status_code in (200, 302)
    [(what, told)] = changes()
    assert what.partition("/")[0].endswith(f".{told_of}")
    assert told["words"].startswith(words)
    assert LogEntry.objects.count() == 1


def test_the_table_of_actions_above_has_every_action_of_ours() -> None:
    """Those of others' rooms are proven beside them, or below."""
    known = {
        "make_live", "suspend", "revoke_tokens", "make_secret", "check_keys", "export_clients",
        "revoke_selected", "revoke_of_clients", "revoke_of_users", "withdraw_selected", "rotate",
        "replace_compromised", "disable", "enable", "revoke", "replace_token", "put_live",
        "reset_second_factor", "fetch_again", "ask", "look_again", "switch_on", "switch_off",
        "refuse_earlier",
    }  # fmt: skip
    registered = {
        action
        for room in admin.site._registry.values()
        for action in room.actions or ()
        if isinstance(action, str)
    }
    assert registered == known


def test_a_consent_that_staff_withdraw_is_told_under_its_patient_and_app(
    staff: Client, rows: dict[str, Any]
) -> None:
    Consent.objects.update(patient="p1")
    staff.post(
        "/admin/oauth/consent/", {"action": "withdraw_selected", "_selected_action": rows["consent"].pk}
    )
    event = Event.objects.get(kind="console-change")
    assert (event.patient, event.client) == ("p1", rows["application"].client_id)


def test_a_draft_that_is_put_live_is_told_by_both_ways(staff: Client, rows: dict[str, Any]) -> None:
    registration = rows["clientregistration"]
    form = {"action": "put_live", "_selected_action": [registration.pk]}
    page = staff.post("/admin/oauth/clientregistration/", form)
    assert changes() == []
    [(application, _, seen)] = page.context["drafts"]
    staff.post("/admin/oauth/clientregistration/", {**form, "confirmed": "1", f"seen-{application.pk}": seen})
    assert changes()[0][1]["words"] == "Put live."
    other = make_client(name="Other", status=Application.Status.SUSPENDED)
    form = {"action": "make_live", "_selected_action": [other.pk, application.pk]}
    staff.post("/admin/oauth/application/", form)
    assert [what for what, _ in changes()] == [
        f"oauth.application/{application.pk}",
        f"oauth.application/{other.pk}",
    ]


def test_an_app_that_is_changed_is_named_and_its_secret_is_not(staff: Client, rows: dict[str, Any]) -> None:
    app = rows["application"]
    page = staff.post("/admin/oauth/application/", {"action": "make_secret", "_selected_action": [app.pk]})
    [(_, secret)] = page.context["made"]
    assert secret in page.content.decode()
    event = Event.objects.get(kind="console-change")
    assert event.client == app.client_id
    assert not [row for row in Event.objects.values_list() if secret in str(row)]


def test_a_new_initial_access_token_is_told_without_its_value(staff: Client) -> None:
    end = timezone.now() + timedelta(days=1)
    form = {
        "description": "For developers",
        "expires_0": f"{end:%Y-%m-%d}",
        "expires_1": f"{end:%H:%M:%S}",
        "registrations_left": "1",
    }
    page = staff.post("/admin/oauth/initialaccesstoken/add/", form)
    [(token, value)] = page.context["made"]
    [(what, told)] = changes()
    assert what == f"oauth.initialaccesstoken/{token.pk}"
    assert told == {"action": "add", "name": str(token)}
    assert not [row for row in Event.objects.values_list() if value in str(row)]


def test_an_import_tells_of_each_client(staff: Client) -> None:
    client = {
        "client_id": "brought",
        "client_name": "Brought",
        "application_type": "browser",
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://app.example.org/cb"],
        "scope": "openid",
    }
    file = json.dumps({"clients": [client]}).encode()
    page = staff.post("/admin/oauth/application/import/", {"file": SimpleUploadedFile("c.json", file)})
    assert changes() == []
    staff.post("/admin/oauth/application/import/", {"sealed": page.context["sealed"]})
    event = Event.objects.get(kind="console-change")
    assert event.client == "brought"
    assert json.loads(event.detail)["words"] == "Imported from a file."


def test_a_password_that_staff_set_is_a_change_without_the_password(staff: Client) -> None:
    person = make_user(username="ada")
    new = "staple battery horse correct"
    form = {"password1": new, "password2": new, "usable_password": "true", "set-password": "1"}
    staff.post(f"/admin/accounts/user/{person.pk}/password/", form)
    [(what, told)] = changes()
    assert (what, told["fields"]) == (f"accounts.user/{person.pk}", ["password"])
    assert not Event.objects.filter(detail__contains=new).exists()


def test_a_reset_of_a_second_factor_is_a_change(staff: Client, root: User) -> None:
    person = make_user(username="ada")
    User.objects.filter(pk=root.pk).update(last_login=timezone.now())
    form = {"action": "reset_second_factor", "_selected_action": [person.pk], "confirmed": "1"}
    staff.post("/admin/accounts/user/", form)
    assert [told["words"] for _, told in changes()] == ["Reset the second factor."]
    reset = Event.objects.get(kind="factor")
    assert (reset.person, reset.what) == (str(root.uid), f"accounts.user/{person.pk}")


def refusals() -> list[dict[str, Any]]:
    return [json.loads(event.detail) for event in Event.objects.filter(kind="console", outcome="refused")]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_that_staff_have_no_right_to_is_told(method: str) -> None:
    manager = make_user("", username="manager", is_staff=True)
    manager.groups.add(Group.objects.get(name=APP_MANAGER))
    client = Client()
    client.force_login(manager)
    assert getattr(client, method)("/admin/accounts/user/").status_code == 403
    [told] = refusals()
    assert (told["rule"], told["page"], told["method"]) == ("right", "/admin/accounts/user/", method.upper())
    event = Event.objects.get(kind="console")
    assert (event.person, event.status) == (str(manager.uid), 403)


def test_people_who_are_no_staff_and_staff_without_a_second_factor_are_told(settings: Any) -> None:
    for username, is_staff, rule in (("ada", False, "staff"), ("sam", True, "second factor")):
        settings.STAFF_SECOND_FACTOR = is_staff
        client = Client()
        client.force_login(make_user("", username=username, is_staff=is_staff))
        client.get("/admin/", follow=True)
        assert refusals()[-1]["rule"] == rule
    assert len(refusals()) == 2


def test_nobody_who_is_not_signed_in_fills_the_trail() -> None:
    Client().get("/admin/accounts/user/", follow=True)
    assert not Event.objects.exists()


def test_staff_who_sign_in_are_told_as_staff(root: User) -> None:
    root.set_password("correct horse battery")
    root.save()
    Client().post("/accounts/login/?next=/admin/", {"login": "root", "password": "correct horse battery"})
    event = Event.objects.get(kind="sign-in")
    assert json.loads(event.detail)["staff"] == "yes"

"""Self-registration in the console: tokens for developers, and drafts that wait to be looked at."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from oauth.admin import registrations
from oauth.models import Application, ClientRegistration, InitialAccessToken
from oauth.tokens.checksum import token_checksum
from smartcdr.groups import APP_MANAGER
from tests.oauth.console import act
from tests.oauth.developers import Developer, initial_token, registered
from tests.oauth.flow import make_user

pytestmark = pytest.mark.django_db

ADD = "/admin/oauth/initialaccesstoken/add/"
REGISTRATIONS = "/admin/oauth/clientregistration/"


@pytest.fixture(autouse=True)
def registration_is_on(settings: Settings) -> Iterator[None]:
    settings.DYNAMIC_REGISTRATION = True
    cache.clear()
    yield
    cache.clear()


def asked(staff: Client, *drafts: Developer) -> Any:
    """The page on which staff look at drafts before they put them live."""
    rows = [ClientRegistration.objects.get(application=draft.application).pk for draft in drafts]
    return act(staff, "clientregistration", "put_live", *rows)


def confirm(staff: Client, page: Any) -> Any:
    """Press the button of that page."""
    seen = {f"seen-{application.pk}": digest for application, _, digest in page.context["drafts"]}
    form = {"action": "put_live", "confirmed": "yes", "_selected_action": page.context["chosen"], **seen}
    return staff.post(REGISTRATIONS, form, follow=True)


def test_staff_make_an_initial_access_token_that_is_shown_once(staff: Client) -> None:
    form = {"description": "Example Ltd", "registrations_left": "1", "expires_0": "", "expires_1": ""}
    page = staff.post(ADD, form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    [(row, token)] = page.context["made"]
    assert token in page.content.decode()
    assert row.made_by.username == "root"
    assert (row.description, row.registrations_left, row.digest) == ("Example Ltd", 1, token_checksum(token))
    for address in (f"/admin/oauth/initialaccesstoken/{row.pk}/change/", "/admin/oauth/initialaccesstoken/"):
        later = staff.get(address).content.decode()
        assert token not in later
        assert row.digest not in later
    assert [Developer(token).register().status_code for _ in range(2)] == [201, 401]


def test_a_new_token_is_for_one_app_within_a_week_if_nobody_says_otherwise(staff: Client) -> None:
    initial = staff.get(ADD).context["adminform"].form.initial
    assert initial["registrations_left"] == 1
    assert timedelta(days=6) < initial["expires"] - timezone.now() <= timedelta(days=7)


def test_of_a_token_its_description_its_end_and_its_number_can_be_changed_and_nothing_else(
    staff: Client,
) -> None:
    initial_token(registrations_left=5)
    row = InitialAccessToken.objects.get()
    InitialAccessToken.objects.update(registrations_left=4)
    form = {
        "description": "Renamed",
        "registrations_left": "4",
        "expires_0": "2030-01-01",
        "expires_1": "00:00",
        "digest": "0" * 64,
        "revoked_0": "",
        "made_by": "1",
    }
    assert staff.post(f"/admin/oauth/initialaccesstoken/{row.pk}/change/", form).status_code == 302
    changed = InitialAccessToken.objects.get()
    assert (changed.description, changed.registrations_left) == ("Renamed", 4)
    assert changed.expires is not None
    assert changed.expires.year == 2030
    assert (changed.digest, changed.made_by) == (row.digest, None)


def test_saving_another_field_does_not_bring_back_registrations_made_meanwhile(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    initial_token(registrations_left=5)
    row = InitialAccessToken.objects.get()
    whole = registrations.InitialAccessTokenForm.is_valid

    def meanwhile(form: Any) -> bool:
        good = whole(form)
        InitialAccessToken.objects.update(registrations_left=3)
        return good

    monkeypatch.setattr(registrations.InitialAccessTokenForm, "is_valid", meanwhile)
    form = {"description": "Renamed", "registrations_left": "5", "expires_0": "", "expires_1": ""}
    assert staff.post(f"/admin/oauth/initialaccesstoken/{row.pk}/change/", form).status_code == 302
    assert InitialAccessToken.objects.get().description == "Renamed"
    assert InitialAccessToken.objects.get().registrations_left == 3


def test_a_revoked_token_registers_nothing_and_its_clients_stay(staff: Client) -> None:
    developer = registered()
    row = InitialAccessToken.objects.get()
    act(staff, "initialaccesstoken", "revoke", row.pk)
    first = InitialAccessToken.objects.get().revoked
    assert first is not None
    assert Developer("from-staff-0").register().status_code == 401
    assert developer.ask("GET").status_code == 200
    act(staff, "initialaccesstoken", "revoke", row.pk)
    assert InitialAccessToken.objects.get().revoked == first


def test_no_token_and_no_registration_is_deleted_or_typed(staff: Client) -> None:
    registered()
    token, row = InitialAccessToken.objects.get(), ClientRegistration.objects.get()
    assert (
        staff.post(f"/admin/oauth/initialaccesstoken/{token.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert staff.post(f"{REGISTRATIONS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{REGISTRATIONS}add/").status_code == 403
    assert staff.post(f"{REGISTRATIONS}{row.pk}/change/", {"digest": "0" * 64}).status_code == 403
    assert staff.get(f"{REGISTRATIONS}{row.pk}/change/").status_code == 200


def test_the_list_says_who_registered_itself_by_which_token_and_finds_the_drafts(staff: Client) -> None:
    waiting, live = registered(client_name="Waiting"), registered(client_name="Working")
    InitialAccessToken.objects.filter(registrations__application=waiting.application).update(
        description="Acme"
    )
    live.put_live()
    Application.objects.create(client_id="by-staff", name="By staff", status="draft")
    everything = staff.get(REGISTRATIONS).content.decode()
    assert all(text in everything for text in ("Waiting", "Working", "Acme", "Draft", "Live"))
    assert "By staff" not in everything
    drafts = staff.get(f"{REGISTRATIONS}?application__status__exact=draft").context["cl"].queryset
    assert [row.application.name for row in drafts] == ["Waiting"]
    token = InitialAccessToken.objects.get(description="Acme")
    by_acme = staff.get(f"{REGISTRATIONS}?initial_access_token__id__exact={token.pk}").context["cl"].queryset
    assert [row.application.name for row in by_acme] == ["Waiting"]
    tokens = staff.get("/admin/oauth/initialaccesstoken/").content.decode()
    assert f"initial_access_token__id__exact={token.pk}" in tokens


def test_staff_look_at_a_draft_and_put_it_live(staff: Client) -> None:
    developer = registered()
    page = asked(staff, developer)
    assert developer.application.status == "draft"
    text = page.content.decode()
    assert all(
        each in text for each in ("https://app.example.org/cb", "patient/Observation.rs", "Growth Chart")
    )
    confirm(staff, page)
    assert developer.application.status == "live"
    history = staff.get(f"/admin/oauth/application/{developer.application.pk}/history/").content.decode()
    assert "Put live." in history


def test_the_list_of_all_clients_puts_no_app_live_that_nobody_has_looked_at(staff: Client) -> None:
    developer = registered()
    by_staff = Application.objects.create(client_id="by-staff", name="By staff", status="draft")
    page = act(staff, "application", "make_live", developer.application.pk, by_staff.pk)
    assert "Growth Chart: registered by itself" in page.content.decode()
    by_staff.refresh_from_db()
    assert (developer.application.status, by_staff.status) == ("draft", "live")
    found = staff.get("/admin/oauth/application/?registration_source__exact=dcr").context["cl"].queryset
    assert list(found) == [developer.application]


def test_staff_are_told_of_an_app_that_bears_another_ones_name(staff: Client) -> None:
    words = "Another client has the same name."
    developer = registered(client_name="Lab viewer")
    assert words not in asked(staff, developer).content.decode()
    Application.objects.create(client_id="lab-viewer", name="Lab Viewer", status="live")
    assert words in asked(staff, developer).content.decode()


def test_what_has_changed_since_staff_looked_does_not_go_live(staff: Client) -> None:
    developer, other = registered(), registered(client_name="Other")
    page = asked(staff, developer, other)
    swapped = developer.known(redirect_uris=["https://evil.example.org/cb"])
    assert developer.ask("PUT", swapped).status_code == 200
    answer = confirm(staff, page)
    assert "has changed in the meantime" in answer.content.decode()
    assert developer.application.status == "draft"
    assert other.application.status == "live"


@pytest.mark.parametrize("seen", ["", "0" * 64])
def test_nothing_goes_live_by_a_form_that_has_not_shown_it(staff: Client, seen: str) -> None:
    developer = registered()
    row = ClientRegistration.objects.get()
    form = {"action": "put_live", "confirmed": "yes", "_selected_action": [row.pk]}
    staff.post(REGISTRATIONS, {**form, f"seen-{developer.application.pk}": seen})
    assert developer.application.status == "draft"


@pytest.mark.parametrize("status", ["live", "suspended", "retired"])
def test_only_a_draft_is_put_live_here(staff: Client, status: str) -> None:
    developer = registered()
    page = asked(staff, developer)
    Application.objects.update(status=status)
    confirm(staff, page)
    assert developer.application.status == status
    assert "None of these is a draft" in asked(staff, developer).content.decode()


def test_a_lost_registration_access_token_is_replaced_and_the_one_before_is_dead(staff: Client) -> None:
    developer = registered()
    page = act(staff, "clientregistration", "replace_token", ClientRegistration.objects.get().pk)
    [(application, token)] = page.context["made"]
    assert application == developer.application
    assert "no-store" in page["Cache-Control"]
    assert developer.ask("GET").status_code == 401
    assert developer.ask("GET", token=token).status_code == 200


@pytest.mark.parametrize("action", ["put_live", "replace_token"])
def test_staff_who_only_look_cannot_act(action: str) -> None:
    developer = registered()
    looking = make_user("", username="looker", is_staff=True)
    names = ["view_clientregistration", "view_initialaccesstoken", "change_clientregistration"]
    looking.user_permissions.set(Permission.objects.filter(codename__in=names))
    browser = Client()
    browser.force_login(User.objects.get(pk=looking.pk))
    assert browser.get(REGISTRATIONS).status_code == 200
    row = ClientRegistration.objects.get()
    form = {"action": action, "_selected_action": [row.pk], "confirmed": "yes"}
    browser.post(REGISTRATIONS, form)
    assert browser.get(ADD).status_code == 403
    assert developer.application.status == "draft"
    assert developer.ask("GET").status_code == 200


def test_an_app_manager_hands_out_tokens_and_puts_drafts_live() -> None:
    manager = make_user("", username="manager", is_staff=True)
    manager.groups.add(Group.objects.get(name=APP_MANAGER))
    browser = Client()
    browser.force_login(manager)
    form = {"description": "", "registrations_left": "1", "expires_0": "", "expires_1": ""}
    [(_, token)] = browser.post(ADD, form).context["made"]
    developer = Developer(token)
    assert developer.register().status_code == 201
    confirm(browser, asked(browser, developer))
    assert developer.application.status == "live"


def test_html_in_what_an_app_says_is_text_in_the_console(staff: Client) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    developer = registered(client_name=script, description=script, publisher=script)
    pages = [
        staff.get(REGISTRATIONS),
        asked(staff, developer),
        staff.get(f"/admin/oauth/application/{developer.application.pk}/change/"),
        staff.get("/admin/oauth/application/"),
        staff.get(f"{REGISTRATIONS}{ClientRegistration.objects.get().pk}/change/"),
    ]
    for page in pages:
        assert "&lt;script&gt;" in page.content.decode()
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()

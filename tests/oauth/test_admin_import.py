"""Export and import of clients in the admin console."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.encryption import box
from oauth.client_exchange import sealed
from oauth.client_exchange.describing import export
from oauth.clients.secrets import verify
from oauth.models import Application
from smartcdr.groups import APP_MANAGER, AUDITOR
from tests.oauth.console import act
from tests.oauth.issuing import make_user
from tests.oauth.test_client_exchange import WEB, file_of, make
from tests.oauth.test_client_metadata import GOOD
from tests.oauth.test_given_secrets import SECRET

pytestmark = pytest.mark.django_db

IMPORT = "/admin/oauth/application/import/"


def upload(browser: Client, text: str | bytes, **fields: str) -> Any:
    content = text if isinstance(text, bytes) else text.encode()
    return browser.post(IMPORT, {"file": SimpleUploadedFile("clients.json", content), **fields})


def confirm(browser: Client, page: Any) -> Any:
    return browser.post(IMPORT, {"sealed": page.context["sealed"]}, follow=True)


def member_of(group: str) -> Client:
    user = make_user("", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    browser = Client()
    browser.force_login(user)
    return browser


def test_the_chosen_clients_leave_as_a_file(staff: Client) -> None:
    one, _ = make("one", GOOD), make("two", GOOD)
    answer = act(staff, "application", "export_clients", one.pk)
    assert answer["Content-Disposition"] == 'attachment; filename="clients.json"'
    assert answer.content.decode() == export([one])
    assert [told["client_id"] for told in json.loads(answer.content)["clients"]] == ["one"]


def test_a_file_is_previewed_and_then_imported_as_previewed(staff: Client) -> None:
    make("known", WEB)
    text = file_of({"client_id": "known", "publisher": "Other"}, {**GOOD, "client_id": "new"})
    assert IMPORT in staff.get("/admin/oauth/application/").content.decode()
    page = upload(staff, text)
    shown = page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert "Other" in shown
    assert "draft" in shown
    assert Application.objects.count() == 1
    after = confirm(staff, page)
    assert "Imported: 1 new, 1 changed." in after.content.decode()
    assert Application.objects.get(client_id="known").publisher == "Other"
    told = set(LogEntry.objects.values_list("object_repr", "change_message"))
    assert told == {
        ("Growth Chart", "Imported from a file: publisher."),
        ("Lab Viewer", "Imported from a file."),
    }


def test_the_status_is_taken_only_if_that_was_chosen(staff: Client) -> None:
    text = file_of({**GOOD, "client_id": "new", "status": "live"})
    confirm(staff, upload(staff, text, with_status="on"))
    assert Application.objects.get().status == "live"


def test_a_secret_in_the_file_stands_in_no_page_and_works_afterwards(staff: Client) -> None:
    page = upload(staff, file_of({**WEB, "client_id": "new", "client_secrets": [{"secret": SECRET}]}))
    assert SECRET not in page.content.decode()
    assert SECRET not in confirm(staff, page).content.decode()
    assert verify(Application.objects.get(), SECRET)


def test_faults_are_named_and_there_is_nothing_to_confirm(staff: Client) -> None:
    page = upload(staff, file_of({**GOOD, "client_id": "new", "scope": "nonsense"}))
    assert "scope: nonsense is not a scope." in page.content.decode()
    assert page.context["sealed"] == ""
    assert "Import exactly this" not in page.content.decode()


def test_where_nothing_would_change_there_is_nothing_to_confirm(staff: Client) -> None:
    page = upload(staff, export([make("known", WEB)]))
    assert "Nothing would change." in page.content.decode()
    assert page.context["sealed"] == ""


def test_what_changed_meanwhile_is_previewed_anew(staff: Client) -> None:
    make("known", WEB)
    page = upload(staff, file_of({"client_id": "known", "publisher": "Other"}))
    Application.objects.update(publisher="Meanwhile")
    again = confirm(staff, page)
    assert "have changed since the preview" in again.content.decode()
    assert "Meanwhile" in again.content.decode()
    assert Application.objects.get().publisher == "Meanwhile"
    confirm(staff, again)
    assert Application.objects.get().publisher == "Other"


def test_a_confirmation_counts_once(staff: Client) -> None:
    page = upload(staff, file_of({**GOOD, "client_id": "new"}))
    confirm(staff, page)
    Application.objects.update(publisher="Mine")
    again = confirm(staff, page)
    assert "have changed since the preview" in again.content.decode()
    assert Application.objects.get().publisher == "Mine"


def test_the_preview_of_somebody_else_cannot_be_confirmed(staff: Client) -> None:
    page = upload(staff, file_of({**GOOD, "client_id": "new"}))
    other = Client()
    other.force_login(make_user("", is_staff=True, is_superuser=True))
    assert "is not yours" in confirm(other, page).content.decode()
    assert not Application.objects.exists()


def test_what_was_not_sealed_here_or_too_long_ago_is_refused(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = upload(staff, file_of({**GOOD, "client_id": "new"}))
    good = page.context["sealed"]
    other = box().encrypt(b'{"purpose": "another"}').decode()
    for shown in ("", "nonsense", good[:-2] + "xx", "ü", other, box().encrypt(b"[").decode()):
        answer = staff.post(IMPORT, {"sealed": shown}, follow=True)
        assert "Choose the file again" in answer.content.decode()
    monkeypatch.setattr(sealed, "SECONDS", -1)
    assert "Choose the file again" in confirm(staff, page).content.decode()
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"nonsense", b"[]", b"[" * 200_000, b" " * (2**20 + 1), b'{"client_id": "\0"}'],
)
def test_what_is_no_file_of_clients_is_refused_at_its_field(staff: Client, content: bytes) -> None:
    page = upload(staff, content)
    assert page.status_code == 200
    assert page.context["form"].errors["file"]


def test_an_import_needs_the_right_to_add_and_to_change_clients() -> None:
    text = file_of({**GOOD, "client_id": "new"})
    manager, auditor = member_of(APP_MANAGER), member_of(AUDITOR)
    confirm(manager, upload(manager, text))
    assert Application.objects.get().client_id == "new"
    assert auditor.get(IMPORT).status_code == 403
    assert upload(auditor, text).status_code == 403
    assert auditor.post(IMPORT, {"sealed": "x"}).status_code == 403
    assert IMPORT not in auditor.get("/admin/oauth/application/").content.decode()
    assert Client().get(IMPORT).status_code == 302


def test_an_import_is_nothing_that_another_site_can_send() -> None:
    user = make_user("", is_staff=True, is_superuser=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert upload(browser, file_of({**GOOD, "client_id": "new"})).status_code == 403
    box = sealed.seal(sealed.Previewed("[]", False, "", str(user.pk)))
    assert browser.post(IMPORT, {"sealed": box}).status_code == 403

"""The authorization server in the admin console: what staff can do, and what they can never see."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from oauth.models import AccessToken, Consent, RefreshToken, Scope
from oauth.tokens.liveness import alive
from tests.oauth.console import act
from tests.oauth.issuing import issue, issue_refresh, make_client, make_key, make_user

pytestmark = pytest.mark.django_db


def test_tokens_are_listed_without_their_text(staff: Client) -> None:
    issued = issue(make_key(), make_user(username="ada"), scope="user/*.rs")
    text, refresh_row = issue_refresh(issued)
    row = AccessToken.objects.get(pk=issued.row.pk)
    for url in (
        "/admin/oauth/accesstoken/?alive=yes",
        f"/admin/oauth/accesstoken/{row.pk}/change/",
        "/admin/oauth/refreshtoken/?q=ada",
        f"/admin/oauth/refreshtoken/{refresh_row.pk}/change/",
    ):
        page = staff.get(url)
        assert page.status_code == 200
        content = page.content.decode()
        assert "ada" in content
        for hidden in (issued.token, text, row.token_checksum, refresh_row.token_checksum):
            assert hidden not in content


def test_the_list_says_which_tokens_are_alive(staff: Client) -> None:
    key, user = make_key(), make_user()
    living = issue(key, user, scope="user/*.rs")
    dead = issue(key, user, scope="user/*.rs")
    dead.row.revoke()
    for choice, expected in (("yes", [living.row.pk]), ("no", [dead.row.pk])):
        page = staff.get("/admin/oauth/accesstoken/", {"alive": choice})
        assert [row.pk for row in page.context["cl"].result_list] == expected


@pytest.mark.parametrize(
    ("action", "ends"),
    [
        ("revoke_selected", {"chosen"}),
        ("revoke_of_clients", {"chosen", "same client"}),
        ("revoke_of_users", {"chosen", "same user"}),
    ],
)
def test_staff_revoke_one_token_or_all_of_a_client_or_user(
    staff: Client, action: str, ends: set[str]
) -> None:
    key, user, client = make_key(), make_user(), make_client()
    tokens = {
        "chosen": issue(key, user, client, scope="user/*.rs"),
        "same client": issue(key, make_user(), client, scope="user/*.rs"),
        "same user": issue(key, user, scope="user/*.rs"),
        "other": issue(key, make_user(), scope="user/*.rs"),
    }
    act(staff, "accesstoken", action, tokens["chosen"].row.pk)
    living = set(alive(AccessToken.objects.all()).values_list("pk", flat=True))
    assert {name for name, issued in tokens.items() if issued.row.pk not in living} == ends


def test_a_withdrawn_consent_takes_its_tokens_with_it(staff: Client) -> None:
    issued = issue(make_key(), make_user(), scope="user/*.rs")
    consent = Consent.objects.get()
    act(staff, "consent", "withdraw_selected", consent.pk)
    consent.refresh_from_db()
    assert consent.withdrawn is not None
    issued.row.refresh_from_db()
    assert issued.row.revoked is not None


@pytest.mark.parametrize("model", ["accesstoken", "refreshtoken", "consent"])
def test_tokens_and_consents_are_neither_made_nor_deleted_by_hand(staff: Client, model: str) -> None:
    assert staff.get(f"/admin/oauth/{model}/add/").status_code == 403
    issued = issue(make_key(), make_user(), scope="user/*.rs")
    issue_refresh(issued)
    pks = {
        "accesstoken": AccessToken.objects.get().pk,
        "refreshtoken": RefreshToken.objects.get().pk,
        "consent": Consent.objects.get().pk,
    }
    pk = pks[model]
    assert staff.post(f"/admin/oauth/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"/admin/oauth/{model}/{pk}/change/", {"scope": "user/*.cruds"}).status_code == 403


def test_who_may_only_look_cannot_revoke() -> None:
    auditor = User.objects.create_user(username="auditor", is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_accesstoken"))
    client = Client()
    client.force_login(auditor)
    issued = issue(make_key(), make_user(), scope="user/*.rs")
    assert client.get("/admin/oauth/accesstoken/").status_code == 200
    act(client, "accesstoken", "revoke_selected", issued.row.pk)
    issued.row.refresh_from_db()
    assert issued.row.revoked is None
    assert client.get("/admin/oauth/application/").status_code == 403


def test_a_scope_line_is_checked_and_switched(staff: Client) -> None:
    form = {"pattern": "patient/Goal.sr", "enabled": "on"}
    page = staff.post("/admin/oauth/scope/add/", form)
    assert "pattern" in page.context["adminform"].form.errors
    page = staff.post("/admin/oauth/scope/add/", {**form, "pattern": "patient/Goal.rs?colour=x"})
    assert "pattern" in page.context["adminform"].form.errors
    assert staff.post("/admin/oauth/scope/add/", {**form, "pattern": "patient/Goal.rs"}).status_code == 302
    line = Scope.objects.get(pattern="patient/Goal.rs")
    act(staff, "scope", "disable", line.pk)
    line.refresh_from_db()
    assert not line.enabled
    act(staff, "scope", "enable", line.pk)
    line.refresh_from_db()
    assert line.enabled


def test_codes_and_id_tokens_have_no_page(staff: Client) -> None:
    for model in ("grant", "idtoken", "devicegrant"):
        assert staff.get(f"/admin/oauth/{model}/").status_code == 404
        assert staff.get(f"/admin/oauth2_provider/{model}/").status_code == 404

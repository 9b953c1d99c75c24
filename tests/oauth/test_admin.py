"""The authorization server in the admin console: what staff can do, and what they can never see."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from oauth.client_secrets import verify
from oauth.jwk_sets import read_key_set
from oauth.models import (
    AccessToken,
    Application,
    ClientSecret,
    Consent,
    RefreshToken,
    Scope,
)
from oauth.token_liveness import alive
from tests.oauth.console import act
from tests.oauth.issuing import issue, issue_refresh, make_client, make_key, make_user
from tests.oauth.services import ec_key, jwk_of, jwks_of, rsa_key

pytestmark = pytest.mark.django_db

FORM: dict[str, Any] = {
    "name": "Lab Viewer",
    "status": "live",
    "description": "Plots lab values.",
    "publisher": "Example Ltd",
    "contacts": "apps@example.org",
    "client_id": "lab-viewer",
    "application_type": "browser",
    "token_endpoint_auth_method": "none",
    "redirect_uris": "https://app.example.org/callback",
    "launch_url": "https://app.example.org/launch",
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "launch openid\r\npatient/*.rs",
    "consent_policy": "remember",
    "introspection": "none",
    "secrets-TOTAL_FORMS": "0",
    "secrets-INITIAL_FORMS": "0",
}
CONFIDENTIAL = {
    **FORM,
    "name": "Growth Chart",
    "client_id": "growth",
    "application_type": "web",
    "token_endpoint_auth_method": "client_secret_basic",
    "introspection": "own",
}


def test_a_public_client_is_registered_with_its_origin_and_no_secret(staff: Client) -> None:
    answer = staff.post("/admin/oauth/application/add/", FORM)
    assert answer.status_code == 302
    application = Application.objects.get(client_id="lab-viewer")
    assert application.is_public
    assert application.is_live
    assert application.scope == "launch openid patient/*.rs"
    assert application.contacts == ["apps@example.org"]
    assert application.allowed_origins == "https://app.example.org"
    assert not ClientSecret.objects.exists()


def test_a_confidential_client_shows_its_secret_once(staff: Client) -> None:
    page = staff.post("/admin/oauth/application/add/", CONFIDENTIAL)
    application = Application.objects.get(client_id="growth")
    secret = page.context["made"][0][1]
    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert verify(application, secret)
    later = staff.get(f"/admin/oauth/application/{application.pk}/change/").content.decode()
    assert secret not in later
    assert application.secrets.get().digest not in later


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("client_id", "two words"),
        ("redirect_uris", ""),
        ("redirect_uris", "javascript:alert(1)"),
        ("redirect_uris", "https://app.example.org/#x"),
        ("scope", "patient/Patient."),
        ("scope", ""),
        ("launch_url", "data:text/html,x"),
        ("logo_uri", "nonsense"),
        ("contacts", "nobody"),
        ("token_endpoint_auth_method", "client_secret_basic"),
        ("introspection", "any"),
        ("access_token_seconds", "5"),
        ("grant_types", ["password"]),
        ("auto_approved_scope", "user/*.rs"),
    ],
)
def test_the_form_refuses_nonsense_at_its_field(staff: Client, field: str, value: Any) -> None:
    page = staff.post("/admin/oauth/application/add/", {**FORM, field: value})
    assert page.status_code == 200
    assert field in page.context["adminform"].form.errors
    assert not Application.objects.exists()


SERVICE = {
    **FORM,
    "name": "Nightly export",
    "client_id": "nightly",
    "application_type": "backend",
    "token_endpoint_auth_method": "private_key_jwt",
    "client_jwks": jwks_of(jwk_of(ec_key(), "first")),
    "redirect_uris": "",
    "launch_url": "",
    "grant_types": ["client_credentials"],
    "scope": "system/*.rs",
    "introspection": "own",
}


def test_a_backend_service_is_registered_with_its_keys_and_gets_no_secret(staff: Client) -> None:
    assert staff.post("/admin/oauth/application/add/", SERVICE).status_code == 302
    application = Application.objects.get(client_id="nightly")
    assert application.has_keys
    assert read_key_set(application.client_jwks).knows("first")
    assert not ClientSecret.objects.exists()
    page = act(staff, "application", "make_secret", application.pk)
    assert "None of these clients" in page.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_jwks", ""),
        ("client_jwks", "no JSON"),
        ("client_jwks", jwks_of(jwk_of(ec_key(), "first", d="AQAB"))),
        ("client_jwks", jwks_of(jwk_of(rsa_key(bits=1024), "first"))),
        ("client_jwks_uri", "http://[bad"),
        ("client_jwks_uri", "https://service.example.org/jwks.json"),
        ("grant_types", ["authorization_code"]),
        ("scope", "system/*.rs patient/*.rs"),
        ("launch_url", "https://app.example.org/launch"),
        ("token_endpoint_auth_method", "client_secret_basic"),
    ],
)
def test_the_form_says_at_its_field_what_makes_no_backend_service(
    staff: Client, field: str, value: Any
) -> None:
    page = staff.post("/admin/oauth/application/add/", {**SERVICE, field: value})
    assert page.status_code == 200
    assert field in page.context["adminform"].form.errors
    assert not Application.objects.exists()


def test_a_changed_client_keeps_what_the_form_shows(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", FORM)
    application = Application.objects.get()
    page = staff.get(f"/admin/oauth/application/{application.pk}/change/")
    form = page.context["adminform"].form
    again = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    formset = {"secrets-TOTAL_FORMS": "0", "secrets-INITIAL_FORMS": "0"}
    staff.post(
        f"/admin/oauth/application/{application.pk}/change/", {**again, **formset, "publisher": "Other"}
    )
    changed = Application.objects.get()
    assert changed.publisher == "Other"
    assert changed.contacts == ["apps@example.org"]
    assert changed.grant_types == ["authorization_code", "refresh_token"]


def test_a_retired_client_never_comes_back_by_the_form(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", FORM)
    Application.objects.update(status="retired")
    url = f"/admin/oauth/application/{Application.objects.get().pk}/change/"
    for status in ("live", "draft", "suspended"):
        page = staff.post(url, {**FORM, "status": status})
        assert "stays retired" in page.context["adminform"].form.errors["status"][0]
    assert staff.post(url, {**FORM, "status": "retired", "publisher": "Other"}).status_code == 302
    assert Application.objects.get().status == "retired"


def test_a_new_client_is_offered_the_catalogues_scopes(staff: Client) -> None:
    page = staff.get("/admin/oauth/application/add/")
    assert "patient/*.rs" in page.context["adminform"].form.initial["scope"]
    assert "offline_access" not in page.context["adminform"].form.initial["scope"]


def test_a_public_client_that_becomes_confidential_is_shown_its_first_secret(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", FORM)
    application = Application.objects.get()
    url = f"/admin/oauth/application/{application.pk}/change/"
    page = staff.post(url, {**CONFIDENTIAL, "client_id": "lab-viewer"})
    application.refresh_from_db()
    assert verify(application, page.context["made"][0][1])
    assert staff.post(url, {**CONFIDENTIAL, "client_id": "lab-viewer"}).status_code == 302
    assert application.secrets.count() == 1


def test_a_client_is_retired_and_not_deleted(staff: Client) -> None:
    client = make_client()
    assert staff.post(f"/admin/oauth/application/{client.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Application.objects.filter(pk=client.pk).exists()


def test_suspending_kills_tokens_and_going_live_revives_none(staff: Client) -> None:
    issued = issue(make_key(), make_user(), scope="user/*.rs")
    pk = issued.row.application.pk
    act(staff, "application", "suspend", pk)
    assert Application.objects.get(pk=pk).status == "suspended"
    act(staff, "application", "make_live", pk)
    assert Application.objects.get(pk=pk).status == "live"
    assert not alive(AccessToken.objects.all()).exists()


def test_a_retired_client_stays_retired(staff: Client) -> None:
    client = make_client(status="retired")
    act(staff, "application", "make_live", client.pk)
    client.refresh_from_db()
    assert client.status == "retired"


def test_another_secret_is_made_for_confidential_clients_only(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", CONFIDENTIAL)
    application = Application.objects.get()
    page = act(staff, "application", "make_secret", application.pk)
    assert verify(application, page.context["made"][0][1])
    assert application.secrets.count() == 2
    public = make_client()
    act(staff, "application", "make_secret", public.pk)
    assert public.secrets.count() == 0


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


def test_a_native_app_with_a_scheme_of_its_own_is_taken(staff: Client) -> None:
    native = {
        **FORM,
        "application_type": "native",
        "redirect_uris": "org.example.app:/cb\r\nhttp://127.0.0.1/cb",
    }
    assert staff.post("/admin/oauth/application/add/", native).status_code == 302
    assert Application.objects.get().redirect_uri_allowed("http://127.0.0.1:5000/cb")


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

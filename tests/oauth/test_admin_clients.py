"""Clients in the admin console: registering them, and what can be done with them afterwards."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime

from oauth.clients.secrets import verify
from oauth.jwk_sets import read_key_set
from oauth.models import AccessToken, Application, ClientSecret
from oauth.tokens.liveness import alive
from smartcdr.groups import AUDITOR
from tests.oauth.console import act
from tests.oauth.issuing import issue, make_client, make_key, make_user
from tests.oauth.services import ec_key, jwk_of, jwks_of, make_service, rsa_key

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
    assert '&rsaquo; <a href="/admin/oauth/application/">Clients</a>' in page.content.decode()
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


def test_a_native_app_with_a_scheme_of_its_own_is_taken(staff: Client) -> None:
    native = {
        **FORM,
        "application_type": "native",
        "redirect_uris": "org.example.app:/cb\r\nhttp://127.0.0.1/cb",
    }
    assert staff.post("/admin/oauth/application/add/", native).status_code == 302
    assert Application.objects.get().redirect_uri_allowed("http://127.0.0.1:5000/cb")


def warnings(page: Any) -> str:
    return "\n".join(str(message) for message in page.context["messages"])


def test_what_cannot_be_declined_and_who_may_be_launched_are_registered(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", {**FORM, "required_scope": "openid\r\nlaunch"})
    app = Application.objects.get()
    assert app.required_scope == "openid launch"
    staff.post("/admin/oauth/application/add/", {**SERVICE, "may_launch": [app.pk]})
    assert list(Application.objects.get(client_id="nightly").may_launch.all()) == [app]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"required_scope": "user/*.rs"}, "required_scope"),
        ({"required_scope": "nonsense/"}, "required_scope"),
        ({"may_launch": True}, "may_launch"),
    ],
)
def test_what_makes_no_sense_together_is_said_beside_its_field(
    staff: Client, changes: dict[str, Any], field: str
) -> None:
    other = make_client()
    changes = {name: [other.pk] if value is True else value for name, value in changes.items()}
    page = staff.post("/admin/oauth/application/add/", {**FORM, **changes})
    assert field in page.context["adminform"].form.errors
    assert Application.objects.count() == 1


def test_a_description_of_several_lines_is_kept_as_lines(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", {**FORM, "description": "One\r\nTwo"})
    assert Application.objects.get().description == "One\nTwo"


def test_a_near_miss_is_taken_and_pointed_out(staff: Client) -> None:
    near = {**FORM, "redirect_uris": "https://app.example.org", "scope": "patient/*.rs"}
    page = staff.post("/admin/oauth/application/add/", near, follow=True)
    assert "is not the same as https://app.example.org/" in warnings(page)
    assert "never gets a refresh token" in warnings(page)
    assert Application.objects.exists()


@pytest.mark.parametrize("status", ["draft", "suspended", "retired"])
def test_another_status_in_the_form_ends_the_tokens_for_good(staff: Client, status: str) -> None:
    staff.post("/admin/oauth/application/add/", FORM)
    client = Application.objects.get()
    issued = issue(make_key(), make_user(), client, scope="user/*.rs")
    url = f"/admin/oauth/application/{client.pk}/change/"
    assert staff.post(url, {**FORM, "status": status}).status_code == 302
    Application.objects.update(status="live")
    assert not alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()


def test_a_secret_is_ended_by_its_date_and_never_shown(staff: Client) -> None:
    secret = staff.post("/admin/oauth/application/add/", CONFIDENTIAL).context["made"][0][1]
    client = Application.objects.get()
    row = client.secrets.get()
    url = f"/admin/oauth/application/{client.pk}/change/"
    line = {
        **CONFIDENTIAL,
        "secrets-TOTAL_FORMS": "1",
        "secrets-INITIAL_FORMS": "1",
        "secrets-0-id": row.pk,
        "secrets-0-application": client.pk,
        "secrets-0-description": "Ended",
        "secrets-0-starts_0": "2026-01-01",
        "secrets-0-starts_1": "00:00:00",
        "secrets-0-ends_0": "2025-01-01",
        "secrets-0-ends_1": "00:00:00",
    }
    assert "before it starts" in staff.post(url, line).content.decode()
    assert verify(client, secret)
    used = client.secrets.get().last_used
    assert used is not None
    assert date_format(localtime(used), "DATETIME_FORMAT") in staff.get(url).content.decode()
    assert staff.post(url, {**line, "secrets-0-ends_0": "2026-01-02"}).status_code == 302
    assert not verify(client, secret)
    assert client.secrets.get().description == "Ended"


def test_what_is_done_to_a_client_from_the_list_is_in_its_history(staff: Client) -> None:
    client = make_client(client_type="confidential", token_endpoint_auth_method="client_secret_post")
    for action in ("suspend", "make_live", "revoke_tokens", "make_secret"):
        act(staff, "application", action, client.pk)
    told = (
        LogEntry.objects.filter(object_id=client.pk).order_by("pk").values_list("change_message", flat=True)
    )
    assert list(told) == ["Suspended.", "Put live.", "Revoked every token.", "Made a new secret."]


def test_whom_it_may_launch_is_asked_only_of_a_client_that_could(staff: Client) -> None:
    public = make_client()
    page = staff.get(f"/admin/oauth/application/{public.pk}/change/")
    assert "may_launch" not in page.context["adminform"].form.fields
    service = make_service().application
    service.may_launch.set([public])
    page = staff.get(f"/admin/oauth/application/{service.pk}/change/")
    assert page.context["adminform"].form.initial["may_launch"] == [public]
    Application.objects.filter(pk=public.pk).update(status="retired")
    again = {**SERVICE, "client_id": service.client_id, "may_launch": [public.pk]}
    assert staff.post(f"/admin/oauth/application/{service.pk}/change/", again).status_code == 302
    assert list(service.may_launch.all()) == [public]
    changed = {
        **SERVICE,
        "client_id": service.client_id,
        "grant_types": ["authorization_code"],
        "scope": "openid",
    }
    changed |= {"application_type": "web", "redirect_uris": FORM["redirect_uris"], "may_launch": [public.pk]}
    answer = staff.post(f"/admin/oauth/application/{service.pk}/change/", changed)
    assert "may_launch" in answer.context["adminform"].form.errors


def test_the_list_has_status_type_and_proof_in_a_word_each(staff: Client) -> None:
    make_client(token_endpoint_auth_method="client_secret_post")
    shown = staff.get("/admin/oauth/application/").content.decode()
    for word in ("live", "browser", "client_secret_post"):
        assert f">{word}</td>" in shown


def test_who_may_only_look_sees_a_client_and_can_change_nothing(staff: Client) -> None:
    staff.post("/admin/oauth/application/add/", SERVICE)
    client = Application.objects.get()
    auditor = Client()
    user = make_user("", is_staff=True)
    user.groups.add(Group.objects.get(name=AUDITOR))
    auditor.force_login(user)
    url = f"/admin/oauth/application/{client.pk}/change/"
    shown = auditor.get(url)
    assert shown.status_code == 200
    assert "Nightly export" in shown.content.decode()
    assert auditor.post(url, {**SERVICE, "name": "Other"}).status_code == 403
    assert Application.objects.get().name == "Nightly export"
    for action in ("make_live", "suspend", "revoke_tokens", "make_secret"):
        act(auditor, "application", action, client.pk)
    assert Application.objects.get().status == "live"

"""Apps register themselves: what they must show, what is taken from them, and what they are told."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth import smart_configuration
from oauth.catalogue import offered_to_new_clients
from oauth.clients.secrets import verify
from oauth.models import Application, ClientRegistration, ClientSecret, InitialAccessToken
from oauth.tokens.checksum import token_checksum
from tests.oauth.developers import Developer, initial_token, send
from tests.oauth.flow import Flow, basic, ensure_keys, make_user, post_token
from tests.oauth.references import plain
from tests.oauth.services import ec_key, jwk_of

pytestmark = pytest.mark.django_db

RFC7591 = "https://www.rfc-editor.org/rfc/rfc7591"
JWKS = {"keys": [jwk_of(ec_key(), "first")]}
SIGNING = {"token_endpoint_auth_method": "private_key_jwt", "application_type": "web"}


@pytest.fixture(autouse=True)
def registration_is_on(settings: Settings) -> Iterator[None]:
    settings.DYNAMIC_REGISTRATION = True
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def developer() -> Developer:
    return Developer(initial_token())


@pytest.mark.parametrize("path", ["/oauth/register", "/oauth/register/anybody"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_registration_does_not_exist_unless_a_setting_says_so(
    settings: Settings, method: str, path: str
) -> None:
    settings.DYNAMIC_REGISTRATION = False
    token = initial_token()
    assert send(method, path, {"client_name": "x"}, token).status_code == 404
    assert not Application.objects.exists()


@pytest.mark.requirement("SMART-438")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8414#section-2")
@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize(
    "document",
    [
        "/fhir/.well-known/smart-configuration",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ],
)
def test_the_documents_name_the_registration_endpoint_exactly_while_it_is_there(
    settings: Settings, document: str, is_on: bool
) -> None:
    settings.DYNAMIC_REGISTRATION = is_on
    named = Browser().get(document).json().get("registration_endpoint")
    assert named == ("http://testserver/oauth/register" if is_on else None)
    assert ("register" in smart_configuration.oauth_uris()) is is_on


def test_the_settings_are_off_by_themselves() -> None:
    from smartcdr import settings as ours

    assert (ours.DYNAMIC_REGISTRATION, ours.DYNAMIC_REGISTRATION_OPEN) == (False, False)


@pytest.mark.requirement(f"{RFC7591}#section-3.2.1")
@pytest.mark.requirement("SMART-24")
def test_an_app_registers_itself_as_a_draft_and_is_told_what_was_registered(developer: Developer) -> None:
    answer = developer.register(contacts=["dev@example.org"], logo_uri="https://app.example.org/logo.png")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert answer["Pragma"] == "no-cache"
    told = answer.json()
    application = developer.application
    assert told.pop("client_id") == application.client_id
    assert told.pop("client_id_issued_at") == int(application.created.timestamp())
    assert len(told.pop("registration_access_token")) == 43
    assert told.pop("registration_client_uri") == f"http://testserver/oauth/register/{application.client_id}"
    assert told == {
        "client_name": "Growth Chart",
        "redirect_uris": ["https://app.example.org/cb"],
        "allowed_origins": ["https://app.example.org"],
        "scope": "openid fhirUser patient/Observation.rs offline_access",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "browser",
        "contacts": ["dev@example.org"],
        "logo_uri": "https://app.example.org/logo.png",
        "consent_policy": "remember",
        "introspection": "none",
        "status": "draft",
    }
    assert application.status == "draft"
    assert application.registration_source == Application.RegistrationSource.DCR


def test_a_draft_can_neither_send_people_here_nor_get_tokens(developer: Developer) -> None:
    developer.register(token_endpoint_auth_method="client_secret_basic")
    flow = Flow(developer.application, make_user(), redirect_uri="https://app.example.org/cb")
    assert flow.authorize().status_code == 400
    header = {"Authorization": basic(developer.client_id, developer.told["client_secret"])}
    refused = post_token({"grant_type": "refresh_token", "refresh_token": "x"}, header)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")  # type: ignore[attr-defined]


def test_once_staff_have_put_it_live_the_app_works(developer: Developer) -> None:
    developer.register(token_endpoint_auth_method="client_secret_basic")
    application = developer.put_live()
    scope = "openid patient/Observation.rs"
    secret = developer.told["client_secret"]
    flow = Flow(application, make_user(), scope, secret, redirect_uri="https://app.example.org/cb")
    ensure_keys()
    assert flow.exchange(flow.code()).json()["scope"] == scope  # type: ignore[attr-defined]


@pytest.mark.requirement(f"{RFC7591}#section-2")
def test_what_the_app_leaves_out_is_registered_as_the_specification_has_it(developer: Developer) -> None:
    answer = send(
        "POST",
        "/oauth/register",
        {"client_name": "Plain", "redirect_uris": ["https://app.example.org/cb"]},
        developer.token,
    )
    told = answer.json()
    assert told["token_endpoint_auth_method"] == "client_secret_basic"
    assert told["grant_types"] == ["authorization_code"]
    assert told["response_types"] == ["code"]
    assert told["application_type"] == "web"
    assert told["scope"] == offered_to_new_clients()
    assert {"openid", "launch/patient", "patient/*.rs"} <= set(told["scope"].split())
    application = Application.objects.get(client_id=told["client_id"])
    assert told["client_secret_expires_at"] == 0
    assert verify(application, told["client_secret"])


@pytest.mark.parametrize(
    ("uris", "kind"),
    [
        (["https://app.example.org/cb"], "browser"),
        (["com.example.app:/cb"], "native"),
        (["http://127.0.0.1/cb", "http://[::1]/cb"], "native"),
        (["https://app.example.org/cb", "com.example.app:/cb"], "native"),
    ],
)
def test_a_public_app_that_does_not_say_its_kind_is_known_by_its_addresses(
    developer: Developer, uris: list[str], kind: str
) -> None:
    assert developer.register(redirect_uris=uris).json()["application_type"] == kind


@pytest.mark.requirement("SMART-296")
@pytest.mark.requirement("SMART-297")
@pytest.mark.requirement("SMART-316")
@pytest.mark.parametrize("keys", [{"jwks": JWKS}, {"jwks_uri": "https://app.example.org/jwks.json"}])
def test_an_app_that_signs_registers_its_keys_and_gets_no_secret(
    developer: Developer, keys: dict[str, Any]
) -> None:
    told = developer.register(**SIGNING, **keys).json()
    assert {name: told[name] for name in keys} == keys
    assert "client_secret" not in told
    assert "client_secret_expires_at" not in told
    assert not ClientSecret.objects.exists()
    assert developer.application.has_keys


@pytest.mark.requirement(f"{RFC7591}#section-2")
def test_members_that_are_not_understood_are_ignored_and_not_told_back(developer: Developer) -> None:
    unknown = {
        "client_name#fr": "Courbe",
        "request_uris": ["x"],
        "backchannel": {"deep": [1.5]},
        "tos_uri": None,
    }
    answer = developer.register(**unknown, software_version="2")
    assert answer.status_code == 201
    assert not answer.json().keys() & {*unknown, "software_version"}


STAFF_ONLY: dict[str, Any] = {
    "status": "live",
    "client_id": "lab-viewer",
    "client_secret": "chosen",
    "auto_approved_scope": "patient/Observation.rs",
    "required_scope": "patient/Observation.rs",
    "consent_policy": "always",
    "introspection": "any",
    "access_token_seconds": 3600,
    "refresh_token_seconds": 10**8,
    "may_launch": ["lab-viewer"],
    "skip_authorization": True,
    "registration_source": "manual",
    "client_type": "confidential",
}


@pytest.mark.parametrize("member", sorted(STAFF_ONLY))
def test_what_only_staff_decide_is_never_taken_from_the_app(developer: Developer, member: str) -> None:
    plain = Developer(initial_token("another"))
    plain.register()
    developer.register(**{member: STAFF_ONLY[member]})
    own = ("id", "client_id", "created", "updated", "_state")

    def facts(application: Application) -> dict[str, Any]:
        return {name: value for name, value in vars(application).items() if name not in own}

    assert facts(developer.application) == facts(plain.application)
    assert developer.client_id != STAFF_ONLY["client_id"]
    assert developer.application.may_launch.count() == 0
    assert not ClientSecret.objects.exists()


@pytest.mark.parametrize(
    ("said", "member"),
    [
        ({"scope": "openid system/*.rs"}, "scope"),
        ({"scope": "openid introspection"}, "scope"),
        ({"scope": "openid http://testserver/scopes/launch-context"}, "scope"),
        ({**SIGNING, "application_type": "backend", "jwks": JWKS}, "application_type"),
        ({"grant_types": ["client_credentials"], **SIGNING, "jwks": JWKS}, "grant_types"),
        (
            {"grant_types": ["authorization_code", "client_credentials"], **SIGNING, "jwks": JWKS},
            "grant_types",
        ),
    ],
)
def test_rights_of_backend_services_are_given_by_staff_alone(
    developer: Developer, said: dict[str, Any], member: str
) -> None:
    answer = developer.register(**said)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    faults = [f"{fault}." for fault in answer.json()["error_description"].split(". ")]
    assert any(fault.startswith(f"{member}: ") and "by this server's staff" in fault for fault in faults)
    assert not Application.objects.exists()


@pytest.mark.requirement(f"{RFC7591}#section-3.2.2")
def test_every_fault_is_named(developer: Developer) -> None:
    answer = developer.register(client_name="", scope="patient/Patient.", policy_uri="javascript:alert(1)")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    words = answer.json()["error_description"]
    assert "client_name: is missing." in words
    assert "scope: patient/Patient. is not a scope." in words
    assert "policy_uri: must be an absolute https URL." in words
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.requirement(f"{RFC7591}#section-3.2.2")
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example.org/cb#x",
        "https://*.example.org/cb",
        "myapp:/cb",
        "/cb",
        "https://app.example.org/\u00fc",
    ],
)
def test_a_bad_redirect_uri_has_an_error_of_its_own(developer: Developer, uri: str) -> None:
    answer = developer.register(redirect_uris=[uri])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
    assert answer.json()["error_description"].isascii()


@pytest.mark.requirement(f"{RFC7591}#section-3.1.1")
def test_a_software_statement_is_refused_as_nobody_is_trusted_to_make_one(developer: Developer) -> None:
    answer = developer.register(software_statement="eyJhbGciOiJub25lIn0.e30.")
    assert (answer.status_code, answer.json()["error"]) == (400, "unapproved_software_statement")
    assert not Application.objects.exists()


@pytest.mark.requirement(f"{RFC7591}#section-3")
@pytest.mark.parametrize(
    "fields",
    [
        {"revoked": timezone.now()},
        {"expires": timezone.now() - timedelta(seconds=1)},
        {"registrations_left": 0},
    ],
)
def test_an_initial_access_token_that_ended_registers_nothing(fields: dict[str, Any]) -> None:
    answer = Developer(initial_token(**fields)).register()
    unknown = Developer("never-made").register()
    assert (answer.status_code, unknown.status_code) == (401, 401)
    assert plain(answer.content) == plain(unknown.content)
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic ZnJvbS1zdGFmZg==", "from-staff", "bearerfrom-staff"]
)
def test_without_a_token_in_the_header_nothing_is_registered(developer: Developer, header: str) -> None:
    answer = Browser().post(
        "/oauth/register",
        {"client_name": "x", "redirect_uris": ["https://app.example.org/cb"], "access_token": "from-staff"},
        content_type="application/json",
        headers={"Authorization": header} if header else {},
    )
    assert answer.status_code == 401
    assert not Application.objects.exists()


def test_an_initial_access_token_registers_as_many_clients_as_it_says() -> None:
    developer = Developer(initial_token(registrations_left=2, expires=timezone.now() + timedelta(hours=1)))
    assert [developer.register().status_code for _ in range(3)] == [201, 201, 401]
    assert InitialAccessToken.objects.get().registrations_left == 0
    assert Application.objects.count() == 2


def test_a_refused_registration_uses_up_nothing() -> None:
    developer = Developer(initial_token(registrations_left=1))
    assert developer.register(redirect_uris=["javascript:x"]).status_code == 400
    assert InitialAccessToken.objects.get().registrations_left == 1
    assert developer.register().status_code == 201


def test_without_a_number_a_token_registers_any_number(developer: Developer) -> None:
    assert [developer.register().status_code for _ in range(3)] == [201] * 3
    assert InitialAccessToken.objects.get().registrations_left is None


def test_it_is_known_by_which_token_a_client_was_registered(developer: Developer) -> None:
    developer.register()
    row = ClientRegistration.objects.get()
    assert row.application == developer.application
    assert row.initial_access_token == InitialAccessToken.objects.get()


def test_tokens_are_kept_as_digests_only(developer: Developer) -> None:
    developer.register()
    [row] = ClientRegistration.objects.values()
    assert row["digest"] == token_checksum(developer.told["registration_access_token"])
    [held] = InitialAccessToken.objects.values()
    assert developer.told["registration_access_token"] not in str(row)
    assert developer.token not in str(held)


def test_apps_register_without_a_token_only_where_a_second_setting_says_so(settings: Settings) -> None:
    assert Developer().register().status_code == 401
    settings.DYNAMIC_REGISTRATION_OPEN = True
    developer = Developer()
    assert developer.register().status_code == 201
    assert developer.application.status == "draft"
    assert ClientRegistration.objects.get().initial_access_token is None
    settings.DYNAMIC_REGISTRATION = False
    assert Developer().register().status_code == 404


def test_a_wrong_token_is_refused_also_where_none_is_needed(settings: Settings) -> None:
    settings.DYNAMIC_REGISTRATION_OPEN = True
    assert Developer("made-up").register().status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_registering_is_a_post(method: str) -> None:
    answer = send(method, "/oauth/register", {}, initial_token())
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"

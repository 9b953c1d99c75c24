"""What a registration may say, and every kind of nonsense that it may not."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from oauth.clients.metadata import BadMetadata, fill
from oauth.models import Application
from tests.oauth.services import ec_key, jwk_of, jwks_of, rsa_key

GOOD: dict[str, Any] = {
    "client_name": "Lab Viewer",
    "redirect_uris": ["https://app.example.org/callback"],
    "scope": "launch openid fhirUser patient/*.rs",
    "application_type": "browser",
    "token_endpoint_auth_method": "none",
    "launch_url": "https://app.example.org/launch.html",
    "contacts": ["apps@example.org"],
}


@pytest.fixture(autouse=True)
def strict(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False


def faults_of(**changes: Any) -> list[str]:
    with pytest.raises(BadMetadata) as bad:
        fill(Application(), {**GOOD, **changes})
    return bad.value.faults


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7591#section-2")
def test_good_metadata_become_a_client() -> None:
    application = fill(Application(), {**GOOD, "response_types": ["code"], "access_token_seconds": 600})
    assert application.name == "Lab Viewer"
    assert application.redirect_uris == "https://app.example.org/callback"
    assert application.client_type == Application.CLIENT_PUBLIC
    assert application.client_secret == ""
    assert application.introspection == "none"
    assert application.grant_types == ["authorization_code", "refresh_token"]
    assert application.access_token_seconds == 600
    assert application.allowed_origins == "https://app.example.org"


def test_a_confidential_client_may_ask_about_its_own_tokens_unless_told_otherwise() -> None:
    web = {**GOOD, "application_type": "web", "token_endpoint_auth_method": "client_secret_basic"}
    application = fill(Application(), web)
    assert application.client_type == Application.CLIENT_CONFIDENTIAL
    assert application.introspection == "own"
    assert application.allowed_origins == ""
    assert fill(Application(), {**web, "introspection": "any"}).introspection == "any"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"client_name": " "}, "client_name"),
        ({"client_name": 5}, "client_name"),
        ({"client_name": "a\x00b"}, "client_name"),
        ({"client_id": "two words"}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://app.example.org/"}, "redirect_uris"),
        ({"redirect_uris": [""]}, "redirect_uris"),
        ({"redirect_uris": [None]}, "redirect_uris"),
        ({"scope": ""}, "scope"),
        ({"scope": "patient/Patient."}, "scope"),
        ({"scope": ["openid"]}, "scope"),
        ({"scope": "openid introspection"}, "scope"),
        ({"auto_approved_scope": "user/*.rs"}, "auto_approved_scope"),
        ({"application_type": "toaster"}, "application_type"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"grant_types": ["password"]}, "grant_types"),
        ({"grant_types": ["refresh_token"]}, "grant_types"),
        ({"response_types": ["token"]}, "response_types"),
        ({"introspection": "any"}, "introspection"),
        ({"contacts": ["nobody"]}, "contacts"),
        ({"launch_url": "javascript:alert(1)"}, "launch_url"),
        ({"launch_url": "http://app.example.org/launch"}, "launch_url"),
        ({"logo_uri": "data:image/png;base64,AAAA"}, "logo_uri"),
        ({"policy_uri": "/privacy"}, "policy_uri"),
        ({"tos_uri": "https://user:pw@example.org/"}, "tos_uri"),
        ({"allowed_origins": ["https://app.example.org/"]}, "allowed_origins"),
        ({"allowed_origins": ["*"]}, "allowed_origins"),
        ({"allowed_origins": ["null"]}, "allowed_origins"),
        ({"access_token_seconds": 10}, "access_token_seconds"),
        ({"access_token_seconds": 86_400}, "access_token_seconds"),
        ({"access_token_seconds": True}, "access_token_seconds"),
        ({"refresh_token_seconds": -1}, "refresh_token_seconds"),
        ({"status": "great"}, "status"),
        ({"client_secret": "mine"}, "client_secret"),
        ({"skip_authorization": True}, "skip_authorization"),
    ],
)
def test_nonsense_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    assert {fault.partition(":")[0] for fault in faults_of(**changes)} == {name}


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8252#section-7")
@pytest.mark.parametrize(
    ("uri", "application_type", "is_good"),
    [
        ("https://app.example.org/cb", "browser", True),
        ("https://app.example.org/cb?x=1", "web", True),
        ("https://app.example.org:8443/cb", "web", True),
        ("http://app.example.org/cb", "browser", False),
        ("http://localhost/cb", "browser", False),
        ("http://127.0.0.1/cb", "browser", False),
        ("http://127.0.0.1/cb", "native", True),
        ("http://[::1]/cb", "native", True),
        ("http://127.0.0.2/cb", "native", False),
        ("http://localhost/cb", "native", False),
        ("org.example.app:/cb", "native", True),
        ("org.example.app:/cb", "browser", False),
        ("org.example.app://cb", "native", False),
        ("myapp:/cb", "native", False),
        ("javascript:alert(1)", "native", False),
        ("data:text/html,x", "native", False),
        ("file:///etc/passwd", "native", False),
        ("https://app.example.org/cb#x", "browser", False),
        ("https://app.example.org/*", "browser", False),
        ("https://*.example.org/cb", "browser", False),
        ("https://user@app.example.org/cb", "browser", False),
        ("https://app.example.org\\@evil.example/cb", "browser", False),
        ("https:///cb", "browser", False),
        ("https://[bad/cb", "browser", False),
        ("https://app.example.org:x/cb", "browser", False),
        ("//app.example.org/cb", "browser", False),
        ("/cb", "browser", False),
    ],
)
def test_a_redirect_uri_is_https_or_a_native_apps_own(uri: str, application_type: str, is_good: bool) -> None:
    metadata = {**GOOD, "redirect_uris": [uri], "application_type": application_type, "allowed_origins": []}
    if is_good:
        assert fill(Application(), metadata).redirect_uris == uri
    else:
        assert any(fault.startswith("redirect_uris:") for fault in faults_of(**metadata))


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("client_name", 255),
        ("publisher", 255),
        ("software_id", 255),
        ("logo_uri", 200),
        ("launch_url", 500),
        ("jwks_uri", 500),
    ],
)
def test_what_the_tables_cannot_hold_is_refused_by_name(name: str, longest: int) -> None:
    is_url = name.endswith(("_uri", "_url"))
    text = ("https://app.example.org/" if is_url else "").ljust(longest + 1, "x")
    signing = {"application_type": "web", "token_endpoint_auth_method": "private_key_jwt"}
    base = {**GOOD, **(signing if name == "jwks_uri" else {})}
    fill(Application(), {**base, name: text[:longest]}).clean_fields(exclude=["user"])
    with pytest.raises(BadMetadata) as bad:
        fill(Application(), {**base, name: text})
    assert bad.value.faults == [f"{name}: must not be longer than {longest} characters."]


@pytest.mark.parametrize("status", ["draft", "live", "suspended"])
def test_a_retired_client_never_comes_back(status: str) -> None:
    application = fill(Application(), {**GOOD, "status": "retired"})
    with pytest.raises(BadMetadata, match="stays retired"):
        fill(application, {"status": status})
    assert application.status == "retired"
    assert fill(application, {"status": "retired", "publisher": "Other"}).publisher == "Other"


SERVICE: dict[str, Any] = {
    "client_name": "Nightly export",
    "application_type": "backend",
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": json.loads(jwks_of(jwk_of(ec_key(), "first"))),
    "scope": "system/*.rs",
}


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"
    "#registering-a-client-communicating-public-keys"
)
def test_a_backend_service_is_registered_with_its_keys_or_with_their_address() -> None:
    application = fill(Application(), SERVICE)
    assert application.grant_types == ["client_credentials"]
    assert application.client_type == Application.CLIENT_CONFIDENTIAL
    assert json.loads(application.client_jwks) == SERVICE["jwks"]
    assert application.has_keys
    assert not application.has_secrets
    url = "https://service.example.org/jwks.json"
    fill(application, {"jwks_uri": url})
    assert (application.client_jwks_uri, application.client_jwks) == (url, "")
    fill(application, {"jwks": SERVICE["jwks"]})
    assert application.client_jwks_uri == ""
    assert json.loads(application.client_jwks) == SERVICE["jwks"]


def test_a_client_that_no_longer_signs_keeps_no_keys() -> None:
    web = {**GOOD, "application_type": "web", "token_endpoint_auth_method": "private_key_jwt"}
    application = fill(Application(), {**web, "jwks": SERVICE["jwks"]})
    assert application.grant_types == ["authorization_code", "refresh_token"]
    fill(application, {"token_endpoint_auth_method": "client_secret_basic"})
    assert (application.client_jwks, application.client_jwks_uri) == ("", "")


def test_an_app_may_be_for_people_and_for_itself() -> None:
    both = {
        **SERVICE,
        "application_type": "web",
        "grant_types": ["authorization_code", "client_credentials"],
        "redirect_uris": ["https://app.example.org/callback"],
        "scope": "openid patient/*.rs system/*.rs",
    }
    assert fill(Application(), both).scope == both["scope"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": []}, "jwks"),
        ({"jwks": {"keys": [jwk_of(ec_key(), "first", d="AQAB")]}}, "jwks"),
        ({"jwks": {"keys": [jwk_of(rsa_key(bits=1024), "first")]}}, "jwks"),
        ({"jwks": {"keys": [jwk_of(ec_key(), "\ud800")]}}, "jwks"),
        ({"jwks_uri": "https://service.example.org/jwks.json"}, "jwks_uri"),
        ({"jwks": None, "jwks_uri": "http://service.example.org/jwks.json"}, "jwks_uri"),
        ({"jwks": None, "jwks_uri": "https://user:pw@service.example.org/"}, "jwks_uri"),
        ({"jwks": None, "jwks_uri": "https://sérvice.example.org/"}, "jwks_uri"),
        ({"jwks": None, "jwks_uri": ["https://service.example.org/"]}, "jwks_uri"),
        ({"jwks": None}, "jwks"),
        ({"jwks": None, "token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"application_type": "web", "grant_types": ["authorization_code"],
          "redirect_uris": ["https://app.example.org/"], "scope": "openid",
          "introspection": "own", "token_endpoint_auth_method": "client_secret_basic"}, "jwks"),
        ({"grant_types": ["authorization_code"], "redirect_uris": ["https://app.example.org/"],
          "scope": "openid"}, "grant_types"),
        ({"grant_types": ["client_credentials", "refresh_token"], "application_type": "web"}, "grant_types"),
        ({"scope": "system/*.rs patient/*.rs"}, "scope"),
        ({"scope": "system/*.rs offline_access"}, "scope"),
        ({"launch_url": "https://app.example.org/launch"}, "launch_url"),
        ({"access_token_seconds": 10}, "access_token_seconds"),
    ],
)  # fmt: skip
def test_what_makes_no_backend_service_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    metadata = {key: value for key, value in {**SERVICE, **changes}.items() if value is not None}
    with pytest.raises(BadMetadata) as bad:
        fill(Application(), metadata)
    assert {fault.partition(":")[0] for fault in bad.value.faults} == {name}


def test_a_system_scope_is_only_for_backend_services() -> None:
    assert faults_of(scope="openid system/*.rs") == [
        "scope: system/*.rs is for backend services: it needs client_credentials."
    ]


def test_http_urls_are_taken_only_where_the_settings_allow_them(settings: Settings) -> None:
    local = {
        **GOOD,
        "redirect_uris": ["http://localhost:8001/"],
        "launch_url": "http://localhost:8001/launch.html",
    }
    assert len(faults_of(**local)) >= 2
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    application = fill(Application(), local)
    assert application.allowed_origins == "http://localhost:8001"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8443", "LOCALHOST.", "app.localhost", "127.0.0.1", "127.1", "[::1]:8443"]
)
@pytest.mark.parametrize("member", ["redirect_uris", "launch_url", "allowed_origins", "logo_uri"])
def test_localhost_is_taken_only_where_the_settings_allow_it(
    settings: Settings, host: str, member: str
) -> None:
    url = f"https://{host}" if member == "allowed_origins" else f"https://{host}/x"
    local = {**GOOD, member: [url] if member in ("redirect_uris", "allowed_origins") else url}
    assert [fault for fault in faults_of(**local) if fault.startswith(f"{member}:")]
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    assert fill(Application(), local).name == GOOD["client_name"]


def test_every_fault_is_named_at_once_and_the_client_stays_as_it_was() -> None:
    application = Application(name="Before", redirect_uris="https://before.example.org/")
    with pytest.raises(BadMetadata) as bad:
        fill(application, {"client_name": "", "scope": "nonsense", "redirect_uris": ["ftp://x/"]})
    assert {fault.partition(":")[0] for fault in bad.value.faults} >= {
        "client_name",
        "scope",
        "redirect_uris",
    }
    assert application.name == "Before"
    assert application.redirect_uris == "https://before.example.org/"


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7591#section-2")
@pytest.mark.parametrize(
    ("changes", "application_type"),
    [
        ({"token_endpoint_auth_method": "client_secret_basic"}, "web"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "web"),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": SERVICE["jwks"]}, "web"),
        ({"token_endpoint_auth_method": "none"}, "browser"),
        ({}, "browser"),
        ({"application_type": "native"}, "native"),
    ],
)
def test_a_client_that_proves_itself_is_a_web_app_unless_it_says_otherwise(
    changes: dict[str, Any], application_type: str
) -> None:
    plain = {name: GOOD[name] for name in ("client_name", "redirect_uris", "scope")}
    application = fill(Application(), {**plain, **changes})
    assert application.application_type == application_type
    assert application.is_public == (application_type != "web")


def test_a_client_that_only_acts_for_itself_is_a_backend_service() -> None:
    silent = {name: value for name, value in SERVICE.items() if name != "application_type"}
    assert (
        fill(Application(), {**silent, "grant_types": ["client_credentials"]}).application_type == "backend"
    )


@pytest.mark.parametrize("name", ["auto_approved_scope", "required_scope"])
def test_what_is_marked_lies_within_what_may_be_asked_for(name: str) -> None:
    within = {**GOOD, name: "openid patient/Observation.rs?status=final patient/Patient.r"}
    assert getattr(fill(Application(), within), name) == within[name]
    for beyond in ("user/*.rs", "patient/*.cruds", "offline_access"):
        assert faults_of(**{name: beyond}) == [f"{name}: {beyond} is not within scope."]
    assert faults_of(**{name: "nonsense"}) == [f"{name}: nonsense is not a scope."]


def test_a_lifetime_can_be_given_back_to_the_server() -> None:
    application = fill(Application(), {**GOOD, "access_token_seconds": 600})
    assert fill(application, {"access_token_seconds": None}).access_token_seconds is None


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(299, "access_token_seconds"), (3601, "access_token_seconds"), (299, "refresh_token_seconds")],
)
def test_lifetimes_have_their_limits(seconds: int, name: str) -> None:
    assert faults_of(**{name: seconds})[0].startswith(f"{name}: must be between")


def test_a_description_may_have_several_lines_and_nothing_that_cannot_be_seen() -> None:
    assert fill(Application(), {**GOOD, "description": "One\nTwo"}).description == "One\nTwo"
    for hidden in ("a\0b", "a\u202eb", "a\x1bb"):
        assert "description" in faults_of(description=hidden)[0]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("myapp:/cb", "a domain name in reverse order"),
        ("http://localhost/cb", "http://127.0.0.1 or http://[::1], not at localhost"),
    ],
)
def test_a_fault_of_a_native_app_says_what_would_do(uri: str, words: str) -> None:
    [fault] = faults_of(application_type="native", redirect_uris=[uri], allowed_origins=[])
    assert words in fault

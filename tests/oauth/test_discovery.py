"""The discovery documents: what they must say, and that they say nothing that does not work."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from oauth import catalogue, smart_configuration
from oauth.models import Scope
from oauth.scopes import parse_scopes
from tests.oauth.issuing import make_key

pytestmark = pytest.mark.django_db

SMART = "/fhir/.well-known/smart-configuration"
OPENID = "/.well-known/openid-configuration"
RFC8414 = "/.well-known/oauth-authorization-server"
DOCUMENTS = [SMART, OPENID, RFC8414, "/oauth/jwks"]
CONFORMANCE = "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html"


def read(client: Client, url: str) -> dict[str, Any]:
    document: dict[str, Any] = client.get(url).json()
    return document


@pytest.mark.requirement(f"{CONFORMANCE}#using-well-known")
@pytest.mark.parametrize("url", DOCUMENTS)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/fhir+json", ""])
def test_a_document_is_json_for_every_origin_whatever_accept_says(
    client: Client, url: str, accept: str
) -> None:
    answer = client.get(url, headers={"Accept": accept, "Origin": "https://anywhere.example.org"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] in ("*", "https://anywhere.example.org")


@pytest.mark.parametrize("url", DOCUMENTS)
def test_a_document_can_only_be_read(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405
    assert client.head(url).status_code == 200


@pytest.mark.requirement(f"{CONFORMANCE}#metadata")
def test_the_smart_configuration_names_every_required_member(client: Client) -> None:
    document = read(client, SMART)
    site = "http://testserver"
    assert document["issuer"] == site
    assert document["authorization_endpoint"] == f"{site}/oauth/authorize"
    assert document["token_endpoint"] == f"{site}/oauth/token"
    assert document["introspection_endpoint"] == f"{site}/oauth/introspect"
    assert document["revocation_endpoint"] == f"{site}/oauth/revoke"
    assert document["management_endpoint"] == f"{site}/oauth/manage"
    assert document["jwks_uri"] == f"{site}/oauth/jwks"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert document["response_types_supported"] == ["code"]
    assert document["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "client_secret_post", "private_key_jwt",
    ]  # fmt: skip
    assert document["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
    assert "registration_endpoint" not in document


@pytest.mark.requirement(f"{CONFORMANCE}#capabilities")
def test_the_capabilities_are_those_that_work(client: Client) -> None:
    capabilities = read(client, SMART)["capabilities"]
    assert {
        "launch-ehr",
        "launch-standalone",
        "authorize-post",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-style",
        "context-ehr-patient",
        "context-ehr-encounter",
        "context-standalone-patient",
        "context-standalone-encounter",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
    } <= set(capabilities)
    assert len(capabilities) == len(set(capabilities))


@pytest.mark.requirement(f"{CONFORMANCE}#capabilities")
def test_granular_scopes_are_claimed_exactly_as_long_as_they_are_granted(client: Client) -> None:
    asked = parse_scopes("patient/Observation.rs?category=laboratory") or ()
    allowed = parse_scopes("patient/*.rs") or ()
    claimed = "permission-v2" in read(client, SMART)["capabilities"]
    assert claimed == bool(catalogue.grantable(asked, allowed))


def test_a_scope_switched_off_leaves_the_documents_with_the_capability_that_needs_it(client: Client) -> None:
    Scope.objects.filter(pattern__in=["offline_access", "user/*.rs", "user/*.cud"]).update(enabled=False)
    document = read(client, SMART)
    assert "offline_access" not in document["scopes_supported"]
    assert not [scope for scope in document["scopes_supported"] if scope.startswith("user/")]
    assert "permission-offline" not in document["capabilities"]
    assert "permission-user" not in document["capabilities"]
    assert "permission-patient" in document["capabilities"]


def test_a_scope_that_is_not_advertised_is_in_no_document(client: Client) -> None:
    Scope.objects.filter(pattern="email").update(advertised=False)
    for url in (SMART, OPENID, RFC8414):
        assert "email" not in read(client, url)["scopes_supported"]


def test_scopes_are_named_in_both_spellings(client: Client) -> None:
    scopes = read(client, SMART)["scopes_supported"]
    assert {"patient/*.rs", "patient/*.read", "patient/*.cud", "patient/*.write", "openid"} <= set(scopes)


def test_the_three_documents_agree(client: Client) -> None:
    smart, openid, rfc8414 = (read(client, url) for url in (SMART, OPENID, RFC8414))
    for one, two in ((smart, openid), (openid, rfc8414), (smart, rfc8414)):
        assert {name: one[name] for name in one.keys() & two.keys()} == {
            name: two[name] for name in one.keys() & two.keys()
        }


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8414#section-2")
def test_a_client_proves_itself_to_introspection_and_revocation_as_to_the_token_endpoint(
    client: Client,
) -> None:
    document = read(client, RFC8414)
    for what in ("auth_methods_supported", "auth_signing_alg_values_supported"):
        offered = document[f"token_endpoint_{what}"]
        assert document[f"introspection_endpoint_{what}"] == offered
        assert document[f"revocation_endpoint_{what}"] == offered


@pytest.mark.requirement("https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata")
def test_the_openid_configuration_names_every_required_member(client: Client) -> None:
    document = read(client, OPENID)
    assert document["userinfo_endpoint"] == "http://testserver/oauth/userinfo"
    assert document["subject_types_supported"] == ["public"]
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document["request_uri_parameter_supported"] is False
    assert "fhirUser" in document["claims_supported"]


def test_the_oauth_uris_are_those_of_the_smart_configuration(client: Client) -> None:
    document = read(client, SMART)
    assert smart_configuration.oauth_uris() == {
        "authorize": document["authorization_endpoint"],
        "token": document["token_endpoint"],
        "introspect": document["introspection_endpoint"],
        "manage": document["management_endpoint"],
        "revoke": document["revocation_endpoint"],
    }


@pytest.mark.parametrize("registers", [True, False])
def test_the_capability_statement_names_smart_and_the_endpoints_of_the_smart_configuration(
    client: Client, settings: Settings, registers: bool
) -> None:
    settings.DYNAMIC_REGISTRATION = registers
    document = read(client, SMART)
    security = read(client, "/fhir/metadata")["rest"][0]["security"]
    [service] = security["service"]
    assert [coding["code"] for coding in service["coding"]] == ["SMART-on-FHIR"]
    [extension] = security["extension"]
    assert extension["url"].endswith("/StructureDefinition/oauth-uris")
    named = {"authorize": "authorization", "token": "token", "introspect": "introspection"}
    named |= {"manage": "management", "revoke": "revocation"} | (
        {"register": "registration"} if registers else {}
    )
    assert {each["url"]: each["valueUri"] for each in extension["extension"]} == {
        name: document[f"{member}_endpoint"] for name, member in named.items()
    }


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7517#section-5")
def test_the_published_keys_are_public_parts_of_keys_that_verify(client: Client) -> None:
    published, retired = make_key("published"), make_key("retired")
    withdrawn = make_key("withdrawn")
    keys = {key["kid"]: key for key in read(client, "/oauth/jwks")["keys"]}
    assert {published.row.kid, retired.row.kid} <= set(keys)
    assert withdrawn.row.kid not in keys
    assert all("d" not in key for key in keys.values())

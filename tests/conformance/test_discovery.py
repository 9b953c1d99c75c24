"""What the page on conformance demands of smart-configuration, as an app reads it.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known
"""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client as Browser

pytestmark = pytest.mark.django_db

PATH = "/fhir/.well-known/smart-configuration"
SITE = "http://testserver"


def discovered() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = Browser().get(PATH).json()
    return document


@pytest.mark.requirement("SMART-376")
@pytest.mark.requirement("SMART-30")
@pytest.mark.requirement("SMART-372")
@pytest.mark.requirement("SMART-374")
@pytest.mark.requirement("SMART-377")
@pytest.mark.requirement("SMART-380")
@pytest.mark.parametrize(
    "accept", [None, "*/*", "text/html", "application/fhir+xml", "nonsense", "text/*;q=0"]
)
def test_the_document_is_json_below_the_fhir_base_whatever_accept_says(accept: str | None) -> None:
    assert f"{settings.FHIR_BASE}/.well-known/smart-configuration" == f"{SITE}{PATH}"
    answer = Browser().get(PATH, headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert isinstance(answer.json(), dict)


@pytest.mark.requirement("SMART-30")
@pytest.mark.requirement("SMART-373")
@pytest.mark.requirement("SMART-381")
@pytest.mark.requirement("SMART-382")
@pytest.mark.requirement("SMART-383")
@pytest.mark.requirement("SMART-385")
@pytest.mark.requirement("SMART-393")
def test_the_document_tells_issuer_keys_endpoints_and_capabilities() -> None:
    document = discovered()
    assert document["issuer"] == SITE
    assert document["jwks_uri"] == f"{SITE}/oauth/jwks"
    assert document["authorization_endpoint"] == f"{SITE}/oauth/authorize"
    assert document["token_endpoint"] == f"{SITE}/oauth/token"
    assert {"sso-openid-connect", "launch-ehr", "launch-standalone"} <= set(document["capabilities"])
    assert all(isinstance(name, str) for name in document["capabilities"])


@pytest.mark.requirement("SMART-381")
@pytest.mark.requirement("SMART-382")
def test_issuer_and_keys_are_those_of_openid_connects_own_document() -> None:
    document = discovered()
    address = f"{document['issuer']}/.well-known/openid-configuration".removeprefix(SITE)
    openid = Browser().get(address).json()
    assert (openid["issuer"], openid["jwks_uri"]) == (document["issuer"], document["jwks_uri"])
    assert "keys" in Browser().get(document["jwks_uri"].removeprefix(SITE)).json()


@pytest.mark.requirement("SMART-378")
def test_every_endpoint_is_absolute_and_answered() -> None:
    document = discovered()
    endpoints = {
        name: url
        for name, url in document.items()
        if name.endswith(("_endpoint", "_uri")) or name == "issuer"
    }
    assert len(endpoints) >= 7
    for name, url in endpoints.items():
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc) == ("http", "testserver"), name
        if name != "issuer":
            assert Browser().get(parts.path).status_code != 404, name


@pytest.mark.requirement("SMART-390")
@pytest.mark.requirement("SMART-391")
@pytest.mark.requirement("SMART-392")
def test_the_document_tells_where_tokens_are_looked_at_and_taken_back() -> None:
    document = discovered()
    assert document["response_types_supported"] == ["code"]
    assert document["introspection_endpoint"] == f"{SITE}/oauth/introspect"
    assert document["revocation_endpoint"] == f"{SITE}/oauth/revoke"
    assert document["management_endpoint"] == f"{SITE}/oauth/manage"


@pytest.mark.requirement("SMART-384")
def test_the_grant_types_are_those_of_launches_and_of_backend_services() -> None:
    assert {"authorization_code", "client_credentials"} <= set(discovered()["grant_types_supported"])


@pytest.mark.requirement("SMART-15")
@pytest.mark.requirement("SMART-394")
def test_s256_is_the_one_challenge_method() -> None:
    assert discovered()["code_challenge_methods_supported"] == ["S256"]

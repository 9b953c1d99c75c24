"""Client definitions of another product: each property is translated, or it is said why not."""

import json
from typing import Any

import pytest

from oauth.client_exchange import definition_form
from oauth.client_exchange.definition_form import _TRANSLATED, _WITHOUT_COUNTERPART
from oauth.client_exchange.planning import Plan, plan
from oauth.clients.secrets import add_secret, verify
from oauth.models import Application, ClientSecret
from tests.oauth.services import ec_key, jwk_of, jwks_of
from tests.oauth.test_client_exchange import faults, file_of, kinds, make, notes, take
from tests.oauth.test_client_metadata import GOOD

pytestmark = pytest.mark.django_db

SECRET = "correct-horse-battery"
JWKS = json.loads(jwks_of(jwk_of(ec_key(), "first")))
# Every property that the form has.
EVERY = {
    "pid": 7,
    "nodeId": "Master",
    "moduleId": "smart_auth",
    "clientId": "growth",
    "clientName": "Growth Chart",
    "enabled": True,
    "archivedAt": None,
    "accessTokenValiditySeconds": 300,
    "refreshTokenValiditySeconds": 86400,
    "allowedGrantTypes": ["AUTHORIZATION_CODE", "REFRESH_TOKEN"],
    "registeredRedirectUris": ["https://app.example.org/callback"],
    "scopes": ["openid", "profile", "launch", "patient/*.read", "offline_access"],
    "autoApproveScopes": ["openid"],
    "autoGrantScopes": ["profile"],
    "alwaysRequireApproval": False,
    "rememberApprovedScopes": True,
    "fixedScope": False,
    "secretRequired": True,
    "clientSecrets": [
        {
            "pid": 1,
            "secret": SECRET,
            "description": "First",
            "activation": "2026-01-01",
            "expiration": "2999-12-31T00:00:00.000Z",
        }
    ],
    "secretClientCanChange": True,
    "jwksUrl": None,
    "publicJwks": None,
    "canIntrospectOwnTokens": True,
    "canIntrospectAnyTokens": False,
    "canReissueTokens": True,
    "permissions": [{"permission": "FHIR_READ_ALL_OF_TYPE", "argument": "Patient"}],
    "attestationAccepted": True,
    "createdByAppSphere": True,
}
SERVICE = {
    "clientId": "nightly",
    "clientName": "Nightly",
    "allowedGrantTypes": ["CLIENT_CREDENTIALS", "JWT_BEARER"],
    "scopes": ["system/*.read"],
    "jwksUrl": "https://app.example.org/jwks.json",
    "enabled": True,
}


def without(definition: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name not in names}


def taken(definition: dict[str, Any]) -> Application:
    take(file_of(definition), with_status=True)
    client: Application = Application.objects.get(client_id=definition["clientId"])
    return client


def planned(definition: dict[str, Any]) -> Plan:
    return plan(file_of(definition), with_status=True)


def test_a_definition_becomes_a_client() -> None:
    client = taken(EVERY)
    assert (client.client_id, client.name, client.status) == ("growth", "Growth Chart", "live")
    assert (client.application_type, client.token_endpoint_auth_method) == ("web", "client_secret_basic")
    assert (client.access_token_seconds, client.refresh_token_seconds) == (300, 86400)
    assert client.grant_types == ["authorization_code", "refresh_token"]
    assert client.redirect_uris == "https://app.example.org/callback"
    assert client.scope == "openid profile launch patient/*.read offline_access"
    assert (client.auto_approved_scope, client.required_scope) == ("openid", "")
    assert (client.consent_policy, client.introspection) == ("remember", "own")
    kept = ClientSecret.objects.get()
    assert (kept.description, kept.starts.isoformat()) == ("First", "2026-01-01T00:00:00+00:00")
    assert kept.ends is not None
    assert kept.ends.year == 2999
    assert verify(client, SECRET)


def test_every_property_is_translated_or_noted() -> None:
    """A property that is asked for and neither taken nor noted would be lost in silence."""
    assert set(EVERY) == _TRANSLATED | set(_WITHOUT_COUNTERPART)
    told = notes(planned(EVERY))
    for member in (
        *_WITHOUT_COUNTERPART,
        "autoGrantScopes: profile",
        "permissions: FHIR_READ_ALL_OF_TYPE Patient",
    ):
        assert f"not taken: {member}: " in told
    assert "no such member is known" in notes(planned({**EVERY, "brandNew": 1}))


def test_the_same_definition_again_changes_nothing() -> None:
    taken(EVERY)
    assert kinds(take(file_of(EVERY), with_status=True)) == ["unchanged"]
    assert ClientSecret.objects.count() == 1


@pytest.mark.parametrize(
    ("grants", "kept", "noted"),
    [
        (["AUTHORIZATION_CODE", "IMPLICIT"], ["authorization_code"], ["IMPLICIT"]),
        (["AUTHORIZATION_CODE", "PASSWORD"], ["authorization_code"], ["PASSWORD"]),
        (["AUTHORIZATION_CODE", "JWT_BEARER"], ["authorization_code"], ["JWT_BEARER"]),
        (["AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"], ["authorization_code"], ["CLIENT_CREDENTIALS"]),
        (["AUTHORIZATION_CODE", "NONSENSE"], ["authorization_code"], ["NONSENSE"]),
        (["REFRESH_TOKEN", "AUTHORIZATION_CODE"], ["refresh_token", "authorization_code"], []),
    ],
)
def test_a_grant_type_that_does_not_exist_here_is_dropped_with_its_reason(
    grants: list[str], kept: list[str], noted: list[str]
) -> None:
    definition = {**EVERY, "allowedGrantTypes": grants}
    told = notes(planned(definition))
    assert [name for name in noted if f"not taken: allowedGrantTypes: {name}: " in told] == noted
    assert taken(definition).grant_types == kept


@pytest.mark.parametrize("grants", [["IMPLICIT"], ["PASSWORD"], ["JWT_BEARER"], ["REFRESH_TOKEN"], [], None])
def test_a_client_that_is_left_without_a_grant_type_is_refused(grants: list[str] | None) -> None:
    assert "allowedGrantTypes: nothing is left" in faults(planned({**EVERY, "allowedGrantTypes": grants}))


def test_a_service_with_a_secret_is_refused_and_told_what_it_needs() -> None:
    definition = {**EVERY, "allowedGrantTypes": ["CLIENT_CREDENTIALS"], "scopes": ["system/*.read"]}
    assert "client_credentials needs private_key_jwt, never a secret" in faults(planned(definition))


@pytest.mark.parametrize("keys", [JWKS, json.dumps(JWKS)])
def test_a_service_with_its_keys_or_their_address_becomes_a_backend_service(keys: Any) -> None:
    by_address = taken(SERVICE)
    assert (by_address.application_type, by_address.client_jwks_uri) == ("backend", SERVICE["jwksUrl"])
    assert by_address.grant_types == ["client_credentials"]
    told = notes(planned(SERVICE))
    assert "not taken: allowedGrantTypes: JWT_BEARER: it is no grant here" in told
    inline = taken({**without(SERVICE, "jwksUrl"), "clientId": "other", "publicJwks": keys})
    assert json.loads(inline.client_jwks) == JWKS
    assert inline.has_keys


def test_of_two_places_for_keys_the_address_is_taken() -> None:
    found = planned({**SERVICE, "publicJwks": JWKS, "clientSecrets": [{"secret": SECRET}]})
    assert "not taken: publicJwks: " in notes(found)
    assert "not taken: clientSecrets: the client proves itself by its key" in notes(found)
    assert not found.has_faults


@pytest.mark.parametrize(
    ("uris", "application_type"),
    [
        (["https://app.example.org/callback"], "browser"),
        (["org.example.app:/callback"], "native"),
        (["http://127.0.0.1/callback", "https://app.example.org/callback"], "native"),
    ],
)
def test_a_client_that_needs_no_secret_is_public(uris: list[str], application_type: str) -> None:
    definition = {**EVERY, "secretRequired": False, "registeredRedirectUris": uris}
    told = notes(planned(definition))
    assert "not taken: clientSecrets: " in told
    assert "not taken: canIntrospectOwnTokens: " in told
    client = taken(definition)
    assert client.is_public
    assert (client.application_type, client.introspection) == (application_type, "none")


def test_nobody_becomes_public_because_a_definition_is_silent() -> None:
    silent = without(EVERY, "secretRequired", "clientSecrets")
    assert "secretRequired: is missing" in faults(planned(silent))
    taken(EVERY)
    assert taken(silent).has_secrets
    assert taken({**without(EVERY, "secretRequired"), "clientId": "other"}).has_secrets


def test_what_the_form_cannot_tell_stays_as_it_is_registered_here() -> None:
    web = {**GOOD, "application_type": "web", "token_endpoint_auth_method": "client_secret_post"}
    add_secret(make("growth", web))
    client = taken(without(EVERY, "clientSecrets"))
    assert client.token_endpoint_auth_method == "client_secret_post"
    assert client.launch_url == GOOD["launch_url"]
    assert client.contacts == GOOD["contacts"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"enabled": False}, "suspended"),
        ({"enabled": True, "archivedAt": "2026-01-01T00:00:00Z"}, "retired"),
        ({"enabled": None}, "draft"),
    ],
)
def test_the_status_follows_from_enabled_and_archived(changes: dict[str, Any], status: str) -> None:
    assert taken({**EVERY, **changes}).status == status


@pytest.mark.parametrize(("given", "taken_as"), [(60, 300), (86_400, 3600), (-1, 300), (600, 600)])
def test_a_lifetime_beyond_ours_is_taken_as_the_nearest_and_said_so(given: int, taken_as: int) -> None:
    definition = {**EVERY, "accessTokenValiditySeconds": given}
    told = f"taken otherwise: accessTokenValiditySeconds: {taken_as} in place of {given}" in notes(
        planned(definition)
    )
    assert told == (given != taken_as)
    assert taken(definition).access_token_seconds == taken_as


@pytest.mark.parametrize(
    ("always", "remember", "policy"),
    [(True, True, "always"), (True, False, "always"), (False, True, "remember"), (False, False, "always")],
)
def test_people_are_asked_as_often_as_before(always: bool, remember: bool, policy: str) -> None:
    definition = {**EVERY, "alwaysRequireApproval": always, "rememberApprovedScopes": remember}
    assert taken(definition).consent_policy == policy


def test_a_fixed_scope_cannot_be_declined() -> None:
    definition = {**EVERY, "fixedScope": True}
    assert "taken otherwise: fixedScope: " in notes(planned(definition))
    client = taken(definition)
    assert client.required_scope == client.scope
    assert taken({**EVERY, "fixedScope": False}).required_scope == ""


def test_a_part_that_was_required_here_stays_required() -> None:
    client = taken(EVERY)
    Application.objects.filter(pk=client.pk).update(required_scope="openid")
    assert taken(EVERY).required_scope == "openid"


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("cdr_all_user_authorities", "it is not a scope here"),
        ("system/*.read", "it is for backend services"),
        ("introspection", "it is only for clients with canIntrospectAnyTokens"),
    ],
)
def test_a_scope_that_means_nothing_here_is_dropped_with_its_reason(scope: str, why: str) -> None:
    definition = {**EVERY, "scopes": [*EVERY["scopes"], scope], "autoApproveScopes": [scope]}  # type: ignore[misc]
    told = notes(planned(definition))
    assert f"not taken: scopes: {scope}: {why}" in told
    assert f"not taken: autoApproveScopes: {scope}: " in told
    client = taken(definition)
    assert scope not in client.scope.split()
    assert client.auto_approved_scope == ""


def test_a_client_without_any_scope_of_ours_is_refused() -> None:
    assert "scope: is missing" in faults(planned({**EVERY, "scopes": ["cdr_all_user_authorities"]}))


def test_approval_alone_is_held_against_the_scopes_that_are_here() -> None:
    taken(EVERY)
    client = taken({**without(EVERY, "scopes"), "autoApproveScopes": ["patient/Observation.rs", "user/*.rs"]})
    assert client.auto_approved_scope == "patient/Observation.rs"


def test_scopes_may_be_one_text() -> None:
    assert taken({**EVERY, "scopes": "openid launch"}).scope == "openid launch"


def test_whoever_could_ask_about_any_token_still_can() -> None:
    definition = {**EVERY, "canIntrospectAnyTokens": True, "scopes": ["openid", "introspection"]}
    client = taken(definition)
    assert (client.introspection, client.scope) == ("any", "openid introspection")


def test_redacted_and_hashed_secrets_are_not_taken() -> None:
    secrets = [{"secret": "***"}, {"secret": "$2a$12$abcdefghijklmnopqrstuv"}]
    found = take(file_of({**EVERY, "clientSecrets": secrets}))
    assert "1 without the secret itself" in notes(found)
    assert "it is hashed" in notes(found)
    assert not ClientSecret.objects.exists()


def test_secrets_on_both_sides_are_a_fault() -> None:
    client = taken(without(EVERY, "clientSecrets"))
    own = add_secret(client)
    assert "which a file does not replace" in faults(planned(EVERY))
    assert verify(client, own)


@pytest.mark.parametrize(
    "changes",
    [
        {"clientId": ""},
        {"clientId": 5},
        {"clientId": "two words"},
        {"clientName": None},
        {"clientName": 5},
        {"enabled": "yes"},
        {"secretRequired": 1},
        {"scopes": [1]},
        {"scopes": {}},
        {"scopes": ["a b"]},
        {"allowedGrantTypes": [["x"]]},
        {"registeredRedirectUris": ["javascript:alert(1)"]},
        {"registeredRedirectUris": ["https://*.example.org/"]},
        {"registeredRedirectUris": []},
        {"accessTokenValiditySeconds": "300"},
        {"accessTokenValiditySeconds": True},
        {"jwksUrl": 5},
        {"jwksUrl": "http://127.0.0.1:x/"},
        {"publicJwks": "no JSON"},
        {"publicJwks": [1]},
        {"publicJwks": {"keys": []}},
        {"publicJwks": "[" * 100_000},
        {"clientSecrets": "x"},
        {"clientSecrets": [{"secret": "short"}]},
    ],
)
def test_nonsense_is_named_and_nothing_is_saved(changes: dict[str, Any]) -> None:
    assert planned({**EVERY, **changes}).has_faults
    assert not Application.objects.exists()


def test_odd_values_without_counterpart_do_no_harm() -> None:
    odd = {"permissions": "ALL", "archivedAt": [], "pid": {"a": 1}, "x" * 500: "y"}
    found = planned({**EVERY, **odd})
    assert not found.has_faults
    assert "not taken: permissions: ALL: " in notes(found)
    assert max(len(note) for note in found.entries[0].notes) < 300


def test_definitions_and_our_own_form_go_together_in_one_file() -> None:
    found = take(file_of(EVERY, {**GOOD, "client_id": "own"}))
    assert kinds(found) == ["new", "new"]
    assert not definition_form.is_definition(GOOD)

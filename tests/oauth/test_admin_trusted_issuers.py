"""Trusted issuers in the admin console: what staff type, what is found there, and what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from oauth.foreign.issuers import keep_secret, secret_of
from oauth.models import FetchedKeySet, TrustedIssuer
from smartcdr.groups import APP_MANAGER, AUDITOR
from tests.oauth.console import act
from tests.oauth.foreign import (
    CLIENT_ID,
    ISSUER,
    SECRET,
    Server,
    other_issuer,
    other_server,
    p256,
    refusal_of,
)
from tests.oauth.issuing import make_user
from tests.oauth.services import jwk_of, jwks_of, rsa_key
from tests.person import Page

pytestmark = pytest.mark.django_db

ADD = "/admin/oauth/trustedissuer/add/"
PASTED = jwks_of(jwk_of(p256(), "k1"), jwk_of(rsa_key(), "for-encryption", use="enc"))


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with other_server() as running:
        yield running


def form(**changes: Any) -> dict[str, Any]:
    """A good form; a field that is None is left out."""
    typed = {
        "name": "The clinic's sign-in",
        "active": "on",
        "issuer": ISSUER,
        "keys": "jwks",
        "jwks": PASTED,
        "algorithms": ["ES256", "RS256"],
        "scope": "openid fhirUser\npatient/*.rs",
        "patient_claim": "patient",
        "user_claim": "fhirUser",
        "scope_claim": "scope",
        "client_claim": "client_id",
        "checking": "until_exp",
        **changes,
    }
    return {name: value for name, value in typed.items() if value is not None}


def save(staff: Client, path: str = ADD, **changes: Any) -> str:
    """The page that follows."""
    return str(staff.post(path, form(**changes), follow=True).content.decode())


def errors_of(staff: Client, **changes: Any) -> list[str]:
    """What the form says, after which nothing is saved."""
    answer = staff.post(ADD, form(**changes))
    assert answer.status_code == 200
    assert not TrustedIssuer.objects.exists()
    found = answer.context["adminform"].form.errors
    return [f"{name}: {words}" for name, each in found.items() for words in each]


def test_staff_register_an_issuer_with_pasted_keys_and_are_told_which_can_verify(staff: Client) -> None:
    page = save(staff)
    assert "1 key can verify: k1 (ES256); for-encryption cannot be used" in page
    row = TrustedIssuer.objects.get()
    assert (row.issuer, row.scope, row.active) == (ISSUER, "openid fhirUser patient/*.rs", True)
    assert row.expected_audience == "http://testserver/fhir"


def test_what_is_discovered_is_shown_and_so_is_whether_introspection_lets_us_in(
    staff: Client, server: Server
) -> None:
    asked = {
        "checking": "introspection",
        "introspection_client_id": CLIENT_ID,
        "introspection_secret": SECRET,
    }
    server.answer = {"active": False}
    page = save(staff, issuer=server.url, keys="discovery", jwks=None, **asked)
    assert f"Keys: {server.url}/jwks. Introspection: {server.url}/introspect." in page
    assert "1 key can verify: k1 (ES256)" in page
    assert "introspection answers us" in page
    row = TrustedIssuer.objects.get()
    assert secret_of(row) == SECRET
    path = f"/admin/oauth/trustedissuer/{row.pk}/change/"
    shown = staff.get(path).content.decode()
    assert SECRET not in shown
    assert row.introspection_secret_encrypted not in shown
    again = {**asked, "introspection_secret": "", "name": "Renamed"}
    save(staff, path, issuer=server.url, keys="discovery", jwks=None, **again)
    assert secret_of(TrustedIssuer.objects.get(name="Renamed")) == SECRET
    server.answer = {"active": True}
    assert "says of a made-up token that it is active" in told(staff, row)
    TrustedIssuer.objects.update(introspection_client_id="somebody-else")
    assert "introspection does not work. The answer has status 401" in told(staff, row)


def told(staff: Client, row: TrustedIssuer) -> str:
    """What the check says; the metadata are fetched anew by it."""
    return str(act(staff, "trustedissuer", "look_again", row.pk).content.decode())


FOUND: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"metadata": {"issuer": "https://x"}}, "The metadata name another issuer"),
    "an error": ({"status": 500}, "No metadata could be fetched"),
    "no keys that can verify": ({"jwks": jwks_of(jwk_of(p256(), "k1", use="enc"))}, "0 keys can verify"),
    "a private key": ({"jwks": jwks_of(jwk_of(p256(), "k1", d="AQAB"))}, "holds a private or secret key"),
}


@pytest.mark.parametrize(("said", "words"), FOUND.values(), ids=FOUND)
def test_what_is_wrong_there_is_said_when_staff_save(
    staff: Client, server: Server, said: dict[str, Any], words: str
) -> None:
    for name, value in said.items():
        setattr(server, name, value)
    assert words in save(staff, issuer=server.url, keys="discovery", jwks=None)


def test_the_console_shows_what_was_fetched_for_an_issuer(staff: Client, server: Server) -> None:
    server.jwks = jwks_of(jwk_of(rsa_key(), "theirs"))
    save(staff, issuer=server.url, keys="jwks_uri", jwks=None, jwks_uri=f"{server.url}/jwks")
    listed = staff.get("/admin/oauth/fetchedkeyset/").content.decode()
    assert "The clinic&#x27;s sign-in" in listed
    assert "theirs (RS256, RS384, RS512, PS256, PS384, PS512)" in listed
    again = act(staff, "fetchedkeyset", "fetch_again", FetchedKeySet.objects.get().pk).content.decode()
    assert "theirs (RS256" in again
    TrustedIssuer.objects.update(keys="discovery", jwks_uri="")
    listed = staff.get("/admin/oauth/fetchedkeyset/").content.decode()
    assert "a trusted issuer whose metadata name it" in listed


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"issuer": ""}, "issuer: This field is required"),
    "http": ({"issuer": "http://login.example.org"}, "issuer: must be https."),
    "a query": ({"issuer": f"{ISSUER}?a=b"}, "issuer: has no query and no fragment."),
    "ourselves": ({"issuer": "http://testserver"}, "issuer: must be https."),
    "no keys": ({"jwks": ""}, "jwks: is missing."),
    "two ways to keys": ({"jwks_uri": "https://x.example.org/k"}, "jwks_uri: leave it empty"),
    "keys inside": (
        {"keys": "jwks_uri", "jwks": "", "jwks_uri": "https://localhost/k"},
        "jwks_uri: must not",
    ),
    "a private key": (
        {"jwks": jwks_of(jwk_of(p256(), "k1", d="AQAB"))},
        "jwks: holds a private or secret key",
    ),
    "a shared secret": (
        {"jwks": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})},
        "private or secret",
    ),
    "no key that verifies": ({"algorithms": ["RS256"]}, "jwks: has no key that can verify."),
    "no algorithm": ({"algorithms": None}, "algorithms: This field is required."),
    "a symmetric algorithm": ({"algorithms": ["HS256"]}, "algorithms: Select a valid choice."),
    "no scope": ({"scope": ""}, "scope: This field is required."),
    "what is no scope": ({"scope": "patient/Everything.rs"}, "scope: patient/Everything.rs is not a scope."),
    "a scope of ours": (
        {"scope": "introspection"},
        "scope: introspection says nothing in a token of another",
    ),
    "a scope that nobody enforces": ({"scope": "patient/Observation.rs?colour=red"}, "cannot be enforced"),
    "a claim that is taken": ({"patient_claim": "aud"}, "patient_claim: this claim says something else"),
    "a claim twice": ({"patient_claim": "fhirUser"}, "user_claim: this claim says something else"),
    "a claim with quotes": ({"user_claim": 'a"b'}, "user_claim: must be the name of a claim"),
    "an origin with a path": ({"allowed_origins": "https://a.example.org/"}, "allowed_origins: https://a"),
    "nobody to ask as": ({"checking": "introspection"}, "introspection_client_id: is missing"),
    "nowhere to ask": (
        {"checking": "introspection", "introspection_client_id": "x", "introspection_secret": "y"},
        "introspection_endpoint: is missing",
    ),
    "no secret": (
        {"checking": "introspection", "introspection_client_id": "x"},
        "introspection_secret: is missing",
    ),
    "a base with a slash": (
        {"fhir_base": "https://ehr.example.org/fhir/"},
        "fhir_base: has no slash at its end.",
    ),
}


@pytest.mark.parametrize(("changes", "words"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_trusted_is_refused_at_its_field(
    staff: Client, settings: Settings, changes: dict[str, Any], words: str
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    assert words in "\n".join(errors_of(staff, **changes))


def test_this_server_itself_and_an_issuer_twice_are_refused(staff: Client, settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    assert errors_of(staff, issuer="http://testserver/") == [
        "issuer: that is this server, whose own tokens count anyway."
    ]
    save(staff)
    assert staff.post(ADD, form(name="Twice")).status_code == 200
    assert TrustedIssuer.objects.count() == 1


def test_switching_off_and_refusing_what_was_issued_are_actions_of_the_list(staff: Client) -> None:
    other = other_issuer()
    token = other.token(patient="a")
    assert refusal_of(token)[0] == 404
    assert (
        "this counts at the next request"
        in act(staff, "trustedissuer", "refuse_earlier", other.row.pk).content.decode()
    )
    assert "before its issuer was last switched on" in refusal_of(token)[2]
    act(staff, "trustedissuer", "switch_off", other.row.pk)
    assert refusal_of(token)[2] == "The token's issuer (iss) is not trusted here."
    act(staff, "trustedissuer", "switch_on", other.row.pk)
    assert "before its issuer was last switched on" in refusal_of(token)[2]
    history = staff.get(f"/admin/oauth/trustedissuer/{other.row.pk}/history/").content.decode()
    assert [history.count(words) for words in ("Switched on.", "Switched off.")] == [1, 1]


@pytest.mark.parametrize("group", [APP_MANAGER, AUDITOR])
def test_who_may_only_look_changes_nothing_and_sees_no_secret(group: str) -> None:
    from django.contrib.auth.models import Group

    other = other_issuer(checking="introspection", introspection_endpoint="https://login.example.org/i")
    user = make_user("", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    page = client.get(f"/admin/oauth/trustedissuer/{other.row.pk}/change/")
    assert page.status_code == 200
    assert ISSUER in page.content.decode()
    assert SECRET not in page.content.decode()
    assert other.row.introspection_secret_encrypted not in page.content.decode()
    assert not any(found.has("introspection_secret") for found in Page(page.content.decode()).forms)
    assert client.post(f"/admin/oauth/trustedissuer/{other.row.pk}/change/", form()).status_code == 403
    assert client.get(ADD).status_code == 403


def test_an_issuer_is_never_deleted(staff: Client) -> None:
    other = other_issuer()
    assert (
        staff.post(f"/admin/oauth/trustedissuer/{other.row.pk}/delete/", {"post": "yes"}).status_code == 403
    )


def test_secrets_follow_a_change_of_the_encryption_keys(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    row = other_issuer().row
    keep_secret(row, SECRET)
    row.save()
    old, new = settings.KEY_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.KEY_ENCRYPTION_KEYS = [new, old]
    call_command("ensure_signing_key", "--encrypt-anew")
    assert "Encrypted 1 secrets at trusted issuers anew." in capsys.readouterr().out
    settings.KEY_ENCRYPTION_KEYS = [new]
    assert secret_of(TrustedIssuer.objects.get()) == SECRET


@pytest.mark.parametrize("registered", [True, False])
def test_pages_of_an_issuers_apps_may_read_where_they_are_registered(registered: bool) -> None:
    origin = "https://app.example.org"
    other = other_issuer(allowed_origins=origin if registered else "")
    token = {"Authorization": f"Bearer {other.token(patient='a')}", "Origin": origin}
    asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for headers, method in ((token, "GET"), (asking, "OPTIONS")):
        answer = Client().generic(method, "/fhir/Patient/a", headers=headers)
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is registered
    other.change(active=False)
    answer = Client().get("/fhir/Patient/a", headers=token)
    assert "Access-Control-Allow-Origin" not in answer.headers
    posted = Client().post("/oauth/token", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in posted.headers

"""Sign-in at another OpenID provider: the protocol, and what is not believed."""

import base64
import hashlib
import logging
import math
import time
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.fernet import Fernet
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import IdentityProvider, User
from tests.accounts.openid_provider import (
    FOREIGN_KEY,
    SECRET,
    Provider,
    come_back,
    is_signed_in,
    leave,
    refused_by,
    sign_in,
)

pytestmark = pytest.mark.django_db
TOO_LONG = b'{"keys": [' + b" " * 300_000 + b"]}"


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7636#section-4")
def test_a_linked_person_signs_in_elsewhere_and_goes_on_where_they_were(
    client: Client, provider: Provider, doc: User
) -> None:
    assert "Sign in with Elsewhere" in client.get("/accounts/login/").content.decode()
    sent = leave(client, next="/accounts/sessions/")
    assert sent["redirect_uri"] == "http://testserver/accounts/elsewhere/elsewhere/callback/"
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert set(sent["scope"].split()) == {"openid", "profile", "fhirUser"}
    answer = come_back(client, provider, sent)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/sessions/")
    assert is_signed_in(client, doc)
    asked = provider.asked["/token"]
    digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
    assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked["redirect_uri"] == sent["redirect_uri"]
    assert asked["Authorization"] == "Basic " + base64.b64encode(f"smart-cdr:{SECRET}".encode()).decode()
    assert "client_secret" not in asked
    assert [each.user for each in client.get("/accounts/sessions/").context["sessions"]] == [doc]
    assert not SocialToken.objects.exists()
    assert SocialAccount.objects.get().extra_data == {}


def test_the_secret_goes_in_the_form_where_the_provider_wants_it_so(
    client: Client, provider: Provider, doc: User
) -> None:
    IdentityProvider.objects.update(token_endpoint_auth_method="client_secret_post")
    sign_in(client, provider)
    asked = provider.asked["/token"]
    assert (asked["client_id"], asked["client_secret"], asked["Authorization"]) == ("smart-cdr", SECRET, None)


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation")
@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        ({"iss": "https://other.example.org"}, "id_token"),
        ({"aud": "another-client"}, "id_token"),
        ({"aud": ["smart-cdr", "another-client"]}, "id_token"),
        ({"azp": "another-client"}, "id_token"),
        ({"exp": 1}, "id_token"),
        ({"iat": None}, "id_token"),
        ({"nonce": "planted"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"auth_time": None}, "auth_time"),
        ({"auth_time": True}, "auth_time"),
        ({"auth_time": 1}, "auth_time"),
        ({"auth_time": 10**12}, "auth_time"),
        ({"auth_time": math.nan}, "auth_time"),
        ({"auth_time": -(10**400)}, "auth_time"),
        ({"exp": "9999999999"}, "id_token"),
        ({"iat": True}, "id_token"),
        ({"azp": "\ud800"}, "id_token"),
        ({"fhirUser": "Practitioner/\ud800"}, "fhir_user"),
        ({"sub": "99"}, "account"),
        ({"sub": "9" * 192}, "identity"),
        ({"sub": "1\x007"}, "identity"),
        ({"fhirUser": None}, "fhir_user"),
    ],
)
def test_an_id_token_that_says_something_else_lets_nobody_in(
    client: Client,
    provider: Provider,
    doc: User,
    caplog: pytest.LogCaptureFixture,
    claims: dict[str, Any],
    rule: str,
) -> None:
    provider.claims = claims
    assert refused_by(sign_in(client, provider), caplog) == rule


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation")
@pytest.mark.parametrize(
    "how",
    [
        {"key": FOREIGN_KEY},
        {"header": {"kid": "unknown"}},
        {"key": "", "algorithm": "none"},
        {"key": "smart-cdr-smart-cdr-smart-cdr-smart-cdr", "algorithm": "HS256"},
    ],
)
def test_an_id_token_that_no_published_key_has_signed_lets_nobody_in(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, how: dict[str, Any]
) -> None:
    vars(provider).update(how)
    assert refused_by(sign_in(client, provider), caplog) == "id_token"


@pytest.mark.parametrize(
    ("path", "answer", "rule"),
    [
        ("/token", (401, b'{"error": "invalid_client"}'), "token_endpoint"),
        ("/token", (200, b'{"access_token": "opaque"}'), "id_token"),
        ("/token", (200, b"[]"), "token_endpoint"),
        ("/token", (200, b'{"access_token": "opaque", "id_token": "no.to.ken"}'), "id_token"),
        ("/jwks", (500, b"broken"), "keys"),
        ("/jwks", (302, b""), "keys"),
        ("/jwks", (200, b'{"keys": "none"}'), "keys"),
        ("/jwks", (200, b'{"keys": [{"kty": "EC", "kid": "one", "crv": "P-256", "x": 7}]}'), "id_token"),
        ("/jwks", (200, TOO_LONG), "reachable"),
        (
            "/.well-known/openid-configuration",
            (200, b'{"issuer": "https://other.example.org"}'),
            "configuration",
        ),
    ],
)
def test_a_provider_that_answers_nonsense_ends_on_a_calm_page(
    client: Client,
    provider: Provider,
    doc: User,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: tuple[int, bytes],
    rule: str,
) -> None:
    sent = leave(client)
    provider.answers = {path: answer}
    assert refused_by(come_back(client, provider, sent), caplog) == rule


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-3.1")
def test_an_authorization_endpoint_keeps_its_own_query(client: Client, provider: Provider, doc: User) -> None:
    provider.configured = {"authorization_endpoint": f"{provider.issuer}/authorize?p=sign-in"}
    sent = leave(client)
    assert (sent["p"], sent["client_id"]) == ("sign-in", "smart-cdr")


def test_a_secret_that_no_key_of_ours_opens_is_not_sent(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    sent = leave(client)
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert refused_by(come_back(client, provider, sent), caplog) == "secret"


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        7,
        "ftp://id.example.org/token",
        "http://",
        "http://id.example.org/?a\nb",
        "https://id.example.org/#a",
    ],
)
def test_an_endpoint_that_is_no_web_address_is_not_called(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, endpoint: Any
) -> None:
    provider.configured = {"token_endpoint": endpoint}
    answer: Any = client.post("/accounts/elsewhere/elsewhere/")
    assert refused_by(answer, caplog) == "configuration"


def test_in_production_a_provider_without_tls_is_not_called(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    provider.asked.clear()
    assert refused_by(client.post("/accounts/elsewhere/elsewhere/"), caplog) == "reachable"
    assert provider.asked == {}


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9207#section-2.4")
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"iss": "https://other.example.org"}, "iss"),
        ({"iss": None}, "iss"),
        ({"state": None}, "state"),
        ({"state": "guessed"}, "state"),
        ({"code": None, "error": "access_denied"}, "cancelled"),
        ({"code": None, "error": "invalid_scope"}, "answer"),
    ],
)
def test_an_answer_that_does_not_fit_the_request_lets_nobody_in(
    client: Client,
    provider: Provider,
    doc: User,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    rule: str,
) -> None:
    provider.asked.clear()
    sent = leave(client, next="/accounts/sessions/")
    answer = come_back(client, provider, sent, **changes)
    assert refused_by(answer, caplog) == rule
    assert "/token" not in provider.asked
    if rule != "state":
        assert "/accounts/login/?next=%2Faccounts%2Fsessions%2F" in answer.content.decode()


def test_an_answer_counts_once_and_in_the_browser_that_asked(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture
) -> None:
    sent = leave(client)
    assert refused_by(come_back(Client(), provider, sent), caplog) == "state"
    caplog.clear()
    assert come_back(client, provider, sent).status_code == 302
    client.post("/accounts/logout/")
    assert refused_by(come_back(client, provider, sent), caplog) == "state"


def test_nothing_in_the_address_changes_what_is_asked_of_the_provider(
    client: Client, provider: Provider, doc: User
) -> None:
    query = "auth_params=redirect_uri%3Dhttps%3A%2F%2Fevil.example.org&scope=admin&process=connect&action=x"
    page = client.post(
        f"/accounts/elsewhere/elsewhere/?{query}", {"next": "https://evil.example.org"}, HTTP_HOST="127.0.0.1"
    )
    url = page.context["url"]
    assert url.startswith(f"{provider.issuer}/authorize?")
    assert "evil" not in url
    assert "admin" not in url
    assert "redirect_uri=http%3A%2F%2Ftestserver%2Faccounts" in url
    [(state, *_)] = client.session["socialaccount_states"].values()
    assert "next" not in state
    assert state["process"] == "login"


def test_looking_at_the_address_sends_nobody_anywhere(client: Client, doc: User) -> None:
    assert client.get("/accounts/elsewhere/elsewhere/")["Location"] == "/accounts/login/"
    assert Client(enforce_csrf_checks=True).post("/accounts/elsewhere/elsewhere/").status_code == 403


def test_a_provider_that_is_switched_off_lets_nobody_in_from_that_moment(
    client: Client, provider: Provider, doc: User
) -> None:
    sent = leave(client)
    IdentityProvider.objects.update(active=False)
    assert "Elsewhere" not in client.get("/accounts/login/").content.decode()
    assert client.post("/accounts/elsewhere/elsewhere/").status_code == 404
    assert come_back(client, provider, sent).status_code == 404
    assert not is_signed_in(client)
    assert client.post("/accounts/elsewhere/nobody/").status_code == 404


def test_a_person_who_is_switched_off_here_does_not_come_in(
    client: Client, provider: Provider, doc: User
) -> None:
    User.objects.update(is_active=False)
    assert sign_in(client, provider)["Location"] == "/accounts/inactive/"
    assert not is_signed_in(client)


def test_nobody_has_the_provider_asked_without_end(
    client: Client, provider: Provider, doc: User, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "federated_sign_in": "1/m/ip"}
    leave(client)
    assert client.post("/accounts/elsewhere/elsewhere/").status_code == 429


def test_userinfo_adds_claims_of_the_same_person_only(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture
) -> None:
    IdentityProvider.objects.update(reads_userinfo=True)
    provider.claims = {"fhirUser": None}
    provider.userinfo = {"sub": "18", "fhirUser": "Practitioner/doc"}
    assert refused_by(sign_in(client, provider), caplog) == "userinfo"
    provider.userinfo = {"sub": "17", "fhirUser": "Practitioner/doc", "auth_time": 1}
    sign_in(client, provider)
    assert is_signed_in(client, doc)
    assert provider.asked["/userinfo"]["Authorization"] == "Bearer opaque"


def test_no_log_level_brings_out_a_code_or_a_token(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        started = time.time()
        sign_in(client, provider)
    assert is_signed_in(client, doc)
    assert time.time() - started < 60
    assert all(secret not in caplog.text for secret in (SECRET, "opaque"))

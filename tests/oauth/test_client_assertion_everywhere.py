"""Wherever a client proves itself by an assertion, each fault of it is refused alike, and nothing happens.

For a code, a refresh token, a token of its own, introspection and revocation: the fault costs the client
nothing, and with a good assertion the same request goes through.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from oauth.models import AccessToken, ClientAssertionJti
from tests.oauth.flow import Flow, make_user
from tests.oauth.references import description_of, plain
from tests.oauth.services import Service, ec_key, encode, jwk_of, jwks_of, make_service, post

pytestmark = pytest.mark.django_db
SCOPE = "openid launch/patient patient/*.rs offline_access system/*.rs"
USES = ["code", "refresh", "client_credentials", "introspection", "revocation"]
TOKEN = "http://testserver/oauth/token"


@dataclass
class App:
    """An app with people that is a service too, what it got, and how it sends one kind of request."""

    service: Service
    use: str
    path: str
    form: dict[str, str]
    access_token: str

    def send(self, assertion: str | None = None) -> Any:
        """The request with this assertion, or with a good one."""
        return post(self.path, {**self.form, **self.service.proof(assertion)})

    def is_alive(self) -> bool:
        """Whether the access token is active, as the app is told."""
        told: Any = post("/oauth/introspect", {"token": self.access_token, **self.service.proof()})
        return bool(told.json()["active"])


def make_app(use: str) -> App:
    """An app that has a code, and has exchanged an earlier one."""
    service = make_service(
        scope=SCOPE,
        application_type="web",
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        redirect_uris="https://app.example.org/callback",
    )
    flow = Flow(service.application, make_user(), scope=SCOPE.removesuffix(" system/*.rs"))

    def exchange() -> dict[str, str]:
        said = {"redirect_uri": flow.redirect_uri, "code_verifier": flow.verifier}
        return {"grant_type": "authorization_code", "code": flow.code(), **said}

    got: Any = post(TOKEN, {**exchange(), **service.proof()})
    tokens = got.json()
    forms: dict[str, tuple[str, Callable[[], dict[str, str]]]] = {
        "code": ("/oauth/token", exchange),
        "refresh": (
            "/oauth/token",
            lambda: {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        ),
        "client_credentials": (
            "/oauth/token",
            lambda: {"grant_type": "client_credentials", "scope": "system/*.rs"},
        ),
        "introspection": ("/oauth/introspect", lambda: {"token": tokens["access_token"]}),
        "revocation": ("/oauth/revoke", lambda: {"token": tokens["access_token"]}),
    }
    path, form = forms[use]
    return App(service, use, path, form(), tokens["access_token"])


def unsigned(service: Service) -> str:
    return f"{encode({'alg': 'none', 'kid': service.kid})}.{encode(service.claims())}."


def signed_with_the_public_key(service: Service) -> str:
    """HS256 with the public key as the secret, which a careless library would find to be right."""
    public = service.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"{encode({'alg': 'HS256', 'kid': service.kid})}.{encode(service.claims())}"
    signature = hmac.new(public, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def with_two_keys_of_one_kid(service: Service) -> str:
    service.application.client_jwks = jwks_of(jwk_of(ec_key(), "first"), jwk_of(ec_key(1), "first"))
    service.application.save()
    return service.assertion()


def with_a_foreign_key(service: Service) -> str:
    return Service(service.application, ec_key(7), service.kid, service.alg).assertion()


def used_before(service: Service) -> str:
    """An assertion that has asked about a token already."""
    assertion = service.assertion()
    assert post("/oauth/introspect", {"token": "x", **service.proof(assertion)}).status_code == 200
    return assertion


def now() -> int:
    return int(time.time())


FAULTS: dict[str, tuple[Callable[[Service], str], str]] = {
    "alg none": (unsigned, "alg must be RS384 or ES384."),
    "HS256 with the public key": (signed_with_the_public_key, "alg must be RS384 or ES384."),
    "wrong kid": (
        lambda service: service.assertion(headers={"kid": "second"}),
        "No registered key has this kid.",
    ),
    "two keys of one kid": (
        with_two_keys_of_one_kid,
        "Several registered keys have this kid; each needs one of its own.",
    ),
    "iss is not sub": (
        lambda service: service.assertion(sub="somebody-else"),
        "iss and sub are not the same; both must be the client_id.",
    ),
    "wrong aud": (
        lambda service: service.assertion(aud="https://other.example/token"),
        f"aud must be {TOKEN} and nothing else.",
    ),
    "expired": (
        lambda service: service.assertion(exp=now() - 1, iat=now() - 60),
        "The assertion has expired (exp); is the client's clock right?",
    ),
    "exp too far": (
        lambda service: service.assertion(exp=now() + 3600),
        "exp is more than five minutes from now.",
    ),
    "nbf in the future": (
        lambda service: service.assertion(nbf=now() + 60),
        "The assertion is not valid yet (nbf); is the client's clock right?",
    ),
    "jti used before": (
        used_before,
        "This jti was used before; every request needs an assertion of its own.",
    ),
    "foreign key": (with_a_foreign_key, "The signature is not one of the registered key with this kid."),
    "jku not registered": (
        lambda service: service.assertion(headers={"jku": "https://elsewhere.example/jwks.json"}),
        "jku is not the URL that the client's key set is registered with.",
    ),
}


@pytest.mark.requirement("SMART-335")
@pytest.mark.requirement("SMART-340")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7523#section-3")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("use", USES)
def test_a_faulty_assertion_is_refused_in_its_own_words_and_changes_nothing(use: str, fault: str) -> None:
    app = make_app(use)
    registered = app.service.application.client_jwks
    make, words = FAULTS[fault]
    assertion = make(app.service)
    tokens, used = AccessToken.objects.count(), ClientAssertionJti.objects.count()
    refused = app.send(assertion)
    assert (refused.status_code, refused["Cache-Control"]) == (401, "no-store")
    assert (refused.json()["error"], description_of(refused)) == ("invalid_client", words)
    assert (AccessToken.objects.count(), ClientAssertionJti.objects.count()) == (tokens, used)
    app.service.application.client_jwks = registered
    app.service.application.save()
    assert app.is_alive()
    assert app.send().status_code == 200
    assert app.is_alive() == (use != "revocation")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refusal_tells_nothing_that_the_sender_does_not_know(fault: str) -> None:
    app = make_app("introspection")
    other = make_service(name="Somebody else's service")
    make, _ = FAULTS[fault]
    assertion = make(app.service)
    told = app.send(assertion).content.decode()
    registered = json.loads(app.service.application.client_jwks)["keys"]
    secrets = [app.access_token, assertion, app.service.application.client_id, app.service.application.name]
    secrets += [key[name] for key in registered for name in ("x", "y")]
    secrets += [other.application.client_id, other.application.name, "Traceback", "oauth_"]
    assert [secret for secret in secrets if secret in told] == []


@pytest.mark.requirement("SMART-337")
@pytest.mark.parametrize("use", USES)
def test_who_is_unknown_and_who_is_not_live_are_refused_alike(use: str) -> None:
    app = make_app(use)
    unknown = app.send(app.service.assertion(iss="nobody", sub="nobody"))
    answers = [plain(unknown.content)]
    for status in ("draft", "suspended", "retired"):
        type(app.service.application).objects.filter(pk=app.service.application.pk).update(status=status)
        answers.append(plain(app.send().content))
    assert unknown.status_code == 401
    assert answers == [answers[0]] * 4


@pytest.mark.requirement("SMART-336")
@pytest.mark.parametrize("use", USES)
def test_an_assertion_that_was_used_for_one_thing_is_used_up_for_all(use: str) -> None:
    app = make_app(use)
    assertion = app.service.assertion()
    assert app.send(assertion).status_code == 200
    asked = {"token": "x", **app.service.proof(assertion)}
    own = {"grant_type": "client_credentials", "scope": "system/*.rs", **app.service.proof(assertion)}
    for path, form in (("/oauth/introspect", asked), ("/oauth/revoke", asked), ("/oauth/token", own)):
        again: Any = post(path, form)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
        assert "jti was used before" in again.json()["error_description"]

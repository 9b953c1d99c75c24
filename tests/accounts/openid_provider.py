"""An OpenID provider that tells of people what a test makes it tell, and somebody's way through it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.utils.html import escape

from accounts.models import IdentityProvider, User
from audit.models import Event

KEY, FOREIGN_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
KID, SECRET = "one", "a-secret-that-nobody-guesses"
Json = dict[str, Any]


@dataclass
class Provider:
    """What it answers. `claims` are laid over those of a flawless id_token, None takes one out; `answers`
    over the flawless answers, by path, each a status and a body. `asked` is what came, by path.
    """

    issuer: str = ""
    claims: Json = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    configured: Json = field(default_factory=dict)
    userinfo: Json = field(default_factory=dict)
    key: Any = KEY
    header: Json = field(default_factory=lambda: {"kid": KID})
    algorithm: str = "ES256"
    nonce: str = ""
    asked: dict[str, Any] = field(default_factory=dict)

    def configuration(self) -> Json:
        """The discovery document."""
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
            **self.configured,
        }
        return {name: value for name, value in found.items() if value is not None}

    def id_token(self) -> str:
        """A signed id_token for whoever signs in now."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "17",
            "aud": "smart-cdr",
            "exp": now + 300,
            "iat": now,
            "auth_time": now,
            "nonce": self.nonce,
            "fhirUser": "Practitioner/doc",
            **self.claims,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(told, self.key, self.algorithm, self.header)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        if path in self.answers:
            return self.answers[path]
        if path == "/jwks":
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
            return 200, json.dumps({"keys": [{**public, "kid": KID, "use": "sig", "alg": "ES256"}]}).encode()
        if path == "/token":
            return 200, json.dumps({"access_token": "opaque", "id_token": self.id_token()}).encode()
        if path == "/userinfo":
            return 200, json.dumps(self.userinfo).encode()
        return 200, json.dumps(self.configuration()).encode()

    def register(self, **more: Any) -> IdentityProvider:
        """Register this provider as staff would, with these choices."""
        provider = IdentityProvider(
            **{
                "name": "Elsewhere",
                "slug": "elsewhere",
                "issuer": self.issuer,
                "client_id": "smart-cdr",
                **more,
            }
        )
        provider.secret = SECRET
        provider.full_clean()
        provider.save()
        return provider


def leave(browser: Client, slug: str = "elsewhere", **form: str) -> Json:
    """Press the button: the parameters with which the browser arrives at the provider."""
    page = browser.post(f"/accounts/elsewhere/{slug}/", form)
    assert page.status_code == 200, page.content
    url = page.context["url"]
    assert f'href="{escape(url)}"' in page.content.decode()
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def come_back(
    browser: Client, provider: Provider, sent: Json, slug: str = "elsewhere", **changes: Any
) -> Any:
    """The provider's answer to the request that was sent; `changes` of its parameters, None takes one out."""
    provider.nonce = sent["nonce"]
    answer = {"code": "a-code", "state": sent["state"], "iss": provider.issuer, **changes}
    told = {name: value for name, value in answer.items() if value is not None}
    return browser.get(f"/accounts/elsewhere/{slug}/callback/", told)


def sign_in(browser: Client, provider: Provider, slug: str = "elsewhere", **form: str) -> Any:
    """There and back."""
    return come_back(browser, provider, leave(browser, slug, **form), slug)


def is_signed_in(browser: Client, user: User | None = None) -> bool:
    """Whether somebody, or that person, is signed in here."""
    told = browser.session.get("_auth_user_id")
    return told is not None if user is None else told == str(user.pk)


def refused_by(answer: Any, caplog: pytest.LogCaptureFixture) -> str:
    """The rule that staff find under the code that the page shows, in the log and in the audit trail."""
    assert answer.status_code == 403, answer.content
    record = [each for each in caplog.records if each.name == "accounts.federation"][-1]
    reference, _, rule, *_ = record.args  # type: ignore[misc]
    assert str(reference) in answer.content.decode()
    event = Event.objects.filter(attempt=reference, kind="sign-in", outcome="refused").latest("id")
    detail = json.loads(event.detail)
    assert (detail["rule"], f"the rule {rule}: expected" in detail["cause"]) == (rule, True)
    told = caplog.text + event.detail
    assert SECRET not in told
    assert "a-code" not in told
    return str(rule)


@contextmanager
def serving() -> Iterator[Provider]:
    """A provider on a free port of the loopback interface."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked[self.path] = dict(self.headers)
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: value for name, [value] in parse_qs(body).items()}
            provider.asked[self.path] = {**form, "Authorization": self.headers["Authorization"]}
            self._answer()

        def _answer(self) -> None:
            status, body = provider.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Location", "/jwks")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler

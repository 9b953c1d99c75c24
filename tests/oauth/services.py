"""Clients that prove themselves by a private key, for tests: their keys, their assertions, their requests.

service = make_service(scope="system/*.rs")
answer = service.ask_token("system/Patient.rs")
"""

import base64
import json
import secrets
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils.http import urlencode
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from oauth.clients.assertion import ASSERTION_TYPE
from oauth.models import Application
from tests.oauth.flow import ensure_keys

TOKEN_URL = "http://testserver/oauth/token"
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, the same for the same arguments: making one takes its time."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """A key on P-384, the same for the same number."""
    return ec.generate_private_key(ec.SECP384R1())


def jwk_of(private: Private, kid: str, **members: Any) -> dict[str, Any]:
    """The public JWK of a key, with further members or others in their place."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        found = RSAAlgorithm.to_jwk(public, as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(public, as_dict=True)
    found.pop("key_ops", None)
    return {**found, "kid": kid, **members}


def jwks_of(*jwks: dict[str, Any]) -> str:
    """A JWK Set as text."""
    return json.dumps({"keys": jwks})


def encode(part: dict[str, Any] | str) -> str:
    """One part of a JWT that no library would make."""
    text = part if isinstance(part, str) else json.dumps(part)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass
class Service:
    """A client and its private key."""

    application: Application
    private: Private
    kid: str
    alg: str

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good assertion says; a claim that is None is left out."""
        now = int(time.time())
        said = {
            "iss": self.application.client_id,
            "sub": self.application.client_id,
            "aud": TOKEN_URL,
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        return {name: value for name, value in said.items() if value is not None}

    def assertion(self, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed assertion; `changes` are claims, and a header that is None is left out."""
        named = {"kid": self.kid, **(headers or {})}
        return jwt.encode(self.claims(**changes), self.private, algorithm=self.alg, headers=named)

    def proof(self, assertion: str | None = None, **changes: Any) -> dict[str, Any]:
        """The form's fields that prove who is calling."""
        made = self.assertion(**changes) if assertion is None else assertion
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": made}

    def ask_token(self, scope: str | None = "system/*.rs", **changes: Any) -> Any:
        """The answer of the token endpoint to a good request with these fields changed."""
        form = {"grant_type": "client_credentials", "scope": scope, **self.proof(), **changes}
        return post("/oauth/token", form)

    def bearer(self, scope: str = "system/*.rs") -> dict[str, str]:
        """Headers with a new access token."""
        answer = self.ask_token(scope)
        assert answer.status_code == 200, answer.content
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def make_service(scope: str = "system/*.cruds introspection", alg: str = "ES384", **fields: Any) -> Service:
    """A live backend service with a key of its own, registered inline unless `fields` say otherwise."""
    ensure_keys()
    private: Private = ec_key() if alg == "ES384" else rsa_key()
    kid = "first"
    registered: dict[str, Any] = {
        "client_id": f"service-{secrets.token_hex(8)}",
        "name": "Nightly export",
        "status": Application.Status.LIVE,
        "application_type": "backend",
        "client_type": "confidential",
        "token_endpoint_auth_method": "private_key_jwt",
        "authorization_grant_type": "authorization-code",
        "grant_types": ["client_credentials"],
        "client_secret": "",
        "client_jwks": jwks_of(jwk_of(private, kid)),
        "introspection": "own",
        "scope": scope,
        **fields,
    }
    return Service(Application.objects.create(**registered), private, kid, alg)


def post(path: str, form: dict[str, Any], headers: dict[str, str] | None = None) -> HttpResponse:
    """POST a form, with nothing of a browser's; fields that are None are left out."""
    fields = {name: value for name, value in form.items() if value is not None}
    return Browser().post(  # type: ignore[return-value]
        path, urlencode(fields), content_type="application/x-www-form-urlencoded", headers=headers or {}
    )

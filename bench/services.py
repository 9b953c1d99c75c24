"""The benchmark's backend services: their keys, and assertions that were signed before the time runs."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bench.tokens import register

SCOPE = "system/*.rs"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion counts for five minutes; those that have waited longer than this are thrown away.
EXP_SECONDS, GOOD_SECONDS = 280, 200
T = TypeVar("T")


class Service:
    """A client that signs with RS384 or ES384."""

    def __init__(self, site: str, environment: Mapping[str, str], alg: str) -> None:
        self.alg = alg
        self._key: Any
        if alg == "RS384":
            self._key = rsa.generate_private_key(65537, 2048)
            public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        else:
            self._key = ec.generate_private_key(ec.SECP384R1())
            public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        metadata = {
            "client_name": f"Benchmark service {alg}",
            "application_type": "backend",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{**public, "kid": alg}]},
            "scope": SCOPE,
        }
        self._client_id = register(metadata, environment)["client_id"]
        self._token_endpoint = f"{site}/oauth/token"

    def form(self) -> dict[str, str]:
        """A token request with an assertion of its own."""
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_endpoint,
            "exp": int(time.time()) + EXP_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        return {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(claims, self._key, algorithm=self.alg, headers={"kid": self.alg}),
        }


def ahead(make: Callable[[], T], count: int, now: Callable[[], float] = time.monotonic) -> Iterator[T]:
    """What `make` makes, made `count` at a time when the first of them is asked for, and none that is too
    old."""
    while True:
        until = now() + GOOD_SECONDS
        for made in [make() for _ in range(count)]:
            if now() > until:
                break
            yield made


def is_granted(body: bytes) -> bool:
    """Whether this is the token response that was asked for."""
    told = json.loads(body)
    is_jwt = told["access_token"].count(".") == 2
    return is_jwt and bool(told["scope"] == SCOPE and told["expires_in"] == 300)

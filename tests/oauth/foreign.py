"""Another authorization server, for tests: its keys, its tokens, and what it says of itself over HTTP.

other = other_issuer(scope="patient/*.rs")            # keys pasted; no server
answer = send(other.token(patient="a"), "GET", "Patient/a")

with other_server() as server:                        # metadata, keys and introspection
    other = server.registered(checking="introspection")
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from jwt.algorithms import get_default_algorithms

from oauth.foreign.issuers import keep_secret
from oauth.jwk_sets import ISSUER_ALGORITHMS
from oauth.models import TrustedIssuer
from tests.oauth.services import Private, encode, jwk_of, jwks_of

ISSUER = "https://login.example.org/realms/clinic"
CLIENT_ID, SECRET = "smart-cdr", "a secret: of ours/there"


@cache
def p256(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """A key on P-256, the same for the same number."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Other:
    """An issuer that staff have registered here, and its private key."""

    row: TrustedIssuer
    private: Private
    kid: str = "k1"
    alg: str = "ES256"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says; a claim that is None is left out."""
        now = int(time.time())
        said = {
            "iss": self.row.issuer,
            "sub": "somebody-there",
            "aud": settings.FHIR_BASE,
            "client_id": "their-app",
            "scope": "patient/*.rs",
            "iat": now,
            "exp": now + 300,
            **changes,
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, headers: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A signed token; `changes` are claims, and a header that is None is left out. Libraries would refuse
        to make many of them.
        """
        named = {"typ": "at+jwt", "alg": self.alg, "kid": self.kid, **(headers or {})}
        header = {name: value for name, value in named.items() if value is not None}
        signed = f"{encode(header)}.{encode(self.claims(**changes))}"
        algorithm = get_default_algorithms()[
            str(named["alg"]) if named["alg"] in ISSUER_ALGORITHMS else self.alg
        ]
        signature = algorithm.sign(signed.encode(), key or self.private)
        return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def change(self, **fields: Any) -> None:
        """Let staff change what is registered."""
        TrustedIssuer.objects.filter(pk=self.row.pk).update(**fields)


def other_issuer(private: Private | None = None, kid: str = "k1", alg: str = "ES256", **fields: Any) -> Other:
    """A registered issuer whose keys are pasted, unless `fields` say otherwise."""
    private = private or p256()
    values: dict[str, Any] = {
        "name": "The clinic's sign-in",
        "issuer": ISSUER,
        "keys": TrustedIssuer.Keys.JWKS,
        "jwks": jwks_of(jwk_of(private, kid)),
        "scope": "openid fhirUser patient/*.cruds user/*.cruds system/*.cruds",
        **fields,
    }
    row = TrustedIssuer(**values)
    if row.is_introspected:
        row.introspection_client_id = CLIENT_ID
        keep_secret(row, SECRET)
    row.save()
    return Other(row, private, kid, alg)


def send(token: str, method: str, path: str, body: Any = None) -> Any:
    """A request below the FHIR base with this access token."""
    data = "" if body is None else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"}
    return Client().generic(method, f"/fhir/{path}", data, "application/fhir+json", headers=headers)


def refusal_of(token: str, path: str = "Patient/a") -> tuple[int, str, str]:
    """Status, challenge and words of the answer to a read with this token."""
    answer = send(token, "GET", path)
    return (
        answer.status_code,
        answer.headers.get("WWW-Authenticate", ""),
        answer.json()["issue"][0]["diagnostics"],
    )


@dataclass
class Server:
    """What the other server says. `seen` has method and path of each request; `asked` the forms of
    introspection, and `before` runs before each answer to one.
    """

    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    jwks: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = field(default_factory=lambda: {"active": True})
    seen: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None

    def registered(self, **fields: Any) -> Other:
        """Registered here, by discovery unless `fields` say otherwise."""
        return other_issuer(
            **{"issuer": self.url, "keys": TrustedIssuer.Keys.DISCOVERY, "jwks": "", **fields}
        )

    def times(self, path: str) -> int:
        """How often this path was asked for."""
        return sum(line.endswith(f" {path}") for line in self.seen)


@contextmanager
def other_server() -> Iterator[Server]:
    """A server on a free port of the loopback interface; its `url` is its issuer."""
    server = Server(jwks=jwks_of(jwk_of(p256(), "k1")))
    listening = _Server(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{listening.server_port}"
    server.metadata = {
        "issuer": server.url,
        "jwks_uri": f"{server.url}/jwks",
        "introspection_endpoint": f"{server.url}/introspect",
    }
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers that hang up."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.seen.append(f"GET {self.path}")
            found = {
                "/.well-known/openid-configuration": json.dumps(server.metadata),
                "/jwks": server.jwks,
            }.get(self.path)
            self._say(server.status if found is not None else 404, found or "")

        def do_POST(self) -> None:
            server.seen.append(f"POST {self.path}")
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            server.asked.append({name: values[0] for name, values in form.items()})
            server.before()
            proof = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            known = [unquote_plus(each) for each in proof.split(":")] == [CLIENT_ID, SECRET]
            said = server.answer if isinstance(server.answer, str) else json.dumps(server.answer)
            self._say(server.status if known else 401, said)

        def _say(self, status: int, body: str) -> None:
            self.send_response(status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def observation(patient: str, **members: Any) -> dict[str, Any]:
    """One of this patient, made by the practitioner p."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": "Practitioner/p"}],
        **members,
    }


def found(token: str, query: str) -> list[str]:
    """The ids that a search with this token finds."""
    answer = send(token, "GET", query)
    assert answer.status_code == 200, answer.content
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))


def statuses(token: str, *paths: str) -> list[int]:
    """What reads of these with this token are answered."""
    return [send(token, "GET", path).status_code for path in paths]

"""A stand-in for a SMART on FHIR server: just enough to show what the Lab Viewer does with its answers."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

Json = dict[str, Any]


class SmartStandIn(ThreadingHTTPServer):
    """Signs everybody in at once, as told by its attributes, and remembers what was asked of it."""

    daemon_threads = True

    def __init__(self, resources: Iterable[Json], patient: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.iss = f"{self.origin}/fhir"
        self.resources = list(resources)
        self.patient = patient
        self.page_size = 100
        # How it behaves:
        self.authorize_error = ""
        self.authorize_changes: dict[str, str | None] = {}
        self.token_extra: Json = {}
        self.token_status = 200
        self.expires_in = 3600
        self.with_refresh = True
        self.status_for: dict[str, int] = {}
        self.configuration_changes: Json = {}
        self.next_link_origin = ""
        # What it was asked:
        self.authorize_queries: list[dict[str, str]] = []
        self.token_bodies: list[dict[str, str]] = []
        self.fhir_paths: list[str] = []
        self.preflights = 0
        self.revoked: list[str] = []
        self._challenge = ""
        self.access_token = ""
        self.refresh_token = ""

    def configuration(self) -> Json:
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "revocation_endpoint": f"{self.origin}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "capabilities": ["launch-ehr", "launch-standalone", "client-public"],
        } | self.configuration_changes

    def authorize(self, query: dict[str, str]) -> str:
        self.authorize_queries.append(query)
        self._challenge = query["code_challenge"]
        answer: dict[str, str | None] = {"code": "one-code", "state": query["state"], "iss": self.origin}
        if self.authorize_error:
            answer = {
                "error": self.authorize_error,
                "error_description": "The person said no.",
                "state": query["state"],
                "iss": self.origin,
            }
        answer |= self.authorize_changes
        kept = {name: value for name, value in answer.items() if value is not None}
        return f"{query['redirect_uri']}?{urlencode(kept)}"

    def token(self, body: dict[str, str]) -> tuple[int, Json]:
        self.token_bodies.append(body)
        if self.token_status != 200:
            return self.token_status, {"error": "invalid_grant", "error_description": "It was revoked."}
        if body["grant_type"] == "authorization_code":
            digest = hashlib.sha256(body["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self._challenge
        elif body["refresh_token"] != self.refresh_token:
            return 400, {"error": "invalid_grant"}
        self.access_token, self.refresh_token = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        answer: Json = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": "launch/patient patient/Observation.rs",
            "patient": self.patient,
        }
        if self.with_refresh:
            answer["refresh_token"] = self.refresh_token
        return 200, answer | self.token_extra

    def fhir(self, path: str, authorization: str) -> tuple[int, Json]:
        self.fhir_paths.append(path)
        parts = urlsplit(path)
        kind = parts.path.split("/")[2]
        if authorization != f"Bearer {self.access_token}":
            return 401, _outcome("The token is not alive.")
        if kind in self.status_for:
            return self.status_for[kind], _outcome("It is not for you.")
        if kind == "Patient":
            return 200, next(one for one in self.resources if one["resourceType"] == "Patient")
        return 200, self._page(dict(parse_qsl(parts.query)))

    def _page(self, query: dict[str, str]) -> Json:
        labs = [
            one
            for one in self.resources
            if one["resourceType"] == "Observation"
            and one["category"][0]["coding"][0]["code"] == query["category"]
        ]
        start = int(query.get("start", "0"))
        end = start + self.page_size
        bundle: Json = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(labs),
            "entry": [{"resource": one} for one in labs[start:end]],
            "link": [],
        }
        if end < len(labs):
            url = (
                f"{self.next_link_origin or self.origin}/fhir/Observation?{urlencode(query | {'start': end})}"
            )
            bundle["link"] = [{"relation": "next", "url": url}]
        return bundle


def _outcome(text: str) -> Json:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "forbidden", "diagnostics": text}],
    }


class _Handler(BaseHTTPRequestHandler):
    server: SmartStandIn

    def do_OPTIONS(self) -> None:
        self.server.preflights += 1
        self._send(
            204,
            {},
            {
                "Access-Control-Allow-Headers": "authorization, content-type",
                "Access-Control-Allow-Methods": "GET, POST",
            },
        )

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/fhir/.well-known/smart-configuration":
            self._send(200, self.server.configuration())
        elif path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            self._send(302, {}, {"Location": self.server.authorize(query)})
        elif path.startswith("/fhir/"):
            self._send(*self.server.fhir(self.path, self.headers.get("Authorization", "")))
        else:
            self._send(404, {})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body = dict(parse_qsl(text))
        if self.path == "/token":
            self._send(*self.server.token(body))
        else:
            self.server.revoked.append(body["token"])
            self._send(200, {})

    def _send(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        payload = b"" if status in (204, 302) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Access-Control-Allow-Origin": "*",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        pass

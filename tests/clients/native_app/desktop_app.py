"""A desktop app in one file, of the standard library alone, as RFC 8252 has it: it opens a page in the
browser, waits for the answer on a port of the loopback interface, and uses what it got.

    python desktop_app.py FHIR_BASE CLIENT_ID SCOPE [127.0.0.1 | ::1]

It prints the address that the browser is to open, and then, as JSON, what it could do.
"""

import base64
import hashlib
import json
import secrets
import socket
import sys
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SECONDS = 120


class Answer(BaseHTTPRequestHandler):
    """Takes the one request by which the browser comes back."""

    server: "Listener"

    def do_GET(self) -> None:
        """Keep the parameters, and say that it is done."""
        self.server.came_back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<title>Pocket Chart</title><p>Done. You can close this page.</p>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the address holds a code."""


class Listener(HTTPServer):
    """On a port that the system chooses, and only for this machine."""

    def __init__(self, host: str) -> None:
        self.came_back: dict[str, str] = {}
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), Answer)
        self.timeout = SECONDS


def get(url: str, token: str = "") -> Any:
    """A JSON document."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=SECONDS) as answer:
        return json.load(answer)


def post(url: str, **form: str) -> Any:
    """The JSON answer to a form."""
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=SECONDS) as answer:
        return json.load(answer)


def main(fhir: str, client_id: str, scope: str, host: str = "127.0.0.1") -> None:
    """Ask, wait, exchange, refresh, read."""
    smart = get(f"{fhir}/.well-known/smart-configuration")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    with Listener(host) as listener:
        name = f"[{host}]" if ":" in host else host
        redirect_uri = f"http://{name}:{listener.server_port}/cb"
        question = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "aud": fhir,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        print(f"{smart['authorization_endpoint']}?{urllib.parse.urlencode(question)}", flush=True)
        listener.handle_request()
        came_back = listener.came_back
    if came_back.get("state") != state or came_back.get("iss") != smart["issuer"] or "code" not in came_back:
        print(json.dumps({"error": came_back.get("error", "no answer to this question")}))
        return
    tokens = post(
        smart["token_endpoint"],
        grant_type="authorization_code",
        client_id=client_id,
        code=came_back["code"],
        redirect_uri=redirect_uri,
        code_verifier=verifier,
    )
    refreshed = post(
        smart["token_endpoint"],
        grant_type="refresh_token",
        client_id=client_id,
        refresh_token=tokens["refresh_token"],
    )
    patient = get(f"{fhir}/Patient/{tokens['patient']}", refreshed["access_token"])
    print(
        json.dumps(
            {
                "redirect_uri": redirect_uri,
                "scope": refreshed["scope"],
                "is_new": refreshed["access_token"] != tokens["access_token"],
                "patient": f"{patient['resourceType']}/{patient['id']}",
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

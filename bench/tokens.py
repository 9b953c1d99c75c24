"""The benchmark's app and its tokens, had as every app has them: by authorization in a clinician's name."""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from bench.prepare import PASSWORD, USER
from tests.demo_site import ROOT
from tests.person import SECONDS, Person

CALLBACK = "http://localhost:5003/callback"
CLINICIAN_SCOPE = "user/*.cruds"
PATIENT_SCOPE = "launch/patient offline_access patient/*.rs"


@dataclass(frozen=True)
class Token:
    """An access token, whose it is (a Patient's id, or "" for all), and the refresh token if any."""

    access_token: str
    patient: str
    refresh_token: str


def register(metadata: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Register a client as an operator would; returns its client_id, and client_secret if it has one."""
    command = [sys.executable, "manage.py", "register_client", "-"]
    done = subprocess.run(
        command,
        input=json.dumps(metadata).encode(),
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    registered: dict[str, str] = json.loads(done.stdout)
    return registered


class App:
    """A confidential client; `basic` is its Authorization header."""

    def __init__(self, site: str, environment: Mapping[str, str]) -> None:
        metadata = {
            "client_name": "Benchmark",
            "application_type": "web",
            "token_endpoint_auth_method": "client_secret_basic",
            "redirect_uris": [CALLBACK],
            "scope": f"{CLINICIAN_SCOPE} {PATIENT_SCOPE}",
        }
        registered = register(metadata, environment)
        self.site, self.client_id = site, registered["client_id"]
        self._login = (registered["client_id"], registered["client_secret"])
        self.basic = "Basic " + base64.b64encode(":".join(self._login).encode()).decode()
        self.person = Person({"username": USER, "password": PASSWORD})

    def authorize(self, scope: str, patient: str = "") -> Token:
        """One more token with this scope; with a patient in context if the scope asks for one."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "aud": f"{self.site}/fhir",
            "state": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        self.person.patient = patient
        came_back = self.person.authorize(f"{self.site}/oauth/authorize?{urlencode(asked)}", CALLBACK)
        code = parse_qs(urlsplit(came_back).query)["code"][0]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        answer = requests.post(f"{self.site}/oauth/token", form, auth=self._login, timeout=SECONDS)
        answer.raise_for_status()
        tokens: dict[str, Any] = answer.json()
        return Token(tokens["access_token"], patient, tokens.get("refresh_token", ""))

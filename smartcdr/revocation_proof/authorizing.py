"""Tokens by the authorization code flow, as an app gets them: sign-in, consent, code, exchange."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings

from smartcdr.revocation_proof.cast import CALLBACK, SCOPE
from smartcdr.revocation_proof.servers import UnexpectedAnswer
from smartcdr.revocation_proof.visitor import Visitor


def sign_in(visitor: Visitor, username: str, password: str) -> None:
    """Sign in by the page. Raises UnexpectedAnswer if that does not open the portal."""
    page = visitor.get("/accounts/login/")
    arrived = visitor.submit(page, {"login": username, "password": password}, having="login")
    if arrived.status != 200 or not arrived.path.startswith("/launch/"):
        raise UnexpectedAnswer(f"Sign-in led to {arrived.path} with status {arrived.status}.")


def access_token(person: Visitor, client_id: str) -> str:
    """A token for the app, allowed by a person who is signed in. Raises UnexpectedAnswer.

    https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
    """
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "state": secrets.token_urlsafe(16),
        "aud": settings.FHIR_BASE,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    page = person.get(f"/oauth/authorize?{urlencode(asked)}")
    arrived = person.submit(page, {"decision": "allow"}, having="scope")
    told = parse_qs(urlsplit(arrived.path).query)
    if not arrived.path.startswith(CALLBACK) or "code" not in told:
        raise UnexpectedAnswer(f"Consent led to {arrived.path.partition('?')[0]} without a code.")
    form = {
        "grant_type": "authorization_code",
        "code": told["code"][0],
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
        "client_id": client_id,
    }
    answer = person.post("/oauth/token", list(form.items()))
    if answer.status != 200:
        raise UnexpectedAnswer(f"The token endpoint answered {answer.status}.")
    return str(json.loads(answer.text)["access_token"])

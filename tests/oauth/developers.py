"""Developers who let their app register itself, for tests.

developer = Developer(initial_token())
answer = developer.register(client_name="Growth Chart", redirect_uris=["https://app.example.org/cb"])
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client as Browser

from oauth.models import Application, InitialAccessToken
from oauth.tokens.checksum import token_checksum

METADATA: dict[str, Any] = {
    "client_name": "Growth Chart",
    "redirect_uris": ["https://app.example.org/cb"],
    "scope": "openid fhirUser patient/Observation.rs offline_access",
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}
# Of the answer, what an update must not repeat.
OURS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


def initial_token(text: str = "from-staff", **fields: Any) -> str:
    """An initial access token of this value; it is returned."""
    InitialAccessToken.objects.create(digest=token_checksum(text), **fields)
    return text


def bearer(token: str) -> dict[str, str]:
    """Headers for Django's test client; none without a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def send(method: str, path: str, metadata: Any, token: str) -> Any:
    """A request with a JSON body, unless it is bytes already."""
    body = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    return Browser().generic(method, path, body, content_type="application/json", headers=bearer(token))


@dataclass
class Developer:
    """Who registers an app; `told` is the answer to it."""

    token: str = ""
    told: dict[str, Any] = field(default_factory=dict)

    def register(self, **changes: Any) -> Any:
        """Register METADATA with these changes; None takes a member out."""
        said = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}
        answer = send("POST", "/oauth/register", said, self.token)
        if answer.status_code == 201:
            self.told = answer.json()
        return answer

    @property
    def client_id(self) -> str:
        """Of the app that was registered."""
        return str(self.told["client_id"])

    @property
    def application(self) -> Application:
        """The app's row as it is now."""
        found: Application = Application.objects.get(client_id=self.client_id)
        return found

    @property
    def path(self) -> str:
        """Where the registration is read and changed."""
        return str(self.told["registration_client_uri"]).removeprefix("http://testserver")

    def ask(self, method: str, metadata: Any = b"", token: str | None = None, path: str = "") -> Any:
        """A request to the client configuration endpoint, with the app's own token unless one is given."""
        shown = str(self.told["registration_access_token"]) if token is None else token
        return send(method, path or self.path, metadata, shown)

    def known(self, **changes: Any) -> dict[str, Any]:
        """All that was told of the app, fit for an update, with these changes; None takes a member out."""
        said = {name: value for name, value in self.told.items() if name not in OURS}
        return {name: value for name, value in {**said, **changes}.items() if value is not None}

    def put_live(self) -> Application:
        """What staff do in the console."""
        application = self.application
        application.status = Application.Status.LIVE
        application.save()
        return application


def registered(**changes: Any) -> Developer:
    """A developer whose app is registered."""
    developer = Developer(initial_token(f"from-staff-{InitialAccessToken.objects.count()}"))
    answer = developer.register(**changes)
    assert answer.status_code == 201, answer.content
    return developer

"""An app that knows this server by its FHIR base alone, and does by hand what the seven steps describe."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.demo_site import DemoSite
from tests.person import SECONDS, Person

CALLBACK = "https://labs.example/callback"
LAUNCH_URL = "https://labs.example/launch"
SCOPE = "launch launch/patient openid fhirUser profile offline_access patient/*.read"
Json = dict[str, Any]


@dataclass
class App:
    """A confidential web app; `iss` is all that it is told, the rest it finds out."""

    iss: str
    name: str
    client_id: str
    client_secret: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def login(self) -> tuple[str, str]:
        """What it authenticates with."""
        return self.client_id, self.client_secret

    def discover(self) -> Json:
        """The SMART discovery document behind `iss`."""
        answer = requests.get(f"{self.iss}/.well-known/smart-configuration", timeout=SECONDS)
        assert answer.status_code == 200
        document: Json = answer.json()
        return document

    def authorization_url(self, scope: str, **more: str) -> str:
        """Where to send the person."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "aud": self.iss,
            "state": self.state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.discover()['authorization_endpoint']}?{urlencode(asked | more)}"

    def tokens(self, came_back: str) -> Json:
        """The tokens for the code in the address that the person came back to."""
        query = parse_qs(urlsplit(came_back).query)
        assert query["state"] == [self.state]
        answer = self.ask_for_tokens(
            grant_type="authorization_code",
            code=query["code"][0],
            redirect_uri=CALLBACK,
            code_verifier=self.verifier,
        )
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def ask_for_tokens(self, **form: str) -> requests.Response:
        """One request to the token endpoint."""
        return requests.post(self.discover()["token_endpoint"], form, auth=self.login, timeout=SECONDS)

    def sign_in(self, person: Person, scope: str) -> Json:
        """The whole way, standalone."""
        return self.tokens(person.authorize(self.authorization_url(scope), CALLBACK))

    def fhir(self, path: str, access_token: str, method: str = "GET", **more: Any) -> requests.Response:
        """A request to the FHIR API."""
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/fhir+json"}
        headers |= {"Content-Type": "application/fhir+json"} if method != "GET" else {}
        return requests.request(method, f"{self.iss}/{path}", headers=headers, timeout=SECONDS, **more)

    def introspect(self, token: str, auth: tuple[str, str] | None = None) -> requests.Response:
        """What the server says about a token, in the form with its own path below the token endpoint."""
        url = f"{self.discover()['token_endpoint']}/introspect"
        return requests.post(url, {"token": token}, auth=auth or self.login, timeout=SECONDS)


@pytest.fixture(scope="module")
def registered(demo_site: DemoSite) -> dict[str, str]:
    """The app's name in the gallery, its client_id and its secret."""
    name = f"MyLabViewer {secrets.token_hex(4)}"
    return {"name": name} | demo_site.register(
        client_name=name,
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        redirect_uris=[CALLBACK],
        launch_url=LAUNCH_URL,
        scope=SCOPE,
    )


@pytest.fixture
def app(demo_site: DemoSite, registered: dict[str, str]) -> App:
    """The app in a new window: it has asked for nothing yet."""
    return App(demo_site.fhir, registered["name"], registered["client_id"], registered["client_secret"])


@pytest.fixture
def anna(demo_site: DemoSite) -> Person:
    """A patient who has not signed in yet."""
    return Person(demo_site.user("patient"))

"""An app and a browser for tests: the whole way from the authorization request to tokens, over HTTP.

client, secret = make_client(scope="openid fhirUser patient/*.rs offline_access")
tokens = run_authorization_code(client, user, scope="openid patient/Observation.rs", secret=secret).tokens
"""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils.http import urlencode

from accounts.models import User
from launch.models import LaunchContext
from oauth.clients.secrets import add_secret
from oauth.models import Application, SigningKey
from oauth.signing_keys import ALGORITHMS, new_key

REDIRECT_URI = "https://app.example.org/callback"
EVERYTHING = (
    "openid fhirUser profile email launch launch/patient launch/encounter online_access offline_access "
    "patient/*.cruds user/*.cruds introspection"
)


def ensure_keys() -> None:
    """Active signing keys in the database of this test; made once per process, as RSA keys take their
    time.
    """
    if not SigningKey.objects.filter(status="active").exists():
        SigningKey.objects.bulk_create(_keys())


@cache
def _keys() -> list[SigningKey]:
    made = [new_key(algorithm, "active") for algorithm in ALGORITHMS]
    SigningKey.objects.filter(pk__in=[key.pk for key in made]).delete()
    return made


def make_user(fhir_user: str = "Patient/p1", username: str = "", **fields: Any) -> User:
    """A person who can sign in with the password "correct horse battery"."""
    name = username or f"person-{secrets.token_hex(6)}"
    fields = {"first_name": "Ada", "last_name": "Lovelace", "email": f"{name}@example.org", **fields}
    return User.objects.create_user(name, password="correct horse battery", fhir_user=fhir_user, **fields)


def make_client(
    scope: str = EVERYTHING, confidential: bool = False, redirect_uri: str = REDIRECT_URI, **fields: Any
) -> tuple[Application, str]:
    """A live client, and its secret if it is confidential (client_secret_basic), else the empty string."""
    ensure_keys()
    registered: dict[str, Any] = {
        "client_id": f"client-{secrets.token_hex(8)}",
        "name": "Lab Viewer",
        "status": Application.Status.LIVE,
        "client_type": "confidential" if confidential else "public",
        "token_endpoint_auth_method": "client_secret_basic" if confidential else "none",
        "authorization_grant_type": "authorization-code",
        "client_secret": "",
        "redirect_uris": redirect_uri,
        "scope": scope,
        **fields,
    }
    application = Application.objects.create(**registered)
    return application, add_secret(application) if confidential else ""


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Flow:
    """One authorization. `browser` is a signed-in Django test client unless `user` is None."""

    application: Application
    user: User | None
    scope: str = "openid fhirUser patient/*.rs"
    secret: str = ""
    redirect_uri: str = REDIRECT_URI
    extra: dict[str, Any] = field(default_factory=dict)
    browser: Browser = field(default_factory=Browser)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(40))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __post_init__(self) -> None:
        if self.user is not None:
            self.browser.force_login(self.user)

    def parameters(self, **changes: Any) -> dict[str, Any]:
        """The authorization request's parameters; None takes one out."""
        asked = {
            "response_type": "code",
            "client_id": self.application.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "aud": settings.FHIR_BASE,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **self.extra,
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def authorize(self, **changes: Any) -> HttpResponse:
        """Send the request and follow redirects as far as they stay here; the last answer."""
        return self.follow(self.browser.get("/oauth/authorize", self.parameters(**changes)))

    def follow(self, response: Any) -> HttpResponse:
        """Follow redirects while they stay on this server."""
        while response.status_code in (302, 303) and is_here(response["Location"]):
            response = self.browser.get(response["Location"])
            response.path = response.request["PATH_INFO"]
        return response  # type: ignore[no-any-return]

    def decide(
        self,
        page: Any,
        decision: str = "allow",
        untick: tuple[str, ...] = (),
        tick: tuple[str, ...] = (),
        duration: str = "year",
    ) -> HttpResponse:
        """Answer the consent page: its ticks without those in `untick` ("*": all), and those in `tick`."""
        ticked = [text for text in ticks(page) if text not in untick and "*" not in untick]
        answer = {"decision": decision, "scope": [*ticked, *tick], "duration": duration}
        return self.follow(self.browser.post(page.request["PATH_INFO"], answer))

    def pick(self, page: Any, patient: str) -> HttpResponse:
        """Choose a patient on the picker."""
        return self.follow(self.browser.post(page.request["PATH_INFO"], {"patient": patient}))

    def code(self, untick: tuple[str, ...] = (), patient: str = "", **changes: Any) -> str:
        """The whole way to a code: sign-in was done, patient and consent are answered where they are
        asked.
        """
        response = self.authorize(**changes)
        if response.status_code == 200 and response.request["PATH_INFO"].endswith("/patient"):  # type: ignore[attr-defined]
            response = self.pick(response, patient)
        if response.status_code == 200:
            response = self.decide(response, untick=untick)
        return answer_of(response)["code"]

    def exchange(self, code: str, /, **changes: Any) -> HttpResponse:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.token(form)

    def refresh(self, shown: str, /, **changes: Any) -> HttpResponse:
        """Exchange a refresh token."""
        return self.token({"grant_type": "refresh_token", "refresh_token": shown, **changes})

    def token(self, form: dict[str, Any]) -> HttpResponse:
        """POST to the token endpoint as this client: with its secret by Basic, or with its client_id."""
        headers = {}
        if self.secret:
            headers["Authorization"] = basic(self.application.client_id, self.secret)
        else:
            form = {"client_id": self.application.client_id, **form}
        return post_token(form, headers)


@dataclass
class Result:
    """What came of a whole authorization."""

    flow: Flow
    tokens: dict[str, Any]

    @property
    def access_token(self) -> str:
        """For `Authorization: Bearer`."""
        return str(self.tokens["access_token"])

    @property
    def bearer(self) -> dict[str, str]:
        """Headers for Django's test client: `client.get(url, headers=result.bearer)`."""
        return {"Authorization": f"Bearer {self.access_token}"}


def run_authorization_code(
    application: Application,
    user: User,
    scope: str = "openid fhirUser patient/*.rs",
    secret: str = "",
    launch: LaunchContext | None = None,
    patient: str = "",
    untick: tuple[str, ...] = (),
    **extra: Any,
) -> Result:
    """Authorize, pick `patient` if a picker comes, allow (but `untick`), exchange; the tokens."""
    extra = {**({"launch": launch.pk} if launch else {}), **extra}
    flow = Flow(
        application, user, scope, secret, redirect_uri=application.redirect_uris.split()[0], extra=extra
    )
    response = flow.exchange(flow.code(untick=untick, patient=patient))
    assert response.status_code == 200, response.content
    return Result(flow, response.json())  # type: ignore[attr-defined]


def post_token(form: dict[str, Any], headers: dict[str, str] | None = None) -> HttpResponse:
    """POST a form to the token endpoint, with nothing of a browser's."""
    return Browser().post(  # type: ignore[return-value]
        "/oauth/token",
        urlencode({name: value for name, value in form.items() if value is not None}, doseq=True),
        content_type="application/x-www-form-urlencoded",
        headers=headers or {},
    )


def basic(client_id: str, secret: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def is_here(location: str) -> bool:
    """Whether a redirect stays on this server."""
    return location.startswith(("/", f"{settings.SITE_URL}/"))


def answer_of(response: Any) -> dict[str, str]:
    """The parameters with which the person was sent back to the app, by redirect or by the page after
    sign-in.
    """
    if response.status_code == 200:
        found = re.search(r'content="0; ?url=([^"]+)"', response.content.decode())
        assert found, "no way back to the app"
        location = html.unescape(found[1])
    else:
        assert response.status_code == 302, (response.status_code, response.content[:500])
        location = response["Location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def ticks(page: Any) -> list[str]:
    """The values of the consent page's checkboxes that are set before anybody touches them."""
    return [value for value, is_set in boxes(page).items() if is_set]


def boxes(page: Any) -> dict[str, bool]:
    """The values of all of the consent page's checkboxes, each with whether it is set."""
    found = re.findall(r"<input[^>]*type=\"checkbox\"[^>]*>", page.content.decode())
    values = ((re.search(r'value="([^"]*)"', box), box.endswith(" checked>")) for box in found)
    return {html.unescape(value[1]): is_set for value, is_set in values if value}

"""The published Python library Authlib as a confidential app, with what SMART adds to OAuth given by hand."""

import secrets
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.demo_site import DemoSite
from tests.person import SECONDS, Person

CALLBACK = "http://localhost:5002/callback"
SCOPE = "launch/patient openid fhirUser offline_access patient/Observation.rs"


class App:
    """An Authlib session, and what it knows of this server by SMART's discovery."""

    def __init__(self, site: DemoSite, method: str) -> None:
        registered = site.register(
            client_name=f"Authlib {secrets.token_hex(4)}",
            application_type="browser" if method == "none" else "web",
            token_endpoint_auth_method=method,
            redirect_uris=[CALLBACK],
            scope=SCOPE,
        )
        self.client_id = registered["client_id"]
        self.session = OAuth2Session(
            self.client_id,
            registered.get("client_secret"),
            scope=SCOPE,
            redirect_uri=CALLBACK,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
        )
        self.fhir = site.fhir
        discovered = requests.get(f"{site.fhir}/.well-known/smart-configuration", timeout=SECONDS)
        self.smart: dict[str, Any] = discovered.json()

    def sign_in(self, person: Person) -> dict[str, Any]:
        """Send the person through the authorization and fetch the tokens."""
        verifier = secrets.token_urlsafe(48)
        url, state = self.session.create_authorization_url(
            self.smart["authorization_endpoint"], code_verifier=verifier, aud=self.fhir
        )
        came_back = person.authorize(url, CALLBACK)
        tokens: dict[str, Any] = self.session.fetch_token(
            self.smart["token_endpoint"],
            authorization_response=came_back,
            state=state,
            code_verifier=verifier,
        )
        return tokens


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib_signs_in_reads_refreshes_and_reads_again(demo_site: DemoSite, method: str) -> None:
    app = App(demo_site, method)
    user = demo_site.user("patient")
    tokens = app.sign_in(Person(user))
    assert f"Patient/{tokens['patient']}" == user["fhir_user"]
    search = f"{demo_site.fhir}/Observation?patient={tokens['patient']}&_count=5"
    before = app.session.get(search, timeout=SECONDS)
    assert before.json()["entry"]
    refreshed = app.session.refresh_token(app.smart["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert refreshed["access_token"] != tokens["access_token"]
    assert refreshed["patient"] == tokens["patient"]
    assert app.session.get(search, timeout=SECONDS).json()["entry"] == before.json()["entry"]


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation")
def test_the_id_token_is_verified_with_the_published_keys_and_names_the_user(demo_site: DemoSite) -> None:
    app = App(demo_site, "client_secret_basic")
    user = demo_site.user("patient")
    tokens = app.sign_in(Person(user))
    key = jwt.PyJWKClient(app.smart["jwks_uri"]).get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(
        tokens["id_token"], key, algorithms=["RS256"], audience=app.client_id, issuer=app.smart["issuer"]
    )
    assert claims["fhirUser"] == f"{demo_site.fhir}/{user['fhir_user']}"


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7009#section-2.1")
def test_a_refresh_token_that_authlib_revoked_refreshes_no_more(demo_site: DemoSite) -> None:
    app = App(demo_site, "client_secret_basic")
    tokens = app.sign_in(Person(demo_site.user("patient")))
    app.session.revoke_token(app.smart["revocation_endpoint"], tokens["refresh_token"], "refresh_token")
    with pytest.raises(OAuthError, match="invalid_grant"):
        app.session.refresh_token(app.smart["token_endpoint"], refresh_token=tokens["refresh_token"])


def test_a_person_who_does_not_allow_it_gives_authlib_nothing(demo_site: DemoSite) -> None:
    app = App(demo_site, "client_secret_basic")
    url, _ = app.session.create_authorization_url(
        app.smart["authorization_endpoint"], code_verifier=secrets.token_urlsafe(48), aud=demo_site.fhir
    )
    came_back = Person(demo_site.user("patient")).authorize(url, CALLBACK, decision="deny")
    assert "error=access_denied" in came_back
    assert "code=" not in came_back

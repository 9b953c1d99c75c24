"""Published Python libraries, and our own example, as backend services: nobody signs in."""

import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives import serialization
from fhirclient.client import FHIRClient
from fhirclient.models.patient import Patient
from joserfc.jwk import ECKey, RSAKey

from smartcdr.demo.roster import ROSTER
from tests.demo_site import ROOT, DemoSite
from tests.oauth.jwks_host import jwks_host
from tests.oauth.services import Private, ec_key, jwk_of, jwks_of, rsa_key
from tests.person import SECONDS, Person

BACKEND = "https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html"
CALLBACK = "http://localhost:5003/callback"
KEYS: dict[str, Private] = {"ES384": ec_key(), "RS384": rsa_key()}


def pem(private: Private) -> str:
    """The private key as libraries read it."""
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def register(site: DemoSite, **metadata: Any) -> str:
    """A backend service with both keys registered; its client_id."""
    both = [jwk_of(private, alg) for alg, private in KEYS.items()]
    registered = site.register(
        **{
            "client_name": f"Service {secrets.token_hex(4)}",
            "application_type": "backend",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": both},
            "scope": "system/*.rs",
            **metadata,
        }
    )
    assert "client_secret" not in registered
    return registered["client_id"]


def token_endpoint(site: DemoSite) -> str:
    discovered = requests.get(f"{site.fhir}/.well-known/smart-configuration", timeout=SECONDS).json()
    assert "private_key_jwt" in discovered["token_endpoint_auth_methods_supported"]
    return str(discovered["token_endpoint"])


class Session(OAuth2Session):  # type: ignore[misc]  # Authlib ships no types
    """An Authlib session that proves itself by a key."""

    def __init__(self, site: DemoSite, client_id: str, alg: str, **options: Any) -> None:
        text = pem(KEYS[alg])
        key = ECKey.import_key(text) if alg == "ES384" else RSAKey.import_key(text)
        method = "private_key_jwt"
        super().__init__(
            client_id,
            key,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,  # without it Authlib sends a password
            **options,
        )
        self.endpoint, self.alg = token_endpoint(site), alg

    def prove(self) -> None:
        """Sign the next request. Each has an assertion of its own, as Authlib keeps the jti in its claims."""
        claims = {"exp": int(time.time()) + 240}
        self.register_client_auth_method(
            PrivateKeyJWT(self.endpoint, claims=claims, headers={"kid": self.alg}, alg=self.alg)
        )

    def fetch(self, **fields: Any) -> dict[str, Any]:
        """A token."""
        self.prove()
        tokens: dict[str, Any] = self.fetch_token(self.endpoint, **fields)
        return tokens

    def is_active(self, token: str) -> bool:
        """What introspection says about a token."""
        self.prove()
        told = self.introspect_token(self.endpoint.replace("/token", "/introspect"), token=token)
        assert told.status_code == 200, told.text
        return bool(told.json()["active"])


@pytest.mark.requirement(f"{BACKEND}#authenticate")
@pytest.mark.parametrize("alg", sorted(KEYS))
def test_authlib_gets_a_token_by_an_assertion_and_reads_with_it(demo_site: DemoSite, alg: str) -> None:
    session = Session(demo_site, register(demo_site), alg)
    tokens = session.fetch(grant_type="client_credentials", scope="system/Patient.rs")
    assert (tokens["expires_in"], tokens["scope"]) == (300, "system/Patient.rs")
    assert "refresh_token" not in tokens
    found = session.get(f"{demo_site.fhir}/Patient?_summary=count", timeout=SECONDS).json()
    assert found["total"] == len(ROSTER)
    assert session.get(f"{demo_site.fhir}/Observation", timeout=SECONDS).status_code == 403


@pytest.mark.parametrize("alg", sorted(KEYS))
def test_authlib_asks_about_its_token_and_revokes_it_by_assertions(demo_site: DemoSite, alg: str) -> None:
    session = Session(demo_site, register(demo_site), alg)
    token = session.fetch(grant_type="client_credentials", scope="system/Patient.rs")["access_token"]
    assert session.is_active(token)
    session.prove()
    revoked = session.revoke_token(session.endpoint.replace("/token", "/revoke"), token=token)
    assert revoked.status_code == 200, revoked.text
    assert not session.is_active(token)


def test_authlib_is_told_why_its_usual_hour_is_too_long(demo_site: DemoSite) -> None:
    session = Session(demo_site, register(demo_site), "ES384")
    session.register_client_auth_method(
        PrivateKeyJWT(session.endpoint, headers={"kid": "ES384"}, alg="ES384")
    )
    with pytest.raises(OAuthError, match="exp is more than five minutes from now"):
        session.fetch_token(session.endpoint, grant_type="client_credentials", scope="system/*.rs")


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"
    "#registering-a-client-communicating-public-keys"
)
def test_authlib_as_a_web_app_signs_a_person_in_with_keys_that_it_publishes(demo_site: DemoSite) -> None:
    scope = "launch/patient openid fhirUser offline_access patient/Patient.rs"
    with jwks_host() as host:
        host.body = jwks_of(jwk_of(KEYS["RS384"], "RS384")).encode()
        client_id = demo_site.register(
            client_name=f"Web app {secrets.token_hex(4)}",
            application_type="web",
            token_endpoint_auth_method="private_key_jwt",
            jwks_uri=host.url,
            redirect_uris=[CALLBACK],
            scope=scope,
        )["client_id"]
        options = {"redirect_uri": CALLBACK, "code_challenge_method": "S256", "scope": scope}
        session = Session(demo_site, client_id, "RS384", **options)
        verifier, user = secrets.token_urlsafe(48), demo_site.user("patient")
        url, state = session.create_authorization_url(
            f"{demo_site.url}/oauth/authorize", code_verifier=verifier, aud=demo_site.fhir
        )
        came_back = Person(user).authorize(url, CALLBACK)
        tokens = session.fetch(authorization_response=came_back, state=state, code_verifier=verifier)
        assert f"Patient/{tokens['patient']}" == user["fhir_user"]
        again = session.fetch(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert again["patient"] == tokens["patient"]
        assert host.seen == ["/jwks.json"]


@pytest.mark.requirement(f"{BACKEND}#request-1")
def test_fhirclient_authorizes_as_a_service_and_reads_every_patient(demo_site: DemoSite) -> None:
    client_id = register(demo_site)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint(demo_site),
        "exp": int(time.time()) + 240,
        "jti": secrets.token_urlsafe(16),
    }
    assertion = jwt.encode(claims, KEYS["ES384"], algorithm="ES384", headers={"kid": "ES384"})
    app = FHIRClient(
        settings={
            "app_id": client_id,
            "api_base": demo_site.fhir,
            "jwt_token": assertion,
            "scope": "system/Patient.rs",
        }
    )
    app.prepare()
    app.authorize()
    patients = list(Patient.where({"_count": "50"}).perform_resources_iter(app.server))
    assert len(patients) == len(ROSTER)


@pytest.mark.requirement(f"{BACKEND}#enforce-authorization")
def test_the_example_exports_in_bulk_and_counts(demo_site: DemoSite, tmp_path: Path) -> None:
    client = demo_site.client("Nightly Export")
    given = {
        "--fhir": demo_site.fhir,
        "--client-id": client["client_id"],
        "--key": client["private_key_file"],
        "--kid": client["kid"],
        "--type": "Patient,Practitioner",
    }
    script = [sys.executable, str(ROOT / "examples" / "backend_export" / "backend_export.py")]
    command = [*script, *(text for pair in given.items() for text in pair)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split() for line in done.stdout.splitlines())
    assert counts == {"Patient": str(len(ROSTER)), "Practitioner": "3"}
    given["--kid"] = "unknown"
    command = [*script, *(text for pair in given.items() for text in pair)]
    refused = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert refused.returncode == 1
    assert "No registered key has this kid" in refused.stderr

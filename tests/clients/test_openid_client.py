"""The published JavaScript library openid-client as an app that signs assertions, with people and without."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import private_jwk
from tests.demo_site import ROOT, DemoSite
from tests.oauth.services import Private, ec_key, jwk_of, rsa_key
from tests.person import Person

pytestmark = [pytest.mark.any_database, pytest.mark.npm]
SOURCE = Path(__file__).parent / "openid_client"
CACHE = ROOT / ".cache" / "npm"
CALLBACK = "http://localhost:5004/callback"
KEYS: dict[str, Private] = {"ES384": ec_key(), "RS384": rsa_key()}
Told = dict[str, Any]


@pytest.fixture(scope="session")
def app_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app with the library beside it, in the versions and with the checksums of its lock."""
    directory = tmp_path_factory.mktemp("openid_client")
    for file in SOURCE.iterdir():
        shutil.copy(file, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    environment = os.environ | {"npm_config_cache": str(CACHE / "cache")}
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
    return directory


def run(directory: Path, settings: Told, answer: Callable[[Told], str] | None = None) -> Told:
    """What the app says at the end; `answer` makes its second line of input of the first that it says."""
    with subprocess.Popen(
        ["node", "app.mjs"], cwd=directory, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        if answer is not None:
            process.stdin.write(answer(json.loads(process.stdout.readline())) + "\n")
            process.stdin.flush()
        told: Told = json.loads(process.stdout.readline())
    return told


def registered(site: DemoSite, alg: str, **metadata: Any) -> Told:
    """A client of that kind, and the app's settings."""
    client_id = site.register(
        client_name=f"openid-client {secrets.token_hex(4)}",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [jwk_of(private, name) for name, private in KEYS.items()]},
        **metadata,
    )["client_id"]
    return {
        "issuer": site.url,
        "clientId": client_id,
        "alg": alg,
        "kid": alg,
        "key": private_jwk(KEYS[alg]),
        "scope": metadata["scope"],
        "fhir": site.fhir,
    }


@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#request-1")
@pytest.mark.parametrize("alg", sorted(KEYS))
def test_openid_client_as_a_service_gets_a_token_asks_about_it_and_revokes_it(
    demo_site: DemoSite, app_directory: Path, alg: str
) -> None:
    settings = registered(demo_site, alg, application_type="backend", scope="system/Patient.rs")
    told = run(app_directory, settings)
    assert (told["tokens"]["scope"], told["tokens"]["expires_in"]) == ("system/Patient.rs", 300)
    assert told["before"]["active"] is True
    assert told["before"]["client_id"] == settings["clientId"]
    assert told["after"] == {"active": False}


SCOPE = "launch/patient openid fhirUser profile offline_access patient/Patient.rs"


def signs_in_and_refreshes(site: DemoSite, directory: Path, settings: Told) -> None:
    """The app's whole way: a code with PKCE, its tokens, a refresh, and who the person is."""
    user = site.user("patient")
    told = run(
        directory,
        {**settings, "redirectUri": CALLBACK},
        lambda said: Person(user).authorize(said["url"], CALLBACK),
    )
    assert f"Patient/{told['tokens']['patient']}" == user["fhir_user"]
    assert told["refreshed"]["access_token"] != told["tokens"]["access_token"]
    assert told["refreshed"]["patient"] == told["tokens"]["patient"]
    assert told["claims"]["fhirUser"] == f"{site.fhir}/{user['fhir_user']}"
    assert told["person"]["sub"] == told["claims"]["sub"]


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"
    "#authenticating-to-the-token-endpoint"
)
@pytest.mark.parametrize("alg", sorted(KEYS))
def test_openid_client_as_an_app_signs_a_person_in_refreshes_and_asks_who_it_is(
    demo_site: DemoSite, app_directory: Path, alg: str
) -> None:
    settings = registered(demo_site, alg, application_type="web", redirect_uris=[CALLBACK], scope=SCOPE)
    signs_in_and_refreshes(demo_site, app_directory, settings)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7636#section-4")
def test_openid_client_as_a_public_app_has_pkce_alone(demo_site: DemoSite, app_directory: Path) -> None:
    client_id = demo_site.register(
        client_name=f"openid-client {secrets.token_hex(4)}",
        application_type="browser",
        token_endpoint_auth_method="none",
        redirect_uris=[CALLBACK],
        scope=SCOPE,
    )["client_id"]
    settings = {"issuer": demo_site.url, "clientId": client_id, "scope": SCOPE, "fhir": demo_site.fhir}
    signs_in_and_refreshes(demo_site, app_directory, settings)

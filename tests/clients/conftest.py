"""A browser app on an origin of its own that uses the published JavaScript library fhirclient."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.demo_site import ROOT, DemoSite
from tests.oauth.services import Private, ec_key, jwk_of, jwks_of, rsa_key

PACKAGE, FILE = "fhirclient@2.6.3", "fhirclient-2.6.3.tgz"
INTEGRITY = "sha512-CirZixcwWelbkIXxpxlNQx5+ZdJirl6F1s4y4yvA1X7hHAkr9n99aVHaMi0wX+97nATjKQ65X6NB5as/wZoJzg=="
MEMBER = "package/build/fhir-client.pure.js"
CACHE = ROOT / ".cache" / "npm"
SCOPE = "openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"


@dataclass(frozen=True)
class JavaScriptApp:
    """The app as it is registered: its name in the gallery, its address, and its client_id."""

    name: str
    origin: str
    client_id: str


@pytest.fixture(scope="session")
def fhirclient_js() -> bytes:
    """The library's browser build, fetched once and believed only if it is what it was."""
    archive = CACHE / FILE
    if not archive.exists():
        _fetch(archive)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == INTEGRITY
    with tarfile.open(archive) as opened:
        member = opened.extractfile(MEMBER)
        assert member is not None
        return member.read()


@pytest.fixture
def javascript_app(demo_site: DemoSite, fhirclient_js: bytes) -> Iterator[JavaScriptApp]:
    """The app as a public client, served and registered."""
    with _served(fhirclient_js) as (files, origin):
        yield _registered(
            demo_site, files, origin, {}, application_type="browser", token_endpoint_auth_method="none"
        )


@pytest.fixture
def signing_javascript_app(demo_site: DemoSite, fhirclient_js: bytes) -> Iterator[JavaScriptApp]:
    """The app as a client that signs with a key on P-384, registered as a set."""
    jwks = {"keys": [jwk_of(ec_key(), "one")]}
    private = {"clientPrivateJwk": {**private_jwk(ec_key()), "kid": "one", "alg": "ES384"}}
    with _served(fhirclient_js) as (files, origin):
        yield _registered(demo_site, files, origin, private, **_SIGNING, jwks=jwks)


@pytest.fixture
def publishing_javascript_app(demo_site: DemoSite, fhirclient_js: bytes) -> Iterator[JavaScriptApp]:
    """The app as a client that signs with an RSA key, publishes it on its own origin, and says where."""
    with _served(fhirclient_js) as (files, origin):
        files["/jwks.json"] = jwks_of(jwk_of(rsa_key(), "two")).encode()
        address = f"{origin.replace('localhost', '127.0.0.1')}/jwks.json"
        private = {
            "clientPrivateJwk": {**private_jwk(rsa_key()), "kid": "two", "alg": "RS384"},
            "clientPublicKeySetUrl": address,
        }
        yield _registered(demo_site, files, origin, private, **_SIGNING, jwks_uri=address)


_SIGNING = {"application_type": "web", "token_endpoint_auth_method": "private_key_jwt"}


def private_jwk(private: Private) -> dict[str, Any]:
    """A private key as WebCrypto reads it."""
    if isinstance(private, rsa.RSAPrivateKey):
        found: dict[str, Any] = RSAAlgorithm.to_jwk(private, as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(private, as_dict=True)
    return {name: value for name, value in found.items() if name != "key_ops"}


@contextmanager
def _served(library: bytes) -> Iterator[tuple[dict[str, bytes], str]]:
    """The app's pages and the library on an origin of their own; what is added to the files is served too."""
    pages = Path(__file__).parent / "javascript"
    files = {f"/{page.name}": page.read_bytes() for page in pages.iterdir()}
    files["/fhir-client.pure.js"] = library
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(files))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield files, f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registered(
    site: DemoSite, files: dict[str, bytes], origin: str, private: dict[str, Any], **metadata: Any
) -> JavaScriptApp:
    name = f"Browser app {secrets.token_hex(4)}"
    registered = site.register(
        client_name=name,
        redirect_uris=[f"{origin}/index.html"],
        launch_url=f"{origin}/launch.html",
        allowed_origins=[origin],
        scope=f"launch launch/patient {SCOPE}",
        **metadata,
    )
    settings = {"clientId": registered["client_id"], "iss": site.fhir, "scope": SCOPE, **private}
    files["/settings.js"] = f"window.SETTINGS = {json.dumps(settings)};".encode()
    return JavaScriptApp(name, origin, registered["client_id"])


def _fetch(archive: Path) -> None:
    """Download beside the final name, so that an interrupted or a second run sees all of it or nothing."""
    part = CACHE / f"part-{os.getpid()}"
    part.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(part), PACKAGE]
    environment = os.environ | {"npm_config_cache": str(CACHE / "cache")}
    subprocess.run(command, cwd=part, env=environment, check=True, capture_output=True)
    (part / FILE).replace(archive)
    part.rmdir()


def _handler(files: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            self.send_response(200 if path in files else 404)
            kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(files.get(path, b""))

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: request lines hold authorization codes."""

    return Handler

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
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.demo_site import ROOT, DemoSite

PACKAGE, FILE = "fhirclient@2.6.3", "fhirclient-2.6.3.tgz"
INTEGRITY = "sha512-CirZixcwWelbkIXxpxlNQx5+ZdJirl6F1s4y4yvA1X7hHAkr9n99aVHaMi0wX+97nATjKQ65X6NB5as/wZoJzg=="
MEMBER = "package/build/fhir-client.pure.js"
CACHE = ROOT / ".cache" / "npm"
SCOPE = "openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"


@dataclass(frozen=True)
class JavaScriptApp:
    """The app as it is registered: its name in the gallery and its address."""

    name: str
    origin: str


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
    """The app, served and registered."""
    pages = Path(__file__).parent / "javascript"
    files = {f"/{page.name}": page.read_bytes() for page in pages.iterdir()}
    files["/fhir-client.pure.js"] = fhirclient_js
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(files))
    origin, name = f"http://localhost:{server.server_port}", f"Browser app {secrets.token_hex(4)}"
    registered = demo_site.register(
        client_name=name,
        application_type="browser",
        token_endpoint_auth_method="none",
        redirect_uris=[f"{origin}/index.html"],
        launch_url=f"{origin}/launch.html",
        allowed_origins=[origin],
        scope=f"launch launch/patient {SCOPE}",
    )
    settings = {"clientId": registered["client_id"], "iss": demo_site.fhir, "scope": SCOPE}
    files["/settings.js"] = f"window.SETTINGS = {json.dumps(settings)};".encode()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield JavaScriptApp(name, origin)
    server.shutdown()
    server.server_close()
    thread.join()


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

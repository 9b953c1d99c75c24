"""A small web server that gives the Lab Viewer an origin of its own on the loopback interface.

It holds the app's files in memory and answers for these names alone: there is no path to wander and no
directory to list. Development only: the Lab Viewer is plain files, and any web server can serve it elsewhere.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from smartcdr.demo.elements import Json

VIEWER_FILES: Final = Path(__file__).resolve().parents[2] / "examples" / "lab_viewer"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


def content_security_policy(servers: list[str]) -> str:
    """The app's policy: its own files only, and connections to itself and the origins of these URLs."""
    origins = " ".join(sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, servers)}))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {origins}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class ViewerServer(ThreadingHTTPServer):
    """Serves the Lab Viewer on 127.0.0.1; browsers that know `localhost` as ::1 too fall back to it.

    `config` takes the place of the app's config.json; its `trusted_iss` are the servers that it may talk to.
    Raises OSError if the port is taken.
    """

    daemon_threads = True

    def __init__(self, port: int, config: Json) -> None:
        self.policy = content_security_policy(config["trusted_iss"])
        self.files = {f"/{one.name}": (_TYPES[one.suffix], one.read_bytes()) for one in _app_files()}
        self.files["/config.json"] = (_TYPES[".json"], json.dumps(config, indent=2).encode())
        self.files["/"] = self.files["/index.html"]
        super().__init__(("127.0.0.1", port), ViewerHandler)


def _app_files() -> list[Path]:
    return [one for one in sorted(VIEWER_FILES.iterdir()) if one.suffix in _TYPES]


class ViewerHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the app's files; everything else is 404 or, for other methods, 501."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"
    server_version = "LabViewer"
    sys_version = ""

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send a file's headers."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        found = self.server.files.get(urlsplit(self.path).path)
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        kind, body = found or ("text/plain; charset=utf-8", b"There is no such page.\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        # The address of the page that a sign-in comes back to holds the code: it must not travel on.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: request lines hold authorization codes."""

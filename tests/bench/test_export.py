"""The export's row: it counts only what came out whole and as it is stored."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.export import export
from bench.load import WrongAnswerError
from bench.tokens import Token

TOKEN = Token("secret", "", "")


class Exporter(BaseHTTPRequestHandler):
    """Takes one poll for each export, and writes three resources into the directory when it is for all."""

    protocol_version = "HTTP/1.1"
    directory: Path
    polls = 0

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer secret"
        if self.path.startswith("/fhir/$export"):
            self._start()
        else:
            type(self).polls += 1
            self._answer(200 if self.polls % 2 == 0 else 202, {"output": [{"url": "x"}]})

    def _start(self) -> None:
        if "_type" not in self.path:
            lines = [json.dumps({"resourceType": "Basic", "id": str(number)}) for number in range(3)]
            (self.directory / "Basic.ndjson").write_text("\n".join(lines) + "\n")
        self.send_response(202)
        self.send_header("Content-Location", f"http://{self.headers['Host']}/status")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    Exporter.directory, Exporter.polls = tmp_path, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def stored(address: str) -> bytes:
    """What the database holds."""
    kind, _, number = address.partition("/")
    return json.dumps({"resourceType": kind, "id": number}).encode()


def test_all_that_was_exported_is_counted_and_timed(site: str, tmp_path: Path) -> None:
    exported = export(site, TOKEN, tmp_path, 3, stored)
    assert exported.resources == 3
    assert exported.per_second == 3 / exported.seconds
    assert Exporter.polls == 4


@pytest.mark.parametrize(
    ("expected", "held"), [(4, stored), (3, lambda address: b"{}")], ids=["too few", "another text"]
)
def test_an_export_that_is_not_whole_or_not_right_ends_the_run(
    site: str, tmp_path: Path, expected: int, held: Callable[[str], bytes]
) -> None:
    with pytest.raises(WrongAnswerError):
        export(site, TOKEN, tmp_path, expected, held)

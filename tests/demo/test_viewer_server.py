"""The Lab Viewer's own web server: its files, its headers, and nothing else."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from smartcdr.demo.viewer_server import VIEWER_FILES, ViewerServer
from tests.demo.conftest import serving

CONFIG = {"client_id": "x", "iss": "http://localhost:9/fhir", "trusted_iss": ["http://localhost:9/fhir"]}


@pytest.fixture
def server() -> Iterator[ViewerServer]:
    with serving(ViewerServer(0, CONFIG)) as server:
        yield server


def ask(server: ViewerServer, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?code=a&state=b", "text/html; charset=utf-8"),
        ("/launch.html", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_each_file_has_its_type_and_a_strict_policy(server: ViewerServer, path: str, kind: str) -> None:
    status, headers, body = ask(server, path)
    assert status == 200
    assert body
    assert headers["content-type"] == kind
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "connect-src 'self' http://localhost:9;" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_configuration_is_the_one_that_was_given(server: ViewerServer) -> None:
    assert json.loads(ask(server, "/config.json")[2]) == CONFIG


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/../viewer_server.py", "/%2e%2e/lab_viewer/app.js", "//etc/passwd", "/./", "/examples/"],
)
def test_there_is_nothing_else_and_no_list_of_files(server: ViewerServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_head_sends_no_body_and_other_methods_are_refused(server: ViewerServer) -> None:
    status, headers, body = ask(server, "/app.js", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) == (VIEWER_FILES / "app.js").stat().st_size
    assert ask(server, "/app.js", "POST")[0] == 501


def test_the_app_has_no_inline_script_or_style_and_asks_nobody_else_for_code() -> None:
    for page in VIEWER_FILES.glob("*.html"):
        text = page.read_text()
        assert text.count("<script") == text.count('<script type="module" src="')
        assert "<style" not in text
        assert "style=" not in text
        assert "http" not in text.replace("noreferrer", "")
    for module in VIEWER_FILES.glob("*.js"):
        text = module.read_text()
        assert "innerHTML" not in text
        assert "localStorage" not in text
        assert "eval(" not in text

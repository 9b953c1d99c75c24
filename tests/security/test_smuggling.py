"""Requests that two servers in a row could read differently, sent byte by byte to the server as it runs."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.fhir.serving import ROOT, Server, environment, serving

BODY = b"grant_type=password"
HEAD = (
    b"POST /oauth/token HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n"
CHUNKS = b"13\r\n" + BODY + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 19\r\n"
SECONDS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    own = {"DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('front') / 'empty.sqlite3'}"}
    # What is refused is told to the audit trail.
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=environment(**own), check=True)
    with serving(**own) as running:
        yield running


def answers(server: Server, sent: bytes, is_cut: bool = False) -> list[tuple[int, bytes]]:
    """Status and text of every answer to these bytes, until the server closes the connection.

    `is_cut`: nothing will follow although the request announces more.
    """
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as connection:
        connection.sendall(sent)
        if is_cut:
            connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    found = re.split(rb"HTTP/1\.[01] (\d{3})", received)[1:]
    return [(int(status), text) for status, text in zip(found[::2], found[1::2], strict=True)]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9112#section-6.3")
@pytest.mark.parametrize(
    "headers",
    [
        LENGTH + b"Content-Length: 5\r\n",
        b"Content-Length: 19, 19\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +19\r\n",
        b"Content-Length: 0x13\r\n",
        LENGTH + b"Transfer-Encoding: xchunked\r\n",
        LENGTH + b"Transfer-Encoding: identity\r\n",
        LENGTH + b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"X-Folded: a\r\n b\r\n" + LENGTH,
    ],
)
def test_a_request_of_two_readings_is_refused_or_read_in_one_way(server: Server, headers: bytes) -> None:
    [(status, text)] = answers(server, HEAD + headers + b"\r\n" + BODY + HIDDEN)
    assert status == 400
    assert b"connection: close" in text
    assert b"grant" not in text  # no view has seen it


def test_chunks_of_http_1_0_are_refused(server: Server) -> None:
    [(status, _)] = answers(
        server, HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
    )
    assert status == 400


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9112#section-11.2")
@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 200\r\n\r\n" + CHUNKS + HIDDEN,
        HEAD + LENGTH + b"Content_Length: 3\r\nConnection: close\r\n\r\n" + BODY + HIDDEN,
    ],
)
def test_no_second_request_hides_in_the_body_of_a_first(server: Server, sent: bytes) -> None:
    [(status, text)] = answers(server, sent)
    assert status == 400
    assert b'"status": "ok"' not in text


def test_what_is_cut_short_is_not_gone_on_with_by_the_next_request(server: Server) -> None:
    found = answers(server, HEAD + b"Content-Length: 200\r\n\r\n" + BODY + HIDDEN, is_cut=True)
    assert not any(status == 200 for status, _ in found)
    assert answers(server, HIDDEN)[0][0] == 200


def test_two_hosts_or_none_get_no_page_and_an_absolute_address_changes_nothing(server: Server) -> None:
    page, close = b"GET /accounts/login/ HTTP/1.1\r\n", b"Connection: close\r\n\r\n"
    for hosts in (b"", b"Host: testserver\r\nHost: evil.example\r\n", b"Host: evil.example\r\n"):
        [(status, text)] = answers(server, page + hosts + close)
        assert status == 400
        assert b"evil" not in text
    elsewhere = page.replace(b"/accounts", b"http://evil.example/accounts")
    [(_, text)] = answers(server, elsewhere + b"Host: testserver\r\n" + close)
    assert b"evil" not in text


@pytest.mark.parametrize(
    "path",
    [
        b"/static/../manage.py",
        b"/static/%2e%2e/%2e%2e/manage.py",
        b"/static/..%2f..%2fmanage.py",
        b"/static//etc/passwd",
    ],
)
def test_no_path_leads_out_of_what_is_served(server: Server, path: bytes) -> None:
    sent = b"GET " + path + b" HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n"
    [(status, _)] = answers(server, sent)
    assert status in (400, 404)

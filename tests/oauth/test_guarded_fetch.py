"""Fetching from an address that a client chose: what is reached, and what is never reached."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from oauth import guarded_fetch
from oauth.guarded_fetch import MAX_BYTES, FetchError, fetch, is_public
from tests.oauth.jwks_host import Host, jwks_host

PUBLIC = "93.184.215.14"


@pytest.fixture
def host(settings: Settings) -> Iterator[Host]:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with jwks_host() as running:
        yield running


@pytest.fixture
def strict(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False


def test_a_document_comes_with_the_time_that_it_may_be_kept(host: Host) -> None:
    host.headers = {"Cache-Control": "public, max-age=60"}
    found = fetch(host.url + "?a=b")
    assert (found.body, found.max_age) == (host.body, 60)
    assert host.seen == ["/jwks.json?a=b"]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9111#section-4.2")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "max-age=0"}, 0),
        ({"Cache-Control": "no-store, max-age=60"}, 0),
        ({"Cache-Control": 'No-Cache="x"'}, 0),
        ({"Cache-Control": "Max-Age = 60"}, 60),
        ({"Cache-Control": 'max-age="60"'}, 60),
        ({"Cache-Control": "max-age=60, max-age=5"}, 5),
        ({"Cache-Control": "max-age=-1"}, None),
        ({"Cache-Control": "s-maxage=60"}, None),
        ({"Cache-Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache-Control": "max-age=60", "Age": "500"}, 0),
        ({"Cache-Control": "max-age=60", "Age": "x"}, 60),
    ],
)
def test_the_time_is_read_from_cache_control(
    host: Host, headers: dict[str, str], seconds: int | None
) -> None:
    host.headers = headers
    assert fetch(host.url).max_age == seconds


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 404, 500])
def test_only_200_counts_and_no_redirect_is_followed(host: Host, status: int) -> None:
    host.status, host.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(FetchError, match=str(status)):
        fetch(host.url)
    assert host.seen == ["/jwks.json"]


def test_a_document_may_be_so_long_and_no_longer(host: Host) -> None:
    host.body = b"x" * MAX_BYTES
    assert len(fetch(host.url).body) == MAX_BYTES
    host.body += b"x"
    with pytest.raises(FetchError, match="longer"):
        fetch(host.url)


@contextlib.contextmanager
def answering(*parts: bytes, forever: bytes = b"") -> Iterator[str]:
    """A server that sends these bytes to whoever connects, and then the same again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
            while forever and not over.wait(0.01):
                connection.sendall(forever)
            over.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("parts", "forever"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",), b"x"),
        ((b"HTTP/1.1 200 OK\r\n",), b"X-More: x\r\n"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), b""),
        ((), b"\r\n"),
        ((), b""),
    ],
)
def test_a_server_that_dawdles_is_left_after_the_time_for_all_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...], forever: bytes
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    monkeypatch.setattr(guarded_fetch, "SECONDS", 0.3)
    with answering(*parts, forever=forever) as url, pytest.raises(FetchError):
        fetch(url)


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000 + b"\r\n\r\n"]
)
def test_what_is_no_http_is_refused(settings: Settings, answer: bytes) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with answering(answer) as url, pytest.raises(FetchError):
        fetch(url)


def test_a_server_that_is_not_there_is_an_error(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match="Refused"):
        fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.1", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001::1",
        "::7f00:1", "fec0::1", "4000::1",
    ],
)  # fmt: skip
def test_no_address_but_public_ones_counts_as_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


class Network:
    """Stands for resolver and sockets: which names were asked, which addresses were called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self.called: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(socket, "create_connection", self._call)

    def _resolve(self, name: str, port: int, **kwargs: Any) -> list[Any]:
        self.asked.append(name)
        return [(0, 0, 0, "", (address, port)) for address in self._answers.pop(0)]

    def _call(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.called.append(address[0])
        raise ConnectionRefusedError


@pytest.mark.usefixtures("strict")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7591#section-5 (URLs that a client names)")
@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], [PUBLIC, "10.1.2.3"], ["::1"], ["fe80::1%eth0"], ["169.254.169.254"]],
)
def test_a_name_with_any_address_of_ours_is_never_called(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    network = Network(monkeypatch, addresses)
    with pytest.raises(FetchError, match="not a public one"):
        fetch("https://keys.example.org/jwks")
    assert network.called == []


@pytest.mark.usefixtures("strict")
def test_a_name_is_resolved_once_and_only_what_was_judged_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, [PUBLIC, "1.1.1.1"], ["127.0.0.1"])
    with pytest.raises(FetchError):
        fetch("https://keys.example.org/jwks")
    assert network.asked == ["keys.example.org"]
    assert network.called == [PUBLIC, "1.1.1.1"]


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example.org/jwks", "ftp://keys.example.org/", "file:///etc/passwd", "https://", "https:///x",
        "x", "https://user:pw@keys.example.org/", "https://keys.example.org/a b",
        "https://keys.example.org/\r\nX: y", "https://kéys.example.org/", "https://keys.example.org:99999/",
        "gopher://keys.example.org/",
    ],
)  # fmt: skip
def test_other_addresses_than_https_are_not_even_resolved(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    network = Network(monkeypatch)
    with pytest.raises(FetchError):
        fetch(url)
    assert network.asked == []


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "localhost"])
def test_loopback_in_any_spelling_is_refused(host: str) -> None:
    with pytest.raises(FetchError):
        fetch(f"https://{host}:1/")


def test_a_name_that_cannot_be_resolved_is_an_error(settings: Settings) -> None:
    with pytest.raises(FetchError, match="cannot be resolved"):
        fetch(f"https://{'a' * 70}.example/")


@contextlib.contextmanager
def tls_host(tmp_path: Path, name: str) -> Iterator[tuple[Host, Path]]:
    """A server with a certificate for `name`, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "certificate", tmp_path / "key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    with jwks_host(context) as running:
        yield running, public


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"
    "#registering-a-client-communicating-public-keys"
)
@pytest.mark.parametrize(("name", "is_trusted", "comes"), [
    ("localhost", True, True), ("localhost", False, False), ("other.example", True, False),
])  # fmt: skip
def test_the_certificate_must_be_trusted_and_name_the_host(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    is_trusted: bool,
    comes: bool,
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with tls_host(tmp_path, name) as (running, certificate):
        trusting = ssl.create_default_context(cafile=str(certificate)) if is_trusted else guarded_fetch._tls()
        monkeypatch.setattr(guarded_fetch, "_tls", lambda: trusting)
        url = running.url.replace("127.0.0.1", "localhost")
        if comes:
            assert fetch(url).body == running.body
        else:
            with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
                fetch(url)
            assert running.seen == []

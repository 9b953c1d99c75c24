"""Fetching a document from an address that a client chose, without letting it choose what we talk to; and
asking another authorization server about a token in the same way.

The name is resolved once, every address it has is judged, and the connection goes to one of the judged
addresses: a name that answers differently the next time gains nothing. Redirects are not followed, the body
and the time are limited.
https://www.rfc-editor.org/rfc/rfc7523#section-6 https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
"""

import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import SplitResult, urlencode

from django.conf import settings

from oauth.clients.urls import split_url, web_url_fault

MAX_BYTES = 131_072
# For everything after the name is resolved; the resolver has limits of its own.
SECONDS = 4.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_MAX_AGE = re.compile(r'max-age\s*=\s*"?([0-9]{1,10})"?\s*\Z', re.IGNORECASE)
_NOT_KEPT = frozenset({"no-store", "no-cache"})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(Exception):
    """The document could not be had. The message is for staff: it may say what our network looks like."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds the answer's headers let it be kept; None if they say nothing."""

    body: bytes
    max_age: int | None


def fetch(url: str) -> Fetched:
    """GET a document of at most 128 KiB within some seconds. Raises FetchError.

    Only https, and only public addresses and those of JWKS_URI_NETWORKS, unless ALLOW_INSECURE_CLIENT_URLS
    is set.
    """
    return _exchanged(url, "GET", (), b"")


def post(url: str, form: Mapping[str, str], authorization: str) -> Fetched:
    """POST a form, with the value of an Authorization header; the answer is bounded as that of `fetch`.

    Nothing of the form or of the header is ever in an error's message. Raises FetchError.
    """
    headers = (f"Authorization: {authorization}", "Content-Type: application/x-www-form-urlencoded")
    return _exchanged(url, "POST", headers, urlencode(form).encode("ascii"))


def _exchanged(url: str, method: str, headers: tuple[str, ...], body: bytes) -> Fetched:
    parts = _checked(url)
    deadline = time.monotonic() + SECONDS
    try:
        with _connect(parts, deadline) as connection:
            connection.sendall(_request(parts, method, headers, body))
            return _answer(_Timed(connection, deadline))
    except (OSError, HTTPException, ValueError) as error:
        # What a server answers to a token could repeat it.
        words = f"{type(error).__name__}: {error}" if method == "GET" else type(error).__name__
        raise FetchError(words[:200]) from error


def is_public(address: Address) -> bool:
    """Whether an address is out on the internet: not private, loopback, link-local, shared or multicast.

    An IPv6 address that only wraps an IPv4 address is judged by that one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    is_tunnel = address.sixtofour is not None or address.teredo is not None
    return address in _GLOBAL_UNICAST and address.is_global and not is_tunnel


def _may_be_called(text: str) -> bool:
    if "%" in text:
        return False
    address = ipaddress.ip_address(text)
    known = getattr(address, "ipv4_mapped", None) or address
    return is_public(address) or any(known in network for network in settings.JWKS_URI_NETWORKS)


def _checked(url: str) -> SplitResult:
    parts = split_url(url)
    if parts is None or not parts.hostname or not url.isascii():
        raise FetchError("The address is not an https URL.")
    if fault := web_url_fault(url):
        raise FetchError(f"The address {fault}")
    return parts


def _connect(parts: SplitResult, deadline: float) -> socket.socket:
    """A connection to one of the host's addresses, all of which were judged, with TLS if it is https."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    plain = _open(_addresses(str(parts.hostname), port), port, deadline)
    if parts.scheme != "https":
        return plain
    try:
        plain.settimeout(_remaining(deadline))
        return _tls().wrap_socket(plain, server_hostname=parts.hostname)
    except (OSError, ValueError):
        plain.close()
        raise


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise FetchError("The host's name cannot be resolved.") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not settings.ALLOW_INSECURE_CLIENT_URLS:
        for address in addresses:
            if not _may_be_called(address):
                raise FetchError(f"The host's address {address} is not a public one.")
    return addresses


def _open(addresses: list[str], port: int, deadline: float) -> socket.socket:
    failure: OSError = ConnectionError("The host has no address.")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=_remaining(deadline))
        except OSError as error:
            failure = error
    raise failure


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("It took too long.")
    return seconds


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(parts: SplitResult, method: str, headers: tuple[str, ...], body: bytes) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Accept: application/json, application/jwk-set+json",
        "User-Agent: Smart-CDR",
        "Connection: close",
        *headers,
        *([f"Content-Length: {len(body)}"] if method == "POST" else []),
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii") + body


class _Timed(io.RawIOBase):
    """A connection as a file in which every read ends at the deadline, however slowly bytes drip in."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_remaining(self._deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)


def _answer(connection: _Timed) -> Fetched:
    response = HTTPResponse(connection)  # type: ignore[arg-type]  # it asks for makefile only
    response.begin()
    if response.status != 200:
        raise FetchError(f"The answer has status {response.status}; redirects are not followed.")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError(f"The answer is longer than {MAX_BYTES} bytes.")
    return Fetched(body, _max_age(response.getheader("Cache-Control", ""), response.getheader("Age", "")))


def _max_age(cache_control: str, age: str) -> int | None:
    """Seconds for which the answer is fresh. https://www.rfc-editor.org/rfc/rfc9111#section-4.2"""
    directives = [directive.strip().lower() for directive in cache_control.split(",")]
    if any(directive.partition("=")[0] in _NOT_KEPT for directive in directives):
        return 0
    stated = [int(found[1]) for each in directives if (found := _MAX_AGE.match(each))]
    if not stated:
        return None
    spent = int(age) if age.isascii() and age.isdigit() and len(age) <= 10 else 0
    return max(0, min(stated) - spent)

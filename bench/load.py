"""The load generator: keep-alive HTTP/1.1 connections in one process, each with one request under way.

It works on bare sockets, so that it needs a small part of what the server needs; how busy it was is measured.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

CONNECTIONS = 16
COMPARE_EVERY = 100
READ_BYTES = 1 << 18


class WrongAnswerError(Exception):
    """The server answered with something else than what the row asks for; the run is void."""


@dataclass(frozen=True)
class Exchange:
    """One request, the status that must answer it, and what the answer is compared with."""

    request: bytes
    status: int
    subject: object = None


@dataclass
class Measured:
    """Latencies in seconds of the answers within the measured time, that time, and the generator's share."""

    latencies: list[float]
    seconds: float
    busy: float
    samples: list[tuple[Exchange, bytes]]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class _Connection:
    socket: socket.socket
    source: Iterator[Exchange]
    answered: Callable[[Exchange, bytes], None] | None
    exchange: Exchange = field(init=False)
    sent: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self) -> None:
        self.exchange = next(self.source)
        self.received.clear()
        self.sent = time.perf_counter()
        # Large bodies do not fit the socket's buffer: wait until the server has taken them.
        self.socket.setblocking(True)
        self.socket.sendall(self.exchange.request)
        self.socket.setblocking(False)

    def receive(self) -> bytes | None:
        """The body, once the answer is complete."""
        try:
            chunk = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return None
        if not chunk:
            raise WrongAnswerError(f"the server hung up on {self.exchange.request[:200]!r}")
        self.received += chunk
        body = body_of(self.received)
        if body is None:
            return None
        if int(self.received[9:12]) != self.exchange.status:
            raise WrongAnswerError(f"{self.exchange.request[:200]!r} got {bytes(self.received[:2000])!r}")
        if self.answered:
            self.answered(self.exchange, body)
        return body


def body_of(received: bytearray) -> bytes | None:
    """The body of an HTTP/1.1 answer, None while it is incomplete.

    https://www.rfc-editor.org/rfc/rfc9112#section-6.3
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        return _unchunked(received, end + 4)
    length = int(head[start + 17 :].split(b"\r\n", 1)[0])
    return bytes(received[end + 4 :]) if len(received) - end - 4 >= length else None


def _unchunked(received: bytearray, at: int) -> bytes | None:
    parts: list[bytes] = []
    while (line := received.find(b"\r\n", at)) >= 0:
        size = int(received[at:line], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(received[line + 2 : line + 2 + size]))
        at = line + 2 + size + 2
    return None


def measure(
    port: int,
    sources: list[Iterator[Exchange]],
    seconds: float,
    warm_up: float,
    answered: Callable[[Exchange, bytes], None] | None = None,
) -> Measured:
    """Keep one request under way per source for `warm_up` and then `seconds` seconds; only the latter count.

    `answered` sees each answer, for rows whose next request depends on it. Raises WrongAnswerError at the
    first answer with another status than the exchange names.
    """
    selector = selectors.DefaultSelector()
    connections = [_Connection(_connect(port), source, answered) for source in sources]
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    try:
        _exchange_until(selector, time.perf_counter() + warm_up)
        begun, work = time.perf_counter(), time.process_time()
        latencies, samples = _exchange_until(selector, begun + seconds)
        elapsed = time.perf_counter() - begun
        measured = Measured(latencies, elapsed, (time.process_time() - work) / elapsed, samples)
        _drain(selector)
        return measured
    finally:
        for connection in connections:
            connection.socket.close()
        selector.close()


def _connect(port: int) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port), timeout=60)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _drain(selector: selectors.BaseSelector) -> None:
    """Wait for the answers that are still due, so that the next row does not pay for this one's work."""
    while selector.get_map():
        for key, _ in selector.select(timeout=1):
            if key.data.receive() is not None:
                selector.unregister(key.fileobj)


def _exchange_until(
    selector: selectors.BaseSelector, end: float
) -> tuple[list[float], list[tuple[Exchange, bytes]]]:
    latencies: list[float] = []
    samples: list[tuple[Exchange, bytes]] = []
    while time.perf_counter() < end:
        for key, _ in selector.select(timeout=1):
            connection: _Connection = key.data
            body = connection.receive()
            if body is None:
                continue
            latencies.append(time.perf_counter() - connection.sent)
            if len(latencies) % COMPARE_EVERY == 1:
                samples.append((connection.exchange, body))
            connection.send()
    return latencies, samples

"""The benchmark's own parts: what it takes for an answer, what it counts, and when its run is void."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.data import load_order
from bench.load import Exchange, Measured, WrongAnswerError, body_of, measure
from bench.report import Line, fault, table
from bench.rows import Row, http


class Echo(BaseHTTPRequestHandler):
    """Answers a GET with its path, and 404 where the path says so."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def line(name: str, per_second: int, **more: float) -> Line:
    """A row as it was measured: so many answers in one second, each after a millisecond."""
    measured = Measured([0.001] * per_second, 1.0, 0.1, [])
    return Line(Row(name, [], lambda exchange, body: True, **more), measured)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("received", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi", None),
        (b"HTTP/1.1 200 OK\r\nContent-Len", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n", b"hi ho"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n h", None),
    ],
)
def test_an_answer_is_complete_when_http_says_so(received: bytes, body: bytes | None) -> None:
    assert body_of(bytearray(received)) == body


def test_answers_are_counted_and_sampled_with_the_request_they_belong_to(port: int) -> None:
    exchanges = [Exchange(http("GET", f"/{number}", {}), 200, f"/{number}") for number in range(7)]
    source = itertools.cycle(exchanges)
    measured = measure(port, [source, source], seconds=0.3, warm_up=0.05)
    assert len(measured.latencies) >= len(measured.samples) > 0
    assert measured.percentile(0.99) >= measured.percentile(0.5) > 0
    assert all(body.decode() == exchange.subject for exchange, body in measured.samples)


def test_the_next_request_can_depend_on_the_answer(port: int) -> None:
    seen: list[bytes] = []
    source = (Exchange(http("GET", f"/{len(seen)}", {}), 200) for _ in itertools.count())
    measure(port, [source], seconds=0.1, warm_up=0.01, answered=lambda _, body: seen.append(body))
    assert seen == [f"/{number}".encode() for number in range(len(seen))]


def test_any_other_status_ends_the_run(port: int) -> None:
    with pytest.raises(WrongAnswerError, match="404"):
        measure(port, [itertools.repeat(Exchange(http("GET", "/gone", {}), 200))], seconds=5, warm_up=0)


def test_a_floor_far_below_constant_bytes_voids_the_run() -> None:
    assert fault([line("constant bytes", 1000), line("floor: one SELECT", 199)]).startswith("VOID")
    assert fault([line("constant bytes", 1000), line("floor: one SELECT", 201)]) == ""


def test_the_table_shows_each_row_as_a_ratio_to_the_floor_of_its_run() -> None:
    lines = [line("floor: one SELECT", 1000), line("read", 650, goal=0.6), line("search", 300, goal=0.4)]
    lines.append(line("transaction of 30", 60, goal=2000, resources=30))
    floor, read, search, transaction = table("SQLite", "few", lines).splitlines()[2:6]
    assert "1.00" in floor
    assert "0.65" in read
    assert "✓" in read
    assert "✗" in search
    assert "1,800 resources per second" in transaction
    assert "✗" in transaction


def test_the_demonstration_s_data_can_be_loaded_again_and_again_as_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SMARTCDR_TEST_CORPUS", raising=False)
    (first, clinic), (_, patient), *_ = load_order()
    assert first.startswith("0-")
    assert b'"PUT"' in clinic
    assert b'"PUT"' not in patient
    assert b'"reference": "urn:uuid:' in patient
    assert b'"reference": "Practitioner/' in patient

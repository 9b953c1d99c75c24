"""The benchmark's own parts: what it takes for an answer, what it counts, and when its run is void."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.data import load_order
from bench.databases import Filled, amount
from bench.export import Exported
from bench.floor import UNTOLD_IN_ENVIRON
from bench.growth import growth
from bench.load import Exchange, Measured, WrongAnswerError, body_of, measure
from bench.report import Asked, Result, asked_of, fault, table
from bench.rounds import Line, in_rounds
from bench.rows.floors import DJANGO_SELECT, ONE_SELECT
from bench.rows.reading import READ, UNTOLD_READ, untold
from bench.rows.row import Row, http, shared
from bench.statements import environ_of, pages_of
from bench.storage import Room


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


def line(name: str, *rates: int, **more: float) -> Line:
    """A row as it was measured: so many answers in one second of each round, each after a millisecond."""
    measured = [Measured([0.001] * rate, 1.0, 0.1, []) for rate in rates]
    row = Row(name, [], lambda exchange, body: True, **more)  # type: ignore[arg-type]
    return Line(row, measured, [1000.0] * len(rates), [500.0] * len(rates))


def result(lines: list[Line], **more: Any) -> Result:
    """A run with these lines."""
    return Result("PostgreSQL", "10k", 10_000, Filled("", 10_000, 4.0, 2), lines, {}, **more)


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
    assert fault(result([line("constant bytes", 1000), line(ONE_SELECT, 199)])).startswith("VOID")
    assert fault(result([line("constant bytes", 1000), line(ONE_SELECT, 201)])) == ""


def test_the_table_shows_each_row_as_a_ratio_to_the_floors_of_its_rounds() -> None:
    lines = [line("read", 650, goal=0.6), line("search", 300, goal=0.4)]
    lines.append(line("transaction of 30", 60, goal=2000, resources=30))
    title, _, read, search, transaction = table(result(lines)).splitlines()[:5]
    assert "2,500 per second by 2 process" in title
    assert "0.65" in read
    assert "1.30" in read
    assert "✓" in read
    assert "✗" in search
    assert "1,800 resources per second" in transaction
    assert "✗" in transaction


def test_of_several_rounds_the_median_counts_and_the_spread_is_told() -> None:
    several = line("read", 900, 1000, 400)
    assert several.per_second == 900
    assert several.of_floor == 0.9
    assert several.spread == 600 / 900
    assert line("read", 900).spread is None


def test_a_read_of_which_the_trail_is_not_told_says_so_and_is_the_same_otherwise() -> None:
    """Or both rows would be told, and the audit trail would seem to cost nothing."""
    exchange = Exchange(http("GET", "/fhir/Patient/1", {"Authorization": "Bearer abc"}), 200, "Patient/1")
    told, not_told = environ_of(exchange.request), environ_of(untold(exchange).request)
    assert UNTOLD_IN_ENVIRON not in told
    assert not_told.pop(UNTOLD_IN_ENVIRON) == "1"
    assert {name: not_told[name] for name in ("PATH_INFO", "HTTP_AUTHORIZATION", "HTTP_HOST")} == {
        name: told[name] for name in ("PATH_INFO", "HTTP_AUTHORIZATION", "HTTP_HOST")
    }
    assert not_told.keys() == told.keys()


def test_the_table_tells_what_reads_give_up_for_the_audit_trail() -> None:
    told, untold = line(READ, 950, 800, 930), line(UNTOLD_READ, 1000, 1000, 1000)
    assert "7.0% of the throughput of reads, goal at most 10% ✓" in table(result([told, untold]))
    assert "20.0% of the throughput of reads, goal at most 10% ✗" in table(
        result([line(READ, 800), line(UNTOLD_READ, 1000)])
    )
    assert "audit" not in table(result([told]))
    told, untold = line(READ, 900, 920, 940, 960), line(UNTOLD_READ, *[1000] * 4)
    assert "7.0% of the throughput of reads (half of the 4 rounds: 4.5% to 9.5%), goal" in table(
        result([told, untold])
    )


def test_the_table_tells_statements_time_pages_room_and_export() -> None:
    told = result(
        [line("read", 650)], exported=Exported(50_000, 2.0), rooms=[Room("fhir_resource", 900, 300)]
    )
    told.asked = {"read": asked_of({"counts": [1, 1], "milliseconds": [0.2, 0.4, 0.3], "pages": [7, 9, 8]})}
    assert told.asked["read"] == Asked(1, 1, 0.3, 0.4, 8, 9)
    text = table(told)
    assert "25,000 resources per second, goal 20,000 ✓" in text
    assert "resource 900+300; all 1,200" in text
    assert text.splitlines()[2].split()[-7:-1] == ["1.30", "1", "0.30", "0.40", "8", "9"]


@pytest.mark.parametrize(
    ("later", "verdict"), [(0.55, "✓"), (0.65, "✗"), (1.1, "✗")], ids=["as fast", "slower", "too slow"]
)
def test_growth_compares_each_run_with_the_first(later: float, verdict: str) -> None:
    small, large = result([line("search", 600, is_core=True)]), result([line("search", 300, is_core=True)])
    small.asked, large.asked = {"search": Asked(1, 1, 0.2, 0.3)}, {"search": Asked(1, 1, later, later)}
    large.amount = "1m"
    sql = next(text for text in growth([small, large]).splitlines() if "SQL ms" in text)
    assert f"{later:.2f}  ×{later / 0.2:.2f}" in sql
    assert verdict in sql


def test_rows_are_measured_in_turn_in_each_round_there_and_back(port: int) -> None:
    order: list[str] = []

    def row(name: str) -> Row:
        def judge(exchange: Exchange, body: bytes) -> bool:
            order.append(name)
            return True

        return Row(name, shared([Exchange(http("GET", "/it", {}), 200)])[:1], judge)

    names = [ONE_SELECT, DJANGO_SELECT, "read"]
    lines = in_rounds(port, [row(name) for name in names], 2, 0.05)
    assert [len(each.rounds) for each in lines] == [2, 2, 2]
    assert [name for name, _ in itertools.groupby(order)] == [*names, DJANGO_SELECT, ONE_SELECT]


def test_amounts_are_told_as_people_write_them() -> None:
    assert [amount(text).resources for text in ("10k", "1M", "500")] == [10_000, 1_000_000, 500]
    assert amount("1M").name == "1m"
    for text in ("", "k", "-1k", "many"):
        with pytest.raises(ValueError, match="not an amount"):
            amount(text)


def test_a_request_reaches_the_application_as_over_the_wire() -> None:
    environ = environ_of(
        http("POST", "/fhir/Patient?_pretty=true", {"Content-Type": "a/b", "Prefer": "x"}, b"{}")
    )
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/fhir/Patient")
    assert environ["QUERY_STRING"] == "_pretty=true"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"], environ["HTTP_PREFER"]) == ("a/b", "2", "x")
    assert environ["wsgi.input"].read() == b"{}"


@pytest.mark.parametrize(
    ("plan", "pages"),
    [
        ("Result\n  Buffers: shared hit=5 read=2\n  ->  Sort\n        Buffers: shared hit=4", 7),
        ("Result\n  Buffers: shared read=3\nPlanning:\n  Buffers: shared hit=9", 3),
        ("Result (actual time=0.001..0.002 rows=1 loops=1)", 0),
    ],
)
def test_the_pages_of_a_plan_are_those_of_its_topmost_node(plan: str, pages: int) -> None:
    assert pages_of(plan) == pages


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

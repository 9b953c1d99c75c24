"""What requests ask of the database, in a process of its own: `python -m bench.statements FILE`.

FILE holds rows as JSON: [{"name", "requests", "reads"}]; each gets `counts` (statements for each request)
and, if it only reads, `milliseconds` (all statements of a request together) and, from PostgreSQL, `pages`
(how many it looked at, which no other work on the machine disturbs) and `plan`, of the request with most.
The requests go through the product in this process, where Django tells of each statement; BEGIN and COMMIT
are none here. What was asked is asked again on the same connection, as often as makes PostgreSQL prepare
it, and the quickest time counts: it is the least disturbed one.
"""

import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartcdr.settings")

ROUNDS = 20
PAGES = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")
Statement = tuple[str, Any]
Json = dict[str, Any]


def main(file: Path) -> None:
    """Read the rows, measure, and write them back."""
    from smartcdr.wsgi import application

    rows: list[Json] = json.loads(file.read_text())
    empty = _milliseconds([("SELECT 1", None)])
    for row in rows:
        requests = [request.encode("latin-1") for request in row["requests"]]
        # The first time through, tokens are looked up and statements are put together.
        for request in requests if row["reads"] else requests[:1]:
            _answer(application, request)
        asked = [_statements(application, each) for each in (requests if row["reads"] else requests[1:])]
        row["counts"] = [len(statements) for statements in asked]
        if row["reads"]:
            times = [_milliseconds(statements) for statements in asked]
            row["milliseconds"] = times
            row["empty"] = empty
            row |= _explained(asked)
    file.write_text(json.dumps(rows))


def _statements(application: Any, request: bytes) -> list[Statement]:
    found: list[Statement] = []

    def noting(execute: Callable[..., Any], query: str, params: Any, many: bool, context: Json) -> Any:
        found.append((query, params))
        return execute(query, params, many, context)

    with connection.execute_wrapper(noting):
        _answer(application, request)
    return found


def _answer(application: Any, request: bytes) -> None:
    """One request through the WSGI application. Raises RuntimeError for an answer that is an error."""
    told: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        told.append(status)

    answer = application(environ_of(request), start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    if told[0][0] != "2":
        raise RuntimeError(f"{request[:300]!r} got {told[0]} {body[:1000]!r}")


def environ_of(request: bytes) -> Json:
    """An HTTP/1.1 request as WSGI hands it on. https://peps.python.org/pep-3333/#environ-variables"""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, protocol = first.split(" ")
    path, _, query = target.partition("?")
    environ: Json = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": protocol,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, _, value = line.partition(": ")
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def _milliseconds(statements: list[Statement]) -> float:
    """How long these take together, from sending the first to having the rows of the last."""
    best = float("inf")
    with connection.cursor() as cursor:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            for query, params in statements:
                cursor.execute(query, params)
                cursor.fetchall()
            best = min(best, time.perf_counter() - begun)
    return 1000 * best


def _explained(asked: list[list[Statement]]) -> Json:
    """The pages that each request looks at, and the plan of the one with the most."""
    if connection.vendor != "postgresql":
        return {}
    plans = [[_plan(*statement) for statement in statements] for statements in asked]
    pages = [sum(map(pages_of, each)) for each in plans]
    most = pages.index(max(pages))
    texts = [
        f"{query}\n{params!r}\n{plan}" for (query, params), plan in zip(asked[most], plans[most], strict=True)
    ]
    return {"pages": pages, "plan": "\n\n".join(texts)}


def _plan(query: str, params: Any) -> str:
    """The plan of a statement as it was carried out."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query}", params)
        return "\n".join(row[0] for row in cursor.fetchall())


def pages_of(plan: str) -> int:
    """How many pages a plan's topmost node and all below it looked at, in memory or not."""
    found = PAGES.search(plan)
    return sum(int(each or 0) for each in found.groups()) if found else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))

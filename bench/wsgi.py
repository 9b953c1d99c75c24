"""The product's WSGI application, with routes beside it that say what this server and database can do.

bench/floor.py has their addresses: constant bytes, and a resource's text by one prepared, indexed SELECT and
nothing else; each bare, and through Django. And the product's answers can be had without their telling the
audit trail, so that one sees what that takes. Only the benchmark serves this module.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from bench.floor import CONSTANT, FLOOR, PLAIN_CONSTANT, PREFIX, QUERY, UNTOLD_IN_ENVIRON
from fhir.exchange import Answer, Request
from smartcdr.wsgi import application as product

from bench.django_floor import handler  # isort: skip  Django must be set up first
from fhir import accounting  # isort: skip

_URL = os.environ["DATABASE_URL"]
_thread = threading.local()
_through_django = handler()
_tell = accounting.tell


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer the benchmark's own routes; hand everything else to the product."""
    path = environ["PATH_INFO"]
    if not path.startswith(PREFIX):
        _thread.is_told = UNTOLD_IN_ENVIRON not in environ
        return product(environ, start_response)
    if path == PLAIN_CONSTANT:
        body = CONSTANT
    elif path.startswith(FLOOR):
        body = _stored(path.removeprefix(FLOOR))
    else:
        return _through_django(environ, start_response)
    headers = [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(body)))]
    start_response("200 OK" if body else "404 Not Found", headers)
    return [body]


def _tell_if_asked(request: Request, answer: Answer) -> None:
    if _thread.is_told:
        _tell(request, answer)


accounting.tell = _tell_if_asked


def _stored(address: str) -> bytes:
    kind, _, fhir_id = address.partition("/")
    found = _execute()(kind, fhir_id)
    return found[0].encode() if found else b""


def _execute() -> Callable[[str, str], Any]:
    """This thread's way to the database: one connection that is kept, one statement that is prepared once."""
    if not hasattr(_thread, "execute"):
        _thread.execute = _on_postgres() if _URL.startswith("postgres") else _on_sqlite()
    way: Callable[[str, str], Any] = _thread.execute
    return way


def _on_postgres() -> Callable[[str, str], Any]:
    query = QUERY.format("%s")
    cursor = psycopg.connect(_URL, autocommit=True, prepare_threshold=0).cursor()
    return lambda kind, fhir_id: cursor.execute(query, (kind, fhir_id)).fetchone()


def _on_sqlite() -> Callable[[str, str], Any]:
    query = QUERY.format("?")
    connection = sqlite3.connect(_URL.removeprefix("sqlite:///"))
    return lambda kind, fhir_id: connection.execute(query, (kind, fhir_id)).fetchone()

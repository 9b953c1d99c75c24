"""A row of the report, and the requests that it is made of."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.load import CONNECTIONS, Exchange

PAGE = 20
DIFFERENT = 4000
Judge = Callable[[Exchange, bytes], bool]


@dataclass
class Row:
    """A line of the report. `goal` is the least acceptable ratio to the floor (or resources per second).

    `writes`: it changes the data, and comes after all that only reads. `resources`: how many one request
    writes. `is_core`: one of the six searches that must not grow slower with the data. `examples` are some of
    its requests, for counting what they ask of the database.
    """

    name: str
    sources: list[Iterator[Exchange]]
    judge: Judge
    goal: float | None = None
    answered: Callable[[Exchange, bytes], None] | None = None
    resources: float = 0
    writes: bool = False
    is_core: bool = False
    examples: tuple[bytes, ...] = ()


def http(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def shared(exchanges: list[Exchange]) -> list[Iterator[Exchange]]:
    """All connections draw from one endless round of the exchanges."""
    return [itertools.cycle(exchanges)] * CONNECTIONS


def examples(exchanges: list[Exchange], count: int = 40) -> tuple[bytes, ...]:
    """The first of them, as they go over the wire."""
    return tuple(exchange.request for exchange in exchanges[:count])

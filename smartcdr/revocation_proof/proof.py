"""The run: tokens are issued, read with, ended one after the other, and tried again after a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from time import monotonic

from smartcdr.revocation_proof import authorizing
from smartcdr.revocation_proof.cast import Cast, cast
from smartcdr.revocation_proof.ends import WAYS, End, ends
from smartcdr.revocation_proof.reading import Read, Readers, read_once
from smartcdr.revocation_proof.servers import HOST, UnexpectedAnswer, serving
from smartcdr.revocation_proof.visitor import Visitor

MOST_SECONDS = 1.0
"""How long after its revocation a token may still be served."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one token. Reads are counted that began after the revocation had been answered;
    `lasted` is how long after that, in seconds, the last of them was served (0: none was).
    """

    way: str
    lasted: float
    served: int
    refused: int
    revived: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All tokens, and how many reads there were per second while they ended one after the other."""

    tokens: list[Ended]
    reads: int
    per_second: float

    @property
    def holds(self) -> bool:
        """Whether no token lasted longer than a second, each was seen refused, and none came alive again."""
        return all(
            one.lasted <= MOST_SECONDS and one.refused and not one.revived for one in self.tokens
        ) and bool(self.tokens)


Say = Callable[[str], None]


def prove(count: int, workers: int, say: Say) -> Outcome:
    """Run the proof with `count` tokens on `workers` server processes, and tell by `say` how far it is.

    Raises UnexpectedAnswer, ServerError, or OSError where nothing can be said of the tokens.
    """
    with cast(count) as people:
        path = f"/fhir/Patient/{people.patient}"
        with serving(workers) as ports:
            say(f"{workers} server processes have started. {count} authorizations follow.")
            person, staff = _signed_in(ports, people.person, people), _signed_in(ports, people.staff, people)
            tokens = [authorizing.access_token(person, app) for app in people.apps]
            readers = Readers(ports, path, tokens)
            ways = list(islice(cycle(WAYS), count))
            began = monotonic()
            with readers.at_work():
                say(f"Reading with all tokens, and revoking one after the other: {', '.join(WAYS)}.")
                moments = end_all(readers, people, tokens, ways, ends(Visitor(ports), person, staff))
            seconds = monotonic() - began
        say("All servers have stopped. Others start, and every token is tried again.")
        with serving(workers) as ports:
            revived = _revived(ports, path, tokens)
    results = [
        ended(way, moment, number in revived, (read for read in readers.reads if read.token == number))
        for number, (way, moment) in enumerate(zip(ways, moments, strict=True))
    ]
    return Outcome(results, len(readers.reads), len(readers.reads) / seconds)


def _signed_in(ports: Sequence[int], username: str, people: Cast) -> Visitor:
    visitor = Visitor(ports)
    authorizing.sign_in(visitor, username, people.password)
    return visitor


def end_all(
    readers: Readers, people: Cast, tokens: Sequence[str], ways: Sequence[str], how: dict[str, End]
) -> list[float]:
    """End every token, each only after every server has served it, and go on only after each has refused it.

    Returns the moments (`monotonic`, seconds) of the answers. Raises UnexpectedAnswer if a token never
    worked, could not be revoked, or a read was neither served nor refused.
    """
    moments = []
    for number, (token, way) in enumerate(zip(tokens, ways, strict=True)):
        readers.watch(number)
        if not readers.wait_for(number, served=True, since=0):
            raise UnexpectedAnswer(f"Token {number + 1} never worked. {' '.join(readers.faults[:1])}")
        moments.append(how[way](people.apps[number], token))
        readers.wait_for(number, served=False, since=moments[-1])
    # The last ones are watched for as long as the first ones were, and longer than they may last.
    threading.Event().wait(2 * MOST_SECONDS)
    if readers.faults:
        raise UnexpectedAnswer(readers.faults[0])
    return moments


def _revived(ports: Sequence[int], path: str, tokens: Sequence[str]) -> set[int]:
    """Which tokens any of the servers still serves."""
    served = set()
    for port in ports:
        with closing(HTTPConnection(HOST, port, timeout=60)) as connection:
            reads = (read_once(connection, port, path, *one) for one in enumerate(tokens))
            served |= {read.token for read in reads if read.status != 401}
    return served


def ended(way: str, moment: float, revived: bool, reads: Iterable[Read]) -> Ended:
    """What became of a token that was ended at this moment, by the reads with it."""
    after = [read for read in reads if read.began > moment]
    served = [read.answered - moment for read in after if read.was_served]
    return Ended(way, max(served, default=0.0), len(served), len(after) - len(served), revived)

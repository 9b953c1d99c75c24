"""Whether the audit trail is whole: every event where it was written, as it was written.

Nothing is locked: servers go on writing meanwhile. Each chain is read up to where it ended when it was
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db import connection

from audit.chain import NUMBERS, digest
from audit.events import COLUMNS, hashed
from audit.models import Chain, Event

Heads = Mapping[int, tuple[int, str]]
"""By chain: the number of an event and its hash in hexadecimal digits. Kept elsewhere they prove that
nothing was cut off at the end."""


class Fault(NamedTuple):
    """What is wrong, with the event's or chain's place."""

    place: str
    words: str


class Seen(NamedTuple):
    """What one chain holds: events that were verified, and the faults."""

    events: int
    faults: list[Fault]


def verify(heads: Heads | None = None) -> Seen:
    """Verify all chains, and that they still have the `heads` that somebody kept."""
    chains = list(Chain.objects.order_by("id"))
    faults = [*_order(chains), *_strangers()]
    events = 0
    for chain in chains:
        seen = _verified(chain, (heads or {}).get(chain.pk))
        events += seen.events
        faults += seen.faults
    known = {chain.pk for chain in chains}
    faults += [Fault(f"chain {each}", "is missing as a whole.") for each in heads or () if each not in known]
    return Seen(events, faults)


def heads() -> dict[int, tuple[int, str]]:
    """Where each chain ends now."""
    return {chain.pk: (chain.number, bytes(chain.hash).hex()) for chain in Chain.objects.order_by("id")}


def _order(chains: list[Chain]) -> Iterator[Fault]:
    """Each chain names the one before it."""
    expected = bytes(32)
    for chain in chains:
        if bytes(chain.before) != expected:
            yield Fault(
                f"chain {chain.pk}", "does not follow the chain before it: one is missing or altered."
            )
        expected = digest(chain.pk, chain.began, bytes(chain.before))


def _strangers() -> Iterator[Fault]:
    """Events that no chain accounts for; in one statement, so nothing written meanwhile is among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id FROM audit_event e LEFT JOIN audit_chain c ON c.id = e.id / %s"
            " WHERE c.id IS NULL OR e.id > c.id * %s + c.number OR e.id < c.id * %s + c.first_kept",
            (NUMBERS, NUMBERS, NUMBERS),
        )
        for (number,) in cursor.fetchall():
            yield Fault(place_of(number), "is an event that no chain accounts for.")


def _verified(chain: Chain, kept: tuple[int, str] | None) -> Seen:
    """The events of a chain. If old ones were removed meanwhile it is looked at anew."""
    while True:
        seen = _walk(chain, kept)
        first = Chain.objects.values_list("first_kept", flat=True).get(pk=chain.pk)
        if not seen.faults or first == chain.first_kept:
            return seen
        chain.refresh_from_db()


def _walk(chain: Chain, kept: tuple[int, str] | None) -> Seen:
    base = chain.pk * NUMBERS
    rows = (
        Event.objects.filter(id__gte=base + chain.first_kept, id__lte=base + chain.number)
        .order_by("id")
        .values_list(*COLUMNS, "hash")
    )
    faults: list[Fault] = []
    expected, before, count = chain.first_kept, bytes(chain.hash_before), 0
    held: bytes | None = None
    for *columns, stored in rows.iterator(chunk_size=2000):
        number, found = columns[0] - base, bytes(stored)
        if number != expected:
            faults.append(_missing(chain.pk, expected, number - 1))
        elif hashed(before, [tuple(columns)]) != [found]:
            faults.append(Fault(place_of(columns[0]), "was altered, or the one before it."))
        expected, before, count = number + 1, found, count + 1
        held = found if kept and number == kept[0] else held
    if expected <= chain.number:
        faults.append(_missing(chain.pk, expected, chain.number))
    elif before != bytes(chain.hash):
        faults.append(Fault(f"chain {chain.pk}", "does not end with the event that was written last."))
    return Seen(count, [*faults, *_cut(chain, kept, held)])


def _cut(chain: Chain, kept: tuple[int, str] | None, held: bytes | None) -> Iterator[Fault]:
    """Whether the chain still has the event that somebody kept the hash of; retention may have removed it."""
    if kept is None or kept[0] < chain.first_kept:
        return
    if held is None or held.hex() != kept[1]:
        yield Fault(f"chain {chain.pk}", f"has no event {kept[0]} any more as it was kept elsewhere.")


def _missing(chain: int, first: int, last: int) -> Fault:
    if first == last:
        return Fault(f"event {chain}.{first}", "is missing.")
    return Fault(f"events {chain}.{first} to {chain}.{last}", "are missing.")


def place_of(event: int) -> str:
    """An event's place as people read it: the number of the chain and its own in it."""
    return f"event {event // NUMBERS}.{event % NUMBERS}"

"""New numbers and ids for resources."""

from __future__ import annotations

import os
import secrets
import threading
import time

from django.db import connection

from fhir.rows import ON_POSTGRESQL

BLOCK = 1000
"""How many row numbers one value of the sequence stands for."""

_lock = threading.Lock()
_left: dict[int, list[int]] = {}


def next_numbers(count: int) -> list[int]:
    """`count` unused values for Resource.id, ascending.

    PostgreSQL: cut from blocks that this process reserves with a sequence. SQLite: counted on from the
    highest, which is right only inside a transaction that holds the write lock, as ours do from their
    beginning.
    """
    if not ON_POSTGRESQL:
        return _counted_on(count)
    found: list[int] = []
    with _lock:
        # A forked worker must not share its parent's block.
        block = _left.setdefault(os.getpid(), [0, 0])
        while len(found) < count:
            if block[0] == block[1]:
                block[0] = _reserve()
                block[1] = block[0] + BLOCK
            taken = min(count - len(found), block[1] - block[0])
            found.extend(range(block[0], block[0] + taken))
            block[0] += taken
    return found


def new_fhir_id() -> str:
    """An id that nobody can guess and no two resources share, in order of time so that indexes stay compact.

    48 bits of milliseconds and 74 random bits in the form of a UUID of version 7:
    https://www.rfc-editor.org/rfc/rfc9562#section-5.7
    """
    high = (time.time_ns() // 1_000_000 << 16) | 0x7000 | secrets.randbits(12)
    low = (0b10 << 62) | secrets.randbits(62)
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _reserve() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('fhir_resource_block')")
        (block,) = cursor.fetchone()
    return int(block) * BLOCK


def _counted_on(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM fhir_resource")
        (highest,) = cursor.fetchone()
    return list(range(highest + 1, highest + 1 + count))

"""Reads that were allowed, from what was told of them to what is written, in whichever process that happens.

They wait as JSON: a read is then one object in memory, and another process can take it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from django.utils.module_loading import import_string

from audit import chain
from audit.events import Event

Make = Callable[[Sequence[Any]], Iterable[Event]]
"""Makes the events of what was told, of many at once."""


def packed(make: str, what: Any) -> bytes:
    """What was told, with the dotted name of what makes its events: a JSON array without its brackets."""
    try:
        # Slicing copies it to where it fits. As it comes it stands in a kilobyte, and to let a thousand of
        # these wait takes five times as long.
        return orjson.dumps((make, what))[1:-1]
    except orjson.JSONEncodeError:
        # Half of a surrogate pair, or a number of more than 64 bits: better an odd event than none. Of such a
        # number the last digits are lost.
        return json.dumps((make, what), ensure_ascii=False).encode("utf-8", "replace")[1:-1]


def together(told: Iterable[bytes]) -> bytes:
    """What `packed` gave of several, as one message."""
    return b"[[" + b"],[".join(told) + b"]]"


def write(message: bytes) -> None:
    """Write the events of all in a message of `together`, or none. Raises Django's database errors."""
    chain.add(_made(orjson.loads(message)))


def _made(told: Iterable[tuple[str, Any]]) -> list[Event]:
    """The events of these, in their order."""
    events: list[Event] = []
    for name, group in groupby(told, key=itemgetter(0)):
        make: Make = import_string(name)
        events += make([what for _, what in group])
    return events

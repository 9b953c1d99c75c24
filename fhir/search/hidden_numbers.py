"""Row numbers in cursors, made unreadable: from two of them anybody could tell how many resources others have
written in between. Each number has one such form, as long as SECRET_KEY stays.
"""

from __future__ import annotations

from hashlib import blake2b

from django.conf import settings

_HALF = (1 << 32) - 1
_ROUNDS = range(4)
"""Without the key, four rounds of a Feistel network cannot be told from a random permutation."""


def hide(number: int) -> int:
    """The other form of a number, both from 0 to 2**64 - 1."""
    left, right = number >> 32, number & _HALF
    for turn in _ROUNDS:
        left, right = right, left ^ _mix(turn, right)
    return left << 32 | right


def show(hidden: int) -> int:
    """The number whose other form this is."""
    left, right = hidden >> 32, hidden & _HALF
    for turn in reversed(_ROUNDS):
        left, right = right ^ _mix(turn, left), left
    return left << 32 | right


def _mix(turn: int, half: int) -> int:
    key = settings.SECRET_KEY.encode()[:64]
    text = half.to_bytes(4, "big")
    made = blake2b(text, key=key, digest_size=4, salt=b"cursor", person=turn.to_bytes(1, "big"))
    return int.from_bytes(made.digest(), "big")

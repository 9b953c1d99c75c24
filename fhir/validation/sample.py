"""A part of a large resource that is small enough to be told of what is wrong with it.

Whether a resource is valid is soon seen. But the validator makes all errors at once, each with a copy of what
is wrong: of a list of a million wrong elements, which are two megabytes, these are minutes and gigabytes.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

MOST_VALUES = 20_000
"""How many values a resource may have, objects and lists included, to be looked at as a whole."""
_LENGTHS = (1000, 100, 10)


class _TooLarge(Exception):
    """There are more values than may be looked at."""


def samples(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the resource itself if it is small, else only the beginnings of its lists, shorter and shorter.

    All lists are cut alike, so that lists that belong together stay equally long. Nothing is yielded that has
    more than MOST_VALUES.
    """
    for length in (None, *_LENGTHS):
        try:
            yield _cut(resource, length, [MOST_VALUES])
        except _TooLarge:
            continue
        if length is None:
            return


def is_small(resource: dict[str, Any]) -> bool:
    """Whether all that is wrong with a resource is told, and not only what is wrong with a part of it."""
    try:
        _cut(resource, None, [MOST_VALUES])
    except _TooLarge:
        return False
    return True


def _cut(value: Any, length: int | None, left: list[int]) -> Any:
    """A copy with lists of this length at most; `left` is how many values may still come."""
    left[0] -= 1
    if left[0] < 0:
        raise _TooLarge
    if isinstance(value, dict):
        return {key: _cut(inner, length, left) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, length, left) for inner in islice(value, length)]
    return value

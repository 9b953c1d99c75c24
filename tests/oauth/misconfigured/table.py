"""What a misconfiguration is, and all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """What came of it: the answer, or the reference code where no answer carries one; and the values that
    the exact cause names.
    """

    answer: Any = None
    reference: str = ""
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Misconfiguration:
    """Who makes it, and the step of the timeline at which it has to end: its kind, the rule, the exact cause
    (a template of tests.oauth.timeline.says), and the steps that have to stand before it.
    """

    make: Callable[..., Seen]
    kind: str
    rule: str
    cause: str
    before: tuple[str, ...]


TABLE: dict[str, Misconfiguration] = {}
Make = Callable[..., Seen]


def ends_at(kind: str, rule: str, cause: str, before: str = "") -> Callable[[Make], Make]:
    """Put a function that makes the mistake into the table, under its own name."""

    def decorate(make: Make) -> Make:
        name = make.__name__.replace("_", " ")
        assert name not in TABLE
        TABLE[name] = Misconfiguration(make, kind, rule, cause, tuple(before.split()))
        return make

    return decorate

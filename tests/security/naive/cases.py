"""Requests and what they come to, in the words that the model and the product are compared in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.security.naive.matching import Json
from tests.security.naive.rights import Key

NEW = "new"
"""The beginning of ids that the model makes."""


@dataclass(frozen=True)
class Case:
    """A request. `kind` names the method of Oracle that answers it; the rest is what that kind needs.

    `since` and `at` are moments of the world: the moment n lies before all n-th successors were written.
    `size` is how many entries a page has (0: all), `types` and `patients` what an operation names.
    """

    kind: str
    type: str = ""
    id: str = ""
    query: str = ""
    resource: Json | None = None
    number: int = 0
    include: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    parts: tuple[Case, ...] = ()
    since: int = 0
    at: int = 0
    size: int = 0
    types: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Which resource it is about."""
        return self.type, self.id


@dataclass
class Outcome:
    """A status, the resources that are shown with their versions, sorted; a number of matches; what entries
    of a Bundle have come to. `either` are other statuses that would be as good."""

    status: int
    shown: list[str] = field(default_factory=list)
    total: int | None = None
    parts: list[Outcome] = field(default_factory=list)
    either: frozenset[int] = frozenset()


class Refused(Exception):
    """Ends the work at a request with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def show(key: Key, number: int, content: Json) -> str:
    """A version as text: its address and all of its content but `meta`. All new ids are the same here."""
    fhir_id = NEW if is_new(key[1]) else key[1]
    return f"{key[0]}/{fhir_id}/{number} {plain({**content, 'id': fhir_id})}"


def is_new(fhir_id: str) -> bool:
    """Whether this is an id that the server, or the model in its place, has made."""
    return fhir_id.startswith(NEW) or len(fhir_id) == 36


def plain(content: Json) -> str:
    """A content as text, without what the server adds to it."""
    return json.dumps({name: value for name, value in content.items() if name != "meta"}, sort_keys=True)

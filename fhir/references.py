"""Finding the links in a resource and setting them to what they resolve to.

References, and with them uri, url, canonical, oid and uuid elements and the links in a narrative, follow a
resource to its new id: https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fhir.elements import children, contexts

_LINK_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_HREF = re.compile(r'\b(href|src)\s*=\s*"([^"]*)"')

Resolve = Callable[[str], str | None]


@cache
def _link_names() -> frozenset[str]:
    """The JSON properties that hold a link other than a Reference somewhere in R4."""
    return frozenset(
        name
        for context in contexts()
        for element in children(context).values()
        for name, kind in element.properties()
        if kind in _LINK_TYPES
    )


@dataclass(frozen=True, slots=True)
class Link:
    """One place in a resource that holds a link: `holder[key]`, whose text was `text` when it was found.

    `kind` is reference, uri or narrative; `path` is the place as a simple FHIRPath from the resource on.
    """

    holder: Any
    key: str | int
    text: str
    kind: str
    path: str

    def put(self, text: str) -> None:
        """Set the link."""
        self.holder[self.key] = text


class LinkFinder:
    """Finds the links of resources that refer to each other: those that have `targets` as their fullUrls."""

    def __init__(self, targets: frozenset[str]) -> None:
        self._targets = targets
        self._names = _link_names()
        # What a narrative must contain to be worth a look: a URN's beginning, or any link if there are
        # others.
        self._mark = "urn:" if all(target.startswith("urn:") for target in targets) else "="

    def links(self, resource: dict[str, Any]) -> list[Link]:
        """All references in a resource, and those other links and narratives that name one of the targets."""
        found: list[Link] = []
        self._walk(resource, resource["resourceType"], found)
        return found

    def _walk(self, node: dict[str, Any], path: str, found: list[Link]) -> None:
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                sort = self._sort(key, value)
                if sort:
                    found.append(Link(node, key, value, sort, f"{path}.{key}"))
            elif kind is dict:
                self._walk(value, f"{path}.{key}", found)
            elif kind is list:
                self._walk_list(key, value, path, found)

    def _walk_list(self, key: str, values: list[Any], path: str, found: list[Link]) -> None:
        for position, value in enumerate(values):
            if type(value) is dict:
                self._walk(value, f"{path}.{key}[{position}]", found)
            elif type(value) is str and self._sort(key, value) == "uri":
                found.append(Link(values, position, value, "uri", f"{path}.{key}[{position}]"))

    def _sort(self, key: str, value: str) -> str:
        if key == "reference":
            return "reference"
        if value in self._targets:
            return "uri" if key in self._names else ""
        return "narrative" if key == "div" and self._targets and self._mark in value else ""


def relinked(narrative: str, resolve: Resolve) -> str:
    """A narrative with each href and src that resolves set to what it resolves to."""

    def put(found: re.Match[str]) -> str:
        target = resolve(found[2])
        return found[0] if target is None else f'{found[1]}="{target}"'

    return _HREF.sub(put, narrative)

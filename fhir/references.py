"""Finding the links in a resource and setting them to what they resolve to.

https://hl7.org/fhir/R4/http.html#trules: references, and with them uri, url, canonical, oid and uuid elements and the
links in a narrative, follow a resource to its new id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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


def links(resource: dict[str, Any], targets: frozenset[str]) -> list[Link]:
    """All references in a resource, and those other links and narratives that name one of `targets`."""
    return list(_walk(resource, resource["resourceType"], _Wanted(targets, _narrative_mark(targets))))


@dataclass(frozen=True, slots=True)
class _Wanted:
    targets: frozenset[str]
    narrative: str | None


def _narrative_mark(targets: frozenset[str]) -> str | None:
    """What a narrative must contain to be worth a look: a URN's beginning, or any link if there are other targets."""
    if not targets:
        return None
    return "urn:" if all(target.startswith("urn:") for target in targets) else "="


def _walk(node: dict[str, Any], path: str, wanted: _Wanted) -> Iterator[Link]:
    for key, value in node.items():
        kind = type(value)
        if kind is str:
            sort = _sort(key, value, wanted)
            if sort:
                yield Link(node, key, value, sort, f"{path}.{key}")
        elif kind is dict:
            yield from _walk(value, f"{path}.{key}", wanted)
        elif kind is list:
            yield from _walk_list(key, value, path, wanted)


def _walk_list(key: str, values: list[Any], path: str, wanted: _Wanted) -> Iterator[Link]:
    for position, value in enumerate(values):
        if type(value) is dict:
            yield from _walk(value, f"{path}.{key}[{position}]", wanted)
        elif type(value) is str and _sort(key, value, wanted) == "uri":
            yield Link(values, position, value, "uri", f"{path}.{key}[{position}]")


def _sort(key: str, value: str, wanted: _Wanted) -> str:
    if key == "reference":
        return "reference"
    if value in wanted.targets:
        return "uri" if key in _link_names() else ""
    if key == "div" and wanted.narrative and wanted.narrative in value:
        return "narrative"
    return ""


def relinked(narrative: str, resolve: Resolve) -> str:
    """A narrative with each href and src that resolves set to what it resolves to."""

    def put(found: re.Match[str]) -> str:
        target = resolve(found[2])
        return found[0] if target is None else f'{found[1]}="{target}"'

    return _HREF.sub(put, narrative)

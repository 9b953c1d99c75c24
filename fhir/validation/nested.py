"""Finds the resources within a resource: contained ones, a Bundle's entries, an operation's Parameters."""

from collections.abc import Iterator
from typing import Any

Nested = tuple[str, Any]
"""The place of a resource within its holder, such as `.entry[0].resource`, and its JSON."""


def nested(resource: dict[str, Any]) -> Iterator[Nested]:
    """Return the resources directly within `resource`; anything of a wrong shape is passed over."""
    for position, inner in _items(resource, "contained"):
        yield f".contained[{position}]", inner
    if resource.get("resourceType") == "Bundle":
        for position, entry in _items(resource, "entry"):
            yield from _entry(f".entry[{position}]", entry)
    if resource.get("resourceType") == "Parameters":
        yield from _parameters("", "parameter", resource)


def _items(holder: Any, name: str) -> Iterator[tuple[int, Any]]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return enumerate(value) if isinstance(value, list) else enumerate(())


def _entry(place: str, entry: Any) -> Iterator[Nested]:
    if not isinstance(entry, dict):
        return
    if "resource" in entry:
        yield f"{place}.resource", entry["resource"]
    response = entry.get("response")
    if isinstance(response, dict) and "outcome" in response:
        yield f"{place}.response.outcome", response["outcome"]


def _parameters(place: str, name: str, holder: Any) -> Iterator[Nested]:
    for position, parameter in _items(holder, name):
        here = f"{place}.{name}[{position}]"
        if isinstance(parameter, dict) and "resource" in parameter:
            yield f"{here}.resource", parameter["resource"]
        yield from _parameters(here, "part", parameter)

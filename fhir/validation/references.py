"""What the text of a reference may be at each place, as JSON Schema.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from functools import cache
from typing import Any

from fhir.definitions import load
from fhir.elements import RESOURCE_TYPES, element

ID = r"[A-Za-z0-9.-]{1,64}"
RESTFUL = "reference-to-a-resource"
"""The name of the definition of an absolute URL that ends as that of a resource does."""

_ABSOLUTE = r"[A-Za-z][A-Za-z0-9+.-]*:\S+"


def _resource(types: tuple[str, ...]) -> str:
    return rf"(?:{'|'.join(sorted(types))})/{ID}(?:/_history/{ID})?"


def _local(types: tuple[str, ...]) -> str:
    """A search such as `Patient?identifier=x` is what a transaction resolves before anything is stored."""
    return rf"{_resource(types)}|(?:{'|'.join(sorted(types))})\?\S+|#\S*|urn:\S+"


def _remote(types: tuple[str, ...]) -> str:
    return rf"https?://\S+/{_resource(types)}"


_ANY = re.compile(rf"(?:{_local(RESOURCE_TYPES)}|{_ABSOLUTE})")
FURTHER: dict[str, list[str]] = load("further-targets")
"""Element path → types besides those that R4 defines, which R4's own published examples refer to there."""


def text(targets: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of `Reference.reference` where it may name these types (empty: all).

    An absolute URL that does not end as a resource's does may lead to anything.
    """
    names = targets or RESOURCE_TYPES
    # The common forms come first: one pattern decides about them.
    local, remote = {"pattern": f"^(?:{_local(names)})$"}, {"pattern": f"^{_remote(names)}$"}
    foreign = {"pattern": f"^(?:{_ABSOLUTE})$", "not": {"$ref": f"#/$defs/{RESTFUL}"}}
    return {
        "type": "string",
        "anyOf": [local, remote, foreign],
        "$comment": f"target:{', '.join(names)}",
    }


def restful() -> dict[str, Any]:
    """Return the definition named RESTFUL."""
    return {"pattern": f"^{_remote(RESOURCE_TYPES)}$"}


def is_reference(value: str) -> bool:
    """Return whether this could be a reference at some place."""
    return _ANY.fullmatch(value) is not None


def is_further(path: str, value: str) -> bool:
    """Return whether R4's own examples name this reference's type at the element with this path."""
    types = tuple(FURTHER.get(path, ()))
    return bool(types) and re.fullmatch(f"{_local(types)}|{_remote(types)}", value) is not None


_POSITIONS = re.compile(r"\[\d+\]")


def foresees_at(expression: str, resource_type: str) -> bool:
    """Return whether the reference whose text stands at this place, such as
    `Observation.performer[0].reference`, may name this type."""
    return foresees(_POSITIONS.sub("", expression).removesuffix(".reference"), resource_type)


@cache
def foresees(path: str, resource_type: str) -> bool:
    """Return whether the element with this path, such as `Observation.subject`, may name this type.

    So may one that is not found by its path alone: an element of a contained resource.
    """
    found = element(path)
    if found is None or not found.targets or "Resource" in found.targets:
        return True
    return resource_type in found.targets or resource_type in FURTHER.get(found.path, ())

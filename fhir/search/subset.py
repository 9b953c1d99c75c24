"""Answers with parts of resources: `_elements` and `_summary`.

These are the only answers for which stored texts are parsed. What is left out is said by a tag in `meta`.
https://hl7.org/fhir/R4/search.html#elements https://hl7.org/fhir/R4/search.html#summary
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from fhir.elements import children
from fhir.jsontext import parse, serialise

Summary = Literal["", "text", "data"]

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})


@dataclass(frozen=True, slots=True)
class Subset:
    """What is wanted of each match: these elements, or what a summary of this kind has; neither means all."""

    elements: frozenset[str] = frozenset()
    summary: Summary = ""

    def __bool__(self) -> bool:
        """Whether anything is to be left out."""
        return bool(self.elements or self.summary)


WHOLE = Subset()
"""Leaves nothing out."""


def cut(text: str, subset: Subset) -> str:
    """Return a stored resource with only what is wanted, and marked as a part of it.

    Elements that must be there, and those that change the meaning of others, stay: without them the rest
    would be invalid or misleading.
    """
    resource = parse(text.encode())
    if subset.summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        wanted = subset.elements | ({"text"} if subset.summary == "text" else frozenset())
        kept = _keep(resource, wanted)
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), _SUBSETTED]
    return serialise({**kept, "meta": meta}).decode()


def _keep(resource: dict[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    """The wanted elements with the indispensable ones; a primitive's extensions (`_name`) go with it."""
    names = _ALWAYS | _forms(resource["resourceType"], wanted)
    return {name: value for name, value in resource.items() if name.removeprefix("_") in names}


@cache
def _forms(resource_type: str, wanted: frozenset[str]) -> frozenset[str]:
    """The JSON properties of these elements of a type and of its mandatory and modifying ones."""
    return frozenset(
        form
        for element in children(resource_type).values()
        if element.name in wanted or element.min > 0 or element.modifier
        for form, _ in element.properties()
    )

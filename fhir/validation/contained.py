"""References to contained resources: whether these are of a type that R4 foresees there.

https://hl7.org/fhir/R4/references.html#contained
"""

from collections.abc import Iterator
from typing import Any

from fhir.outcome import Issue
from fhir.references import LinkFinder
from fhir.validation.references import foresees_at

_LINKS = LinkFinder(frozenset())


def unforeseen(resource: dict[str, Any], place: str) -> Iterator[Issue]:
    """Return what is wrong with the references within a resource at `place` to what it contains.

    A reference to something that is not contained is passed over, as is anything of a wrong shape.
    """
    kinds = dict(_kinds(resource))
    if not kinds:
        return
    for link in _LINKS.links(resource):
        kind = kinds.get(link.text)
        if kind is None or link.kind != "reference" or foresees_at(link.path, kind):
            continue
        expression = place + link.path.removeprefix(resource["resourceType"])
        text = f"{expression}: {link.text} is a {kind}, which R4 does not foresee here."
        yield Issue("error", "business-rule", text, expression)


def _kinds(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    contained = resource.get("contained")
    for inner in contained if isinstance(contained, list) else ():
        if isinstance(inner, dict) and isinstance(inner.get("resourceType"), str):
            yield f"#{inner.get('id')}", inner["resourceType"]

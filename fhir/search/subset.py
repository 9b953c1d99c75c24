"""Answers with parts of resources: `_elements` and `_summary`.

These are the only answers for which stored texts are parsed. What is left out is said by a tag in `meta`.
https://hl7.org/fhir/R4/search.html#elements https://hl7.org/fhir/R4/search.html#summary
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qsl

from fhir.definitions import load
from fhir.elements import ABSTRACT_TYPES, children
from fhir.jsontext import parse, serialise
from fhir.outcome import BadRequest

Summary = Literal["", "true", "text", "data"]

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


def wanted(query: str) -> Subset:
    """What `_summary` and `_elements` of a query string want, for what is no search. No more is read of it.

    Raises BadRequest for values that do not work there.
    """
    if "_summary" not in query and "_elements" not in query:
        return WHOLE
    wishes = dict(parse_qsl(query, keep_blank_values=True))
    summary, names = wishes.get("_summary", "false"), wishes.get("_elements", "")
    if summary not in ("true", "text", "data", "false"):
        raise BadRequest("'_summary' takes true, text, data or false here.", code="value")
    if summary != "false" and names:
        raise BadRequest("'_summary' and '_elements' do not go together.")
    elements = frozenset(name.strip() for name in names.split(",") if name.strip())
    kind: Summary = "" if summary == "false" else summary  # type: ignore[assignment]
    return Subset(elements, kind)


def part_of(text: str, subset: Subset) -> str:
    """A stored resource as far as it is wanted; a deletion's empty text stays empty."""
    return cut(text, subset) if subset and text else text


def cut(text: str, subset: Subset) -> str:
    """Return a stored resource with only what is wanted, and marked as a part of it.

    Elements that must be there, and those that change the meaning of others, stay: without them the rest
    would be invalid or misleading.
    """
    resource = parse(text.encode())
    if subset.summary == "true":
        kept = {"resourceType": resource["resourceType"], **_summary(resource, resource["resourceType"])}
    elif subset.summary == "data":
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


def _summary(value: dict[str, Any], context: str) -> dict[str, Any]:
    """What a summary has of a resource or of an element with this type or path; FHIR has no empty objects."""
    found = {}
    for name, inner in value.items():
        kind = _summary_forms(context).get(name.removeprefix("_"))
        kept = None if kind is None else _summary_of_each(inner, kind)
        if kept not in (None, {}, []):
            found[name] = kept
    return found


def _summary_of_each(value: Any, context: str) -> Any:
    if isinstance(value, list) and context:
        return [kept for inner in value if (kept := _summary_of_each(inner, context)) != {}]
    return _summary(value, context) if isinstance(value, dict) and context else value


@cache
def _summary_forms(context: str) -> Mapping[str, str]:
    """The JSON properties that a summary has of this type or path, each with its type.

    The type is empty where the whole value stays: a primitive, a resource in a resource, and types of which
    R4 marks nothing, such as Extension and Narrative.
    """
    return {
        form: kind if kind in marked() and kind not in ABSTRACT_TYPES else ""
        for element in children(context).values()
        if _is_marked(element.path) or element.min > 0 or element.modifier
        for form, kind in element.properties()
    }


def _is_marked(path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return name in marked().get(owner, ())


@cache
def marked() -> Mapping[str, frozenset[str]]:
    """For each type and path the elements that R4 marks as part of a summary (isSummary).

    https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.isSummary
    """
    return {owner: frozenset(names) for owner, names in load("summary").items()}

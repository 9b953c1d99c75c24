"""What a query finds among resources in memory: every resource is asked every question."""

from typing import Any

from tests.fhir.search.naive.comparing import (
    address,
    date_matches,
    folded,
    pieces,
    plain,
    quantity_matches,
    reference_matches,
    string_matches,
    texts,
    token_matches,
)
from tests.fhir.search.naive.parameters import COMPOSITES, PARAMETERS, TARGETS, at, values

Resource = dict[str, Any]
Question = tuple[str, str]


def found(resources: list[Resource], resource_type: str, questions: list[Question]) -> set[str]:
    """The ids of the resources of a type that meet all questions."""
    return {
        each["id"]
        for each in resources
        if each["resourceType"] == resource_type
        and all(meets(resources, each, name, asked) for name, asked in questions)
    }


def meets(resources: list[Resource], resource: Resource, name: str, asked: str) -> bool:
    """Whether a resource meets one question."""
    if name.startswith("_has:"):
        return _is_pointed_at(resources, resource, name, asked)
    if "." in name:
        return _leads_to(resources, resource, name, asked)
    code, _, modifier = name.partition(":")
    resource_type = resource["resourceType"]
    if code in COMPOSITES.get(resource_type, {}):
        return any(_composite(resource, code, each) for each in pieces(asked, ","))
    kind, places = PARAMETERS[resource_type][code]
    there = values(resource, places)
    if code == "patient":
        there = [pair for pair in there if _is_of("Patient", pair[0])]
    if modifier == "missing":
        return (asked == "true") == (not there)
    matching = any(
        _matches(kind, code, modifier, value, own, each)
        for value, own in there
        for each in pieces(asked, ",")
    )
    return not matching if modifier == "not" else matching


def _matches(kind: str, code: str, modifier: str, value: Any, own: str, asked: str) -> bool:
    if modifier == "text":
        return any(folded(text).startswith(folded(plain(asked))) for text in texts(value, own))
    match kind:
        case "token":
            return token_matches(value, own, asked)
        case "date":
            return date_matches(value, own, asked)
        case "quantity":
            return quantity_matches(value, asked)
        case "string":
            return string_matches(value, own, modifier, plain(asked))
        case _:
            return reference_matches(value, modifier, asked, TARGETS.get(code, ()))


def _is_of(resource_type: str, value: Any) -> bool:
    return address(value).startswith(f"{resource_type}/") or f"/{resource_type}/" in address(value)


def _composite(resource: Resource, code: str, asked: str) -> bool:
    where, first, second = COMPOSITES[resource["resourceType"]][code]
    head, tail = pieces(asked, "$")
    return any(
        any(token_matches(value, "CodeableConcept", head) for value in at(place, first))
        and any(quantity_matches(value, tail) for value in at(place, second))
        for place in (at(resource, where) if where else [resource])
    )


def _leads_to(resources: list[Resource], resource: Resource, name: str, asked: str) -> bool:
    head, _, rest = name.partition(".")
    code, _, target = head.partition(":")
    _, places = PARAMETERS[resource["resourceType"]][code]
    aims = {address(value) for value, _ in values(resource, places)}
    return any(
        f"{each['resourceType']}/{each['id']}" in aims
        and (not target or each["resourceType"] == target)
        and rest.partition(":")[0].partition(".")[0] in (*PARAMETERS[each["resourceType"]], "_has")
        and meets(resources, each, rest, asked)
        for each in resources
    )


def _is_pointed_at(resources: list[Resource], resource: Resource, name: str, asked: str) -> bool:
    _, source, code, rest = name.split(":", 3)
    own = f"{resource['resourceType']}/{resource['id']}"
    _, places = PARAMETERS[source][code]
    return any(
        each["resourceType"] == source
        and any(address(value) == own for value, _ in values(each, places))
        and meets(resources, each, rest, asked)
        for each in resources
    )

"""What `_include` and `_revinclude` say. https://hl7.org/fhir/R4/search.html#include"""

from dataclasses import dataclass
from functools import cache

from fhir.elements import RESOURCE_TYPES, is_resource_type
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, search_parameter, search_parameters


@dataclass(frozen=True, slots=True)
class Include:
    """Resources to add: those that resources of the type `source` point at by one of `parameters` (`reverse`:
    those of the type `source` that so point at the ones there are).

    `target` narrows to what is of this type, where it is given. `iterate`: also from resources that were
    added.
    """

    source: str
    parameters: tuple[SearchParameter, ...]
    target: str
    reverse: bool
    iterate: bool


def parse_include(searched: str, name: str, value: str) -> Include:
    """Return what `name` (`_include` or `_revinclude`, with modifier) and its value say in a search of
    `searched`.

    Raises BadRequest for another form, an unknown type or parameter, one that is no reference, or a
    modifier other than `:iterate` (of which `:recurse` is the older name).
    """
    base, _, modifier = name.partition(":")
    reverse = base == "_revinclude"
    if modifier not in ("", "iterate", "recurse"):
        raise BadRequest(f"'{base}' has no modifier ':{modifier}'.", code="not-supported")
    source, code, target = _parts(searched, name, value)
    return Include(source, _parameters(source, code, name), target, reverse, iterate=bool(modifier))


def _parts(searched: str, name: str, value: str) -> tuple[str, str, str]:
    parts = value.split(":")
    if value == "*" and not name.startswith("_revinclude"):
        return searched, "*", ""
    if len(parts) not in (2, 3):
        raise BadRequest(f"'{name}' takes Type:parameter or Type:parameter:TargetType, not '{value}'.")
    source, code = parts[:2]
    target = parts[2] if len(parts) == 3 else ""
    for each in (source, target) if target else (source,):
        if not is_resource_type(each):
            raise BadRequest(f"'{name}' names '{each}', which is no resource type.")
    return source, code, target


def _parameters(source: str, code: str, name: str) -> tuple[SearchParameter, ...]:
    if code == "*":
        return tuple(each for each in search_parameters(source).values() if can_be_included(each))
    parameter = search_parameter(source, code)
    if parameter is None or not can_be_included(parameter):
        raise BadRequest(f"'{name}': {source} has no parameter '{code}' that holds references.")
    return (parameter,)


def holds_references(parameter: SearchParameter) -> bool:
    """Whether a parameter's values name other resources by where these are."""
    return parameter.type == "reference" and "Reference" in parameter.element_types


def holds_canonicals(parameter: SearchParameter) -> bool:
    """Whether a parameter's values name other resources by their `url`, and perhaps their version:
    https://hl7.org/fhir/R4/references.html#canonical
    """
    return parameter.type == "reference" and "canonical" in parameter.element_types


def can_be_included(parameter: SearchParameter) -> bool:
    """Whether what a parameter points at can be found: only what lies in the resource itself cannot."""
    return holds_references(parameter) or holds_canonicals(parameter)


@cache
def led_to(parameter: SearchParameter) -> frozenset[str]:
    """The types of what a parameter points at, as far as it can be found."""
    if holds_references(parameter):
        return frozenset(parameter.targets)
    return _canonical_types() & frozenset(parameter.targets or RESOURCE_TYPES)


@cache
def _canonical_types() -> frozenset[str]:
    """The types that have a `url` with versions: what others may name by it."""
    return frozenset(name for name in RESOURCE_TYPES if {"url", "version"} <= search_parameters(name).keys())

"""What `_include` and `_revinclude` say. https://hl7.org/fhir/R4/search.html#include"""

from dataclasses import dataclass

from fhir.elements import is_resource_type
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


def can_be_included(parameter: SearchParameter) -> bool:
    """Whether what a parameter points at can be followed: references can, canonical URLs cannot."""
    return parameter.type == "reference" and "Reference" in parameter.element_types

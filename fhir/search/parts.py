"""Reads the name of a parameter: the parameter itself, a chain of references, or `_has`."""

from fhir.elements import is_resource_type
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, search_parameter
from fhir.search.criteria import Asked, Chained, Part, Pointed
from fhir.search.escapes import split
from fhir.search.include_values import holds_references
from fhir.search.modifiers import is_supported

LARGEST_VALUE = 200
"""How many values one parameter may have."""
LONGEST_CHAIN = 6
"""How many references a chain may follow."""
MOST_WAYS = 300
"""To how many resource types, by whatever way, a chain may lead: each that does not name the type of its
target leads to several, and from there the next one again."""


def parse_part(resource_type: str, name: str, value: str) -> Part | None:
    """Return what a parameter with its value asks of `resource_type`, None if there is no such parameter.

    Raises BadRequest for a chain that leads nowhere, or for too many values.
    """
    return _parse(resource_type, name, value, 0)


def _parse(resource_type: str, name: str, value: str, depth: int) -> Part | None:
    if depth > LONGEST_CHAIN:
        raise BadRequest(f"A chain may follow {LONGEST_CHAIN} references at most.", code="too-costly")
    if name.startswith("_has:"):
        return _pointed(resource_type, name, value, depth)
    if name == "_list":
        return _listed(resource_type, value, depth)
    if "." in name:
        return _chained(resource_type, name, value, depth)
    code, _, modifier = name.partition(":")
    parameter = search_parameter(resource_type, code)
    if parameter is None or not is_supported(parameter):
        return None
    values = tuple(split(value, ","))
    if len(values) > LARGEST_VALUE:
        raise BadRequest(f"'{name}' has more than {LARGEST_VALUE} values.", code="too-costly")
    return Asked(parameter, modifier, values)


def _chained(resource_type: str, name: str, value: str, depth: int) -> Chained:
    """Return what `reference.rest` or `reference:Type.rest` asks."""
    head, _, rest = name.partition(".")
    code, _, target = head.partition(":")
    parameter = _reference(resource_type, code, name)
    if target and target not in parameter.targets:
        raise BadRequest(f"'{name}': '{code}' does not lead to '{target}'.")
    options: list[tuple[str, Part]] = []
    leading = 0
    for each in (target,) if target else parameter.targets:
        part = _parse_inner(each, rest, value, depth)
        if part is not None:
            options.append((each, part))
            leading += ways(part)
        if leading > MOST_WAYS:
            raise BadRequest(
                f"'{name}' leads to too many types: name them, as in reference:Type.", code="too-costly"
            )
    if not options:
        raise BadRequest(f"'{name}' leads to nothing that has the search parameter '{rest}'.")
    return Chained(parameter, tuple(options))


def ways(part: Part) -> int:
    """To how many types a part of a query leads."""
    if isinstance(part, Chained):
        return sum(ways(inner) for _, inner in part.options)
    return ways(part.part) if isinstance(part, Pointed) else 1


def weight(part: Part) -> int:
    """How many conditions a part of a query becomes: its values, in each type that a chain leads to."""
    match part:
        case Asked():
            return len(part.values)
        case Chained():
            return sum(weight(inner) for _, inner in part.options)
        case Pointed():
            return weight(part.part)


def _parse_inner(resource_type: str, name: str, value: str, depth: int) -> Part | None:
    """Return what the rest of a chain asks of one type, None if it does not fit this one of several types."""
    code = name.partition(".")[0].partition(":")[0]
    if code == "_has":
        _, _, reference, _ = _pieces(name)
        fits = resource_type in reference.targets
    else:
        parameter = search_parameter(resource_type, code)
        fits = parameter is not None and ("." not in name or holds_references(parameter))
    return _parse(resource_type, name, value, depth + 1) if fits else None


def _pieces(name: str) -> tuple[str, str, SearchParameter, str]:
    """Return type, code, parameter and rest of `_has:Type:code:rest`."""
    pieces = name.split(":", 3)
    if len(pieces) != 4 or not is_resource_type(pieces[1]):
        raise BadRequest(f"'{name}' should be _has:Type:reference:parameter.")
    _, source, code, rest = pieces
    return source, code, _reference(source, code, name), rest


def _pointed(resource_type: str, name: str, value: str, depth: int) -> Pointed:
    """Return what `_has:Type:reference:rest` asks."""
    source, code, parameter, rest = _pieces(name)
    if resource_type not in parameter.targets:
        raise BadRequest(f"'{name}': '{code}' of {source} does not lead to {resource_type}.")
    part = _parse(source, rest, value, depth + 1)
    if part is None:
        raise BadRequest(f"'{name}': {source} has no search parameter '{rest}' that is supported here.")
    return Pointed(parameter, part)


def _listed(resource_type: str, value: str, depth: int) -> Pointed:
    """Return what `_list` asks: to be an item of a List with one of these ids.

    Raises BadRequest for the names of lists that a server would have to make up.
    https://hl7.org/fhir/R4/search.html#list
    """
    if value.startswith("$"):
        raise BadRequest(f"The list '{value}' is not kept here: '_list' takes a List's id.")
    return _pointed(resource_type, "_has:List:item:_id", value, depth)


def _reference(resource_type: str, code: str, name: str) -> SearchParameter:
    parameter = search_parameter(resource_type, code)
    if parameter is None or not holds_references(parameter):
        raise BadRequest(f"'{name}': {resource_type} has no parameter '{code}' that holds references.")
    return parameter

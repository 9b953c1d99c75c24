"""Reads the part of FHIRPath that R4's search parameters are written in, and turns it into routes through the
JSON.

A route is a plain sequence of moves, with every choice element already spread over its JSON properties, so
that running it needs no knowledge of types. What is understood: unions, paths, `(path as T)`, `.as(T)`,
`.where(resolve() is T)`, `.where(name = 'text')`, `[n]`, `%resource`, and `a.exists() and a != false`.
Everything else raises ExpressionError. https://hl7.org/fhir/R4/search.html and
https://hl7.org/fhir/R4/fhirpath.html
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from fhir.elements import ABSTRACT_TYPES, Element, children, is_resource_type, lineage


class ExpressionError(ValueError):
    """An expression uses a form that is not understood, or an element that does not exist."""


class Get(NamedTuple):
    """Go to the value, or to each of the values, of a JSON property."""

    name: str


class GetAt(NamedTuple):
    """Go to one of the values of a repeating JSON property, counted from 0."""

    name: str
    position: int


class Where(NamedTuple):
    """Stay here only if a property has exactly this text."""

    name: str
    text: str


class RefersTo(NamedTuple):
    """Stay here only if this Reference names a resource of this type."""

    resource_type: str


class IsTrue(NamedTuple):
    """Become true if one of the properties is present and is not false, else become false."""

    names: tuple[str, ...]


Move = Get | GetAt | Where | RefersTo | IsTrue


@dataclass(frozen=True, slots=True)
class Route:
    """One way from a resource to values: its moves, the FHIR type of the values, and facts about the path.

    `element` is the path of element names without choice suffixes; `single` says that at most one value can
    lie there; `from_resource` that the route starts at the resource even when the expression is applied to a
    part of it.
    """

    moves: tuple[Move, ...]
    kind: str
    element: str
    single: bool
    targets: tuple[str, ...] = ()
    from_resource: bool = False


_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_STEP = re.compile(
    rf"""\.?(?:
        as\(\s*(?P<cast>{_NAME})\s*\)
      | where\(\s*resolve\(\)\s+is\s+(?P<refers>{_NAME})\s*\)
      | where\(\s*(?P<key>{_NAME})\s*=\s*'(?P<text>[^']*)'\s*\)
      | \[(?P<index>\d+)\]
      | (?P<name>%?{_NAME})(?!\()
    )""",
    re.VERBOSE,
)
_CAST = re.compile(rf"^\(\s*(?P<path>[^()|]+?)\s+as\s+(?P<cast>{_NAME})\s*\)(?P<rest>.*)$")
_TRUTH = re.compile(r"^(?P<path>[\w.]+)\.exists\(\)\s+and\s+(?P=path)\s*!=\s*false$")


def parse(expression: str, context: str) -> tuple[Route, ...]:
    """Return the routes of `expression` as applied to a value of the type or structure `context`.

    Raises ExpressionError for what this subset does not have, and for elements that R4 does not have.
    """
    routes: list[Route] = []
    for branch in _branches(expression):
        routes.extend(_parse_branch(branch, context))
    return tuple(routes)


def _branches(expression: str) -> list[str]:
    """Split a union at its bars; none of R4's expressions has one within parentheses or quotes."""
    branches = [part.strip() for part in expression.split("|")]
    if not all(branches):
        raise ExpressionError(f"an empty branch in {expression!r}")
    return branches


def _parse_branch(branch: str, context: str) -> list[Route]:
    truth = _TRUTH.match(branch)
    if truth:
        return [_as_truth(route_set, branch) for route_set in [_walk(truth["path"], context, branch)]]
    cast = _CAST.match(branch)
    if cast is None:
        return _walk(branch, context, branch)
    return _walk(f"{cast['path']}.as({cast['cast']}){cast['rest']}", context, branch)


def _as_truth(routes: list[Route], branch: str) -> Route:
    """Return the route that answers `a.exists() and a != false` for the forms of `a` that `routes` reach."""
    before = {route.moves[:-1] for route in routes}
    names = [route.moves[-1].name for route in routes if isinstance(route.moves[-1], Get)]
    if len(before) != 1 or len(names) != len(routes):
        raise ExpressionError(f"{branch!r}: existence is only understood for one element")
    moves = (*before.pop(), IsTrue(tuple(names)))
    return Route(moves, "boolean", routes[0].element, routes[0].single)


def _walk(path: str, context: str, branch: str) -> list[Route]:
    routes = [Route((), context, context, True)]
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or match.end() == position or (position and path[position] not in ".["):
            raise ExpressionError(f"{branch!r}: {path[position:]!r} is not understood")
        if match["name"] and position == 0 and _names_start(match["name"], context):
            routes = [Route((), context, context, True, from_resource=match["name"] == "%resource")]
            if match["name"] == "%resource":
                root = context.split(".")[0]
                routes = [Route((), root, root, True, from_resource=True)]
        else:
            routes = [after for route in routes for after in _step(route, match)]
        if not routes:
            raise ExpressionError(f"{branch!r}: {match[0]!r} does not exist in {context}")
        position = match.end()
    return routes


def _names_start(name: str, context: str) -> bool:
    """Return whether the first name of a path names the value that the path is applied to."""
    return name in (context, "%resource") or (name in ABSTRACT_TYPES and is_resource_type(context))


def _step(route: Route, match: re.Match[str]) -> list[Route]:
    if match["cast"]:
        # R4 writes DateTime once where dateTime is meant.
        wanted = {match["cast"], match["cast"][0].lower() + match["cast"][1:]}
        return [route] if wanted.intersection(lineage(route.kind)) else []
    if match["refers"]:
        return [_extend(route, RefersTo(match["refers"]))] if route.kind == "Reference" else []
    if match["key"]:
        known = match["key"] in children(route.kind)
        return [_extend(route, Where(match["key"], match["text"]))] if known else []
    if match["index"] is not None:
        last = route.moves[-1] if route.moves else None
        if not isinstance(last, Get):
            return []
        moves = (*route.moves[:-1], GetAt(last.name, int(match["index"])))
        return [Route(moves, route.kind, route.element, route.single, route.targets, route.from_resource)]
    return _descend(route, match["name"])


def _extend(route: Route, move: Move) -> Route:
    targets = (move.resource_type,) if isinstance(move, RefersTo) else route.targets
    return Route((*route.moves, move), route.kind, route.element, route.single, targets, route.from_resource)


def _descend(route: Route, name: str) -> list[Route]:
    """Return the routes to the child `name`: one, one a type for a choice, or none if there is none."""
    elements = children(route.kind)
    found = elements.get(name)
    if found is not None:
        return [_into(route, found, form, kind) for form, kind in found.properties()]
    for candidate in elements.values():
        for form, kind in candidate.properties() if candidate.choice else ():
            if form == name:
                return [_into(route, candidate, form, kind)]
    return []


def _into(route: Route, element: Element, form: str, kind: str) -> Route:
    return Route(
        moves=(*route.moves, Get(form)),
        kind=kind,
        element=f"{route.element}.{element.name}",
        single=route.single and not element.many,
        targets=element.targets,
        from_resource=route.from_resource,
    )

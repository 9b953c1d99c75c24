"""Search parameters' expressions, compiled once to closures over plain JSON: the hot path of indexing.

All expressions of a resource type are merged into one tree of moves, so that a part of the resource which
several parameters look at is visited once.
"""

from collections.abc import Callable, Sequence
from typing import Any

from fhir.elements import is_resource_type
from fhir.expression_paths import ExpressionError, Get, GetAt, IsTrue, Move, RefersTo, Route, Where, parse

__all__ = ["ExpressionError", "Found", "compile_expression", "compile_routes", "reference_type"]

Found = tuple[Any, str]
"""A JSON value and its FHIR type name, such as ({"value": 1}, "Quantity")."""

Slots = list[list[Found]]
_Visit = Callable[[Any, Slots], None]


class _Node:
    """A place in the tree of moves: the slots that want the value here, and the moves that lead on."""

    def __init__(self) -> None:
        self.wanted: list[tuple[int, str]] = []
        self.onward: dict[Move, _Node] = {}


def compile_expression(expression: str, context: str) -> Callable[[dict[str, Any]], list[Found]]:
    """Return a function from a JSON value of type `context` to the values that the FHIRPath `expression`
    selects in it.

    Raises ExpressionError at once for syntax outside the subset that R4's search parameters use. `%resource`
    needs the whole resource, so it is only understood here when `context` is a resource type.
    """
    run = compile_routes([parse(expression, context)])

    def select(value: dict[str, Any]) -> list[Found]:
        return run(value)[0]

    return select


def compile_routes(routes: Sequence[Sequence[Route]]) -> Callable[[dict[str, Any]], Slots]:
    """Return a function from a JSON value to one list of found values for each entry of `routes`, in the same
    order.
    """
    root = _Node()
    for slot, ways in enumerate(routes):
        for route in ways:
            _plant(root, route, slot)
    visit = _compile(root)
    size = len(routes)

    def run(value: dict[str, Any]) -> Slots:
        slots: Slots = [[] for _ in range(size)]
        visit(value, slots)
        return slots

    return run


def _plant(root: _Node, route: Route, slot: int) -> None:
    node = root
    for move in route.moves:
        node = node.onward.setdefault(move, _Node())
    if (slot, route.kind) not in node.wanted:
        node.wanted.append((slot, route.kind))


def _compile(node: _Node) -> _Visit:
    gets = tuple(
        (move.name, _compile(onward)) for move, onward in node.onward.items() if isinstance(move, Get)
    )
    others = tuple(
        _special(move, onward) for move, onward in node.onward.items() if not isinstance(move, Get)
    )
    wanted = tuple(node.wanted)
    if not gets and not others:
        return _leaf(wanted)

    def visit(value: Any, slots: Slots) -> None:
        for slot, kind in wanted:
            slots[slot].append((value, kind))
        if type(value) is not dict:
            return
        for name, onward in gets:
            inner = value.get(name)
            for item in inner if type(inner) is list else (inner,):
                if item is not None:
                    onward(item, slots)
        for other in others:
            other(value, slots)

    return visit


def _leaf(wanted: tuple[tuple[int, str], ...]) -> _Visit:
    if len(wanted) == 1:
        [(only, kind)] = wanted

        def take(value: Any, slots: Slots) -> None:
            slots[only].append((value, kind))

        return take

    def take_all(value: Any, slots: Slots) -> None:
        for slot, kind in wanted:
            slots[slot].append((value, kind))

    return take_all


def _special(move: Move, node: _Node) -> _Visit:
    onward = _compile(node)
    match move:
        case RefersTo(resource_type):
            return _when(lambda value: reference_type(value) == resource_type, onward)
        case Where(name, text):
            return _when(lambda value: value.get(name) == text, onward)
        case GetAt(name, index):
            return _at(name, index, onward)
        case IsTrue(names):
            return lambda value, slots: onward(
                any(value.get(name, False) is not False for name in names), slots
            )
        case Get():
            raise ExpressionError("a plain step is not a special one")


def _when(test: Callable[[dict[str, Any]], bool], onward: _Visit) -> _Visit:
    def visit(value: Any, slots: Slots) -> None:
        if test(value):
            onward(value, slots)

    return visit


def _at(name: str, index: int, onward: _Visit) -> _Visit:
    def visit(value: Any, slots: Slots) -> None:
        items = value.get(name)
        if type(items) is list and index < len(items) and items[index] is not None:
            onward(items[index], slots)

    return visit


def reference_type(reference: dict[str, Any]) -> str | None:
    """Return the resource type that a Reference names, from its text alone, or None where the text does not
    tell.

    `Patient/1`, `https://host/fhir/Patient/1/_history/2` and `Patient?identifier=x` name it; a URN or an
    identifier is believed its `type`; a reference to a contained resource names none, since nothing else can
    find that resource. https://hl7.org/fhir/R4/references.html#literal
    """
    text = reference.get("reference")
    if isinstance(text, str) and text:
        if text[0] == "#":
            return None
        head, _, query = text.partition("?")
        parts = head.partition("/_history")[0].split("/")
        name = parts[-1] if query and is_resource_type(parts[-1]) else parts[-2] if len(parts) > 1 else ""
        if is_resource_type(name):
            return name
    declared = reference.get("type")
    if isinstance(declared, str) and is_resource_type(declared.rpartition("/")[2]):
        return declared.rpartition("/")[2]
    return None

"""JSON Patch: a list of changes to a JSON value. https://www.rfc-editor.org/rfc/rfc6902

Numbers keep their digits, since values are those of `fhir.jsontext`; what is copied or moved goes through
its text, so that nothing is in two places and no patch builds what a parser would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir import jsontext
from fhir.jsontext import MAX_DEPTH, JsonTextError, as_decimal, parse, serialise

MOST_OPERATIONS = 1000
"""How many operations one patch may have."""

_MISSING = object()
_NUMBERS = (int, float, Decimal)


class PatchError(ValueError):
    """A patch that cannot be carried out; `position` is that of the operation, `malformed` says that no
    resource could be patched with it."""

    def __init__(self, message: str, position: int | None = None, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.position = position
        self.malformed = malformed


class PatchTooLarge(PatchError):
    """A patch whose copies come to more bytes than are allowed."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `path` and `source` (`from`) as the keys and indexes that they are made of."""

    name: str
    path: tuple[str, ...]
    source: tuple[str, ...]
    value: Any
    position: int

    def __str__(self) -> str:
        return f"Operation {self.position} ({self.name} {_written(self.path)})"


def read_patch(text: bytes) -> list[Operation]:
    """The operations of a patch document.

    Raises JsonTextError for what is no JSON array, PatchError for what is no operation.
    """
    document = jsontext.parse_array(text)
    if len(document) > MOST_OPERATIONS:
        raise PatchError(f"A patch may have {MOST_OPERATIONS} operations at most.", malformed=True)
    return [_operation(position, each) for position, each in enumerate(document)]


def _operation(position: int, given: Any) -> Operation:
    if not isinstance(given, dict):
        raise _malformed(position, "is not a JSON object")
    name = given.get("op")
    if not isinstance(name, str) or name not in _WAYS:
        raise _malformed(position, f"has no 'op' that is one of {', '.join(_WAYS)}")
    source = _pointer(position, given, "from") if name in ("move", "copy") else ()
    if name in ("add", "replace", "test") and "value" not in given:
        raise _malformed(position, f"({name}) has no 'value'")
    found = Operation(name, _pointer(position, given, "path"), source, given.get("value"), position)
    if name == "move" and len(found.path) > len(source) and found.path[: len(source)] == source:
        raise _malformed(position, "(move) puts a value into itself")
    return found


def _malformed(position: int, what: str) -> PatchError:
    return PatchError(f"Operation {position} {what}.", position, malformed=True)


def _pointer(position: int, given: dict[str, Any], key: str) -> tuple[str, ...]:
    """The steps of a JSON Pointer: https://www.rfc-editor.org/rfc/rfc6901"""
    text = given.get(key)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _malformed(position, f"({given['op']}) has no '{key}' that is a JSON Pointer")
    if "~" in text.replace("~0", "").replace("~1", ""):
        raise _malformed(position, f"({given['op']}) has a '~' in '{key}' that is neither ~0 nor ~1")
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])
    if len(steps) > MAX_DEPTH:
        raise _malformed(position, f"({given['op']}) has a '{key}' deeper than {MAX_DEPTH} levels")
    return steps


def _written(steps: Sequence[str]) -> str:
    text = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return text[:200] or "the whole"


def patched(resource: dict[str, Any], operations: Sequence[Operation], most_bytes: int) -> dict[str, Any]:
    """The resource with all operations carried out in their order; the one given may be spoilt by it.

    `most_bytes` is how much all copies together may come to, and the result. Raises PatchError, naming the
    operation, where one cannot be carried out; PatchTooLarge.
    """
    # A root that can be replaced like any other value.
    root: dict[str, Any] = {"": resource}
    copied = 0
    for operation in operations:
        value = operation.value
        if operation.name in ("move", "copy"):
            value, size = _again(_at(root, operation, operation.source), operation)
            copied += size
        elif operation.name in ("add", "replace"):
            # The operations may be carried out again, after a conflict: their values must not be changed.
            value, _ = _again(value, operation)
        if copied > most_bytes:
            raise PatchTooLarge(
                f"{operation}: the patch copies more than {most_bytes} bytes.", operation.position
            )
        _WAYS[operation.name](root, operation, value)
    return _checked(root[""], most_bytes)


def _checked(found: Any, most_bytes: int) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise PatchError("The patch leaves no JSON object.")
    text = serialise(found)
    if len(text) > most_bytes:
        raise PatchTooLarge(f"The patched resource has more than {most_bytes} bytes.")
    try:
        return parse(text)
    except JsonTextError as error:
        raise PatchError(f"The patched resource would not be accepted: {error}.") from error


def _again(value: Any, operation: Operation) -> tuple[Any, int]:
    """A copy of a value that shares nothing with it, and how many bytes its text has."""
    text = serialise({"value": value})
    try:
        return parse(text)["value"], len(text)
    except JsonTextError as error:
        raise PatchError(f"{operation}: {error}.", operation.position) from error


def _at(root: dict[str, Any], operation: Operation, steps: tuple[str, ...]) -> Any:
    """The value at a place. Raises PatchError if there is none."""
    value: Any = root
    for step in ("", *steps):
        value = _inner(value, step)
        if value is _MISSING:
            raise PatchError(f"{operation}: there is nothing at {_written(steps)}.", operation.position)
    return value


def _inner(holder: Any, step: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(step, _MISSING)
    index = _index(step)
    if isinstance(holder, list) and index is not None and index < len(holder):
        return holder[index]
    return _MISSING


def _index(step: str) -> int | None:
    """The array index that a step is: digits without a leading zero."""
    if step.isascii() and step.isdigit() and (step == "0" or step[0] != "0") and len(step) < 10:
        return int(step)
    return None


def _holder(root: dict[str, Any], operation: Operation, steps: tuple[str, ...]) -> tuple[Any, str]:
    """What holds the last step of a place, and that step. Raises PatchError without such an object or
    array."""
    if not steps:
        return root, ""
    holder = _at(root, operation, steps[:-1])
    if not isinstance(holder, dict | list):
        raise PatchError(f"{operation}: {_written(steps[:-1])} is no object or array.", operation.position)
    return holder, steps[-1]


def _add(root: dict[str, Any], operation: Operation, value: Any) -> None:
    holder, step = _holder(root, operation, operation.path)
    if isinstance(holder, dict):
        holder[step] = value
        return
    index = len(holder) if step == "-" else _index(step)
    if index is None or index > len(holder):
        raise PatchError(f"{operation}: {step[:20]!r} is no place in that array.", operation.position)
    holder.insert(index, value)


def _remove_at(root: dict[str, Any], operation: Operation, steps: tuple[str, ...]) -> None:
    _at(root, operation, steps)
    holder, step = _holder(root, operation, steps)
    del holder[int(step) if isinstance(holder, list) else step]


def _remove(root: dict[str, Any], operation: Operation, value: Any) -> None:
    if not operation.path:
        raise PatchError(f"{operation}: a resource is removed by DELETE.", operation.position)
    _remove_at(root, operation, operation.path)


def _replace(root: dict[str, Any], operation: Operation, value: Any) -> None:
    _at(root, operation, operation.path)
    holder, step = _holder(root, operation, operation.path)
    holder[int(step) if isinstance(holder, list) else step] = value


def _move(root: dict[str, Any], operation: Operation, value: Any) -> None:
    if operation.source == operation.path:
        return
    _remove_at(root, operation, operation.source)
    _add(root, operation, value)


def _copy(root: dict[str, Any], operation: Operation, value: Any) -> None:
    _add(root, operation, value)


def _test(root: dict[str, Any], operation: Operation, value: Any) -> None:
    if not equal(_at(root, operation, operation.path), value):
        raise PatchError(f"{operation}: the value is not the one that was named.", operation.position)


_WAYS: dict[str, Callable[[dict[str, Any], Operation, Any], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
READING = frozenset({"test", "copy", "move"})
"""The operations by whose outcome a caller could learn values."""


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: numbers by value, members of objects in any order.

    https://www.rfc-editor.org/rfc/rfc6902#section-4.6
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
        return as_decimal(one) == as_decimal(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and bool(one == other)

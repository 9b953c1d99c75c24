"""JSON text in and out, such that every number keeps its digits and nothing ambiguous gets in.

`parse` is a check of the text around a fast parser that has none of our rules. The text without its strings,
its skeleton, is enough to see how deep it nests, how many keys it has, and whether any number would come back
changed; only then the slower standard parser reads it again with decimals. https://hl7.org/fhir/R4/json.html
https://hl7.org/fhir/R4/datatypes.html#decimal (the precision of a decimal counts)
"""

import codecs
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import orjson

MAX_DEPTH = 64
"""How many arrays and objects may lie within each other, the outermost object included."""

Rule = Literal["syntax", "encoding", "duplicate-key", "depth", "nul", "surrogate", "number", "top-level"]


class JsonTextError(ValueError):
    """A text that is not accepted: `rule` names what it breaks, `line` and `column` (from 1) or `path` say
    where.
    """

    def __init__(
        self,
        rule: Rule,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
    ) -> None:
        self.rule: Rule = rule
        self.line = line
        self.column = column
        self.path = path
        place = f" (line {line}, column {column})" if line is not None else f" (at {path})" if path else ""
        super().__init__(message + place)


class Number(Decimal):
    """A number written in a way that Decimal would write differently, such as 1E5; `text` is how it was
    written.
    """

    __slots__ = ("text",)
    text: str


_SHOWN = 64
"""How many letters of a name are repeated to the sender."""

_NUMBERS = re.compile(rb"-?[0-9][0-9.eE+-]*")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NOT_FINITE = re.compile(r"[^A-Za-z]?-?(NaN|Infinity)")


def parse(text: bytes) -> dict[str, Any]:
    """Return the object that `text` holds, its numbers as int, float or Decimal such that `serialise` gives
    them back.

    Raises JsonTextError for anything that is not one JSON object in UTF-8: NaN and Infinity, duplicate keys,
    nesting over 64, NUL, lone surrogates, invalid UTF-8, and numbers beyond the range of a double.
    """
    value: dict[str, Any] = _checked(text, dict, "The text is not a JSON object")
    return value


def parse_array(text: bytes) -> list[Any]:
    """Return the array that `text` holds, by the same rules. Raises JsonTextError as `parse` does."""
    value: list[Any] = _checked(text, list, "The text is not a JSON array")
    return value


def serialise(value: Any, *, pretty: bool = False) -> bytes:
    """Return the JSON text of a value that `parse` gave or that is built of plain Python values, in UTF-8.

    Compact unless `pretty`. Raises TypeError for values that JSON has no form for.
    """
    return orjson.dumps(value, default=_write, option=orjson.OPT_INDENT_2 if pretty else None)


def number_text(number: int | float | Decimal) -> str:
    """Return a number's digits as they came in."""
    if isinstance(number, Number):
        return number.text
    if isinstance(number, Decimal):
        return str(number)
    return orjson.dumps(number).decode()


def as_decimal(number: int | float | Decimal) -> Decimal:
    """Return a number as a Decimal with the precision it was written with."""
    return Decimal(number_text(number))


def _checked(text: bytes, kind: type, refusal: str) -> Any:
    """Return the value that a text holds, which is of this kind, its numbers with their digits."""
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refusal(text, error) from error
    if type(value) is not kind:
        raise JsonTextError("top-level", refusal, line=1, column=1)
    bare = text
    if b"\\" in text:
        bare = text.replace(b"\\\\", b"")
        _refuse_nul(bare)
        bare = bare.replace(b'\\"', b"")
    pieces = bare.split(b'"')
    skeleton = b"".join(pieces[::2]).translate(None, b" \t\r\n")
    _refuse_depth(skeleton, value)
    if _strings(orjson.dumps(value)) != len(pieces) // 2:
        raise _duplicate(text)
    return value if _come_back(_NUMBERS.findall(skeleton)) else _exactly(text)


def _write(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(number_text(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _strings(text: bytes) -> int:
    """Return how many strings, keys included, a text written by orjson holds."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.count(b'"') // 2


def _come_back(numbers: list[bytes]) -> bool:
    """Return whether the fast parser and writer give these number texts back as they are."""
    array = b"[" + b",".join(numbers) + b"]"
    return orjson.dumps(orjson.loads(array)) == array


def _exactly(text: bytes) -> Any:
    return json.loads(text, parse_float=_number, parse_int=_integer)


def _number(text: str) -> float | Decimal:
    number = float(text)
    if orjson.dumps(number).decode() == text:
        return number
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise JsonTextError("number", "A number has an exponent that is beyond all measure") from error
    if number == 0 and exact:
        raise JsonTextError("number", f"The number {text} is too small to be told from zero")
    if str(exact) == text:
        return exact
    written = Number(text)
    written.text = text
    return written


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 19 and text != "-0" else Decimal(text)


def _refuse_nul(text: bytes) -> None:
    """Refuse an escaped NUL in a text that has no escaped backslash (a NUL as such is no JSON)."""
    at = text.find(b"\\u0000")
    if at >= 0:
        line = text.count(b"\n", 0, at) + 1
        raise JsonTextError(
            "nul", "A string contains the character NUL", line=line, column=at - text.rfind(b"\n", 0, at)
        )


def _refuse_depth(skeleton: bytes, value: Any) -> None:
    """Refuse brackets that nest too deep: each round takes the innermost pairs away, one level of them."""
    brackets = skeleton.translate(_ALIKE, _NOT_BRACKETS)
    if len(brackets) <= 2 * MAX_DEPTH:
        return
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise JsonTextError("depth", f"The text nests deeper than {MAX_DEPTH} levels", path=_deep_path(value))


def _deep_path(value: Any) -> str:
    """Return the path of the first container that is nested too deep."""
    return next(_written(path) for path, _ in _containers(value) if len(path) == MAX_DEPTH)


def _containers(value: Any) -> Iterator[tuple[list[str | int], Any]]:
    """Yield the arrays and objects within a value, itself first, each with the way to it, which is good until
    the next one.

    No more is kept than that way: there may be millions of them, below a name of a million letters.
    """
    path: list[str | int] = []
    levels = [_inner(value)]
    yield path, value
    while levels:
        step, inner = next(levels[-1], ("", None))
        del path[len(levels) - 1 :]
        if inner is None:
            levels.pop()
            continue
        path.append(step)
        levels.append(_inner(inner))
        yield path, inner


def _inner(value: Any) -> Iterator[tuple[str | int, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return ((step, inner) for step, inner in pairs if isinstance(inner, dict | list))


def _written(path: list[str | int]) -> str:
    """A path as text, with no more than the beginnings of long names."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_SHOWN]}" for step in path)
    return "".join(steps).lstrip(".")


class _Doubled(dict[str, Any]):
    """An object in which `key` stood twice."""

    key: str


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    doubled = _Doubled(value)
    for key, _ in pairs:
        if key in seen:
            doubled.key = key
            break
        seen.add(key)
    return doubled


def _duplicate(text: bytes) -> JsonTextError:
    """Return the error that names the first key that stands twice, an outer one before those within it."""
    for path, value in _containers(json.loads(text, object_pairs_hook=_pairs)):
        if isinstance(value, _Doubled):
            return JsonTextError(
                "duplicate-key",
                f"The key {value.key[:_SHOWN]!r} stands twice in one object",
                path=_written([*path, value.key]),
            )
    return JsonTextError("duplicate-key", "A key stands twice in one object")


def _refusal(text: bytes, error: orjson.JSONDecodeError) -> JsonTextError:
    """Return our error for one of the fast parser's."""
    try:
        text.decode()
    except UnicodeDecodeError as broken:
        line = text.count(b"\n", 0, broken.start) + 1
        column = broken.start - text.rfind(b"\n", 0, broken.start)
        return JsonTextError("encoding", "The text is not valid UTF-8", line=line, column=column)
    rule, message = _rule(error)
    return JsonTextError(rule, message, line=error.lineno, column=error.colno)


def _rule(error: orjson.JSONDecodeError) -> tuple[Rule, str]:
    if "infinity" in error.msg:
        return "number", "A number is larger than a double can be"
    if _NOT_FINITE.match(error.doc, max(error.pos - 1, 0)):
        return "number", "NaN and Infinity are not JSON numbers"
    if "surrogate" in error.msg:
        return "surrogate", "A string contains half of a surrogate pair"
    if "depth" in error.msg:
        return "depth", f"The text nests deeper than {MAX_DEPTH} levels"
    return "syntax", f"The text is not JSON: {error.msg}"

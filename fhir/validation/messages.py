"""Turns an error of the schema into an issue that names the element and says in plain words what is wrong
with it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

from fhir.elements import Element, children
from fhir.outcome import Issue
from fhir.validation import bindings, references
from fhir.validation.schema import r4_schema

_SHOWN = 60
"""How many characters of a wrong value are repeated to the sender."""

_FORMS = {
    "base64Binary": "base64 text",
    "boolean": "true or false, without quotes",
    "code": "text without white space around it and without two spaces in a row",
    "date": "YYYY, YYYY-MM or YYYY-MM-DD, and a day that exists",
    "dateTime": "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone, and a day that exists",
    "decimal": "a number, without quotes",
    "id": "1 to 64 letters, digits, hyphens and dots",
    "instant": "YYYY-MM-DDThh:mm:ss with a time zone, and a day that exists",
    "integer": "a whole number from -2147483648 to 2147483647, without quotes, decimal point and exponent",
    "oid": "urn:oid: and an OID",
    "positiveInt": "a whole number from 1 to 2147483647, without quotes, decimal point and exponent",
    "time": "hh:mm:ss",
    "unsignedInt": "a whole number from 0 to 2147483647, without quotes, decimal point and exponent",
    "uuid": "urn:uuid: and a UUID in lower case",
    "xhtml": "XHTML within one <div>",
}
_TEXT_FORM = "text that is not empty, has no control characters and at most 1048576 characters"
_URI_FORM = "an address, not empty and without white space"


class _Place:
    """Where an error is: its simple FHIRPath, the JSON property, the element, if there is one, and the
    element that this is a part of.
    """

    def __init__(self, base: str, resource_type: str, path: list[str | int]) -> None:
        self.expression = base
        self.kind = resource_type
        self.property = resource_type
        self.element: Element | None = None
        self.holder: Element | None = None
        for step in path:
            self._go(step)

    def _go(self, step: str | int) -> None:
        if isinstance(step, int):
            self.expression += f"[{step}]"
            return
        self.property, self.holder = step, self.element
        self.element, self.kind = _find(self.kind, step.removeprefix("_"))
        if step.startswith("_"):
            self.kind = "Element"
        self.expression += f".{self.element.name if self.element else step[:_SHOWN]}"


def _find(context: str, name: str) -> tuple[Element | None, str]:
    for element in children(context).values():
        for form, kind in element.properties():
            if form == name:
                return element, kind
    return None, ""


def issues(error: ValidationError, base: str) -> Iterator[Issue]:
    """Return the issues that say what an error of the schema means.

    `base` is the simple FHIRPath of the resource, `Patient` or `Bundle.entry[0].resource`.
    """
    place = _Place(base, str(error.instance_path[0]), error.instance_path[1:])
    if isinstance(error.kind, ValidationErrorKind.AdditionalProperties):
        for name in error.kind.unexpected:
            yield Issue("error", "structure", _unknown(place, name), f"{place.expression}.{name[:_SHOWN]}")
        return
    if isinstance(error.kind, ValidationErrorKind.Required):
        yield _missing(place, error.kind.property)
        return
    rule, _, detail = _comment(error.schema_path).partition(":")
    simple = _SIMPLE.get(error.kind.name)
    if simple and rule in ("", "primitive", "binding", "target", "sibling"):
        yield Issue("error", "structure", f"{place.expression} {simple}.", place.expression)
        return
    if _is_list_matter(error, place):
        yield Issue("error", "structure", _list_matter(place), place.expression)
        return
    yield _RULES.get(rule, _other)(place, detail, error)


_SIMPLE = {
    "minItems": "is an empty list; leave it out instead",
    "minProperties": "is an empty object; leave it out instead",
}


def _comment(path: list[str | int]) -> str:
    """Return the innermost `$comment` on the way to the keyword that failed."""
    found = ""
    node: Any = r4_schema()
    for step in path:
        node = node[step]
        if isinstance(node, dict) and isinstance(node.get("$comment"), str):
            found = node["$comment"]
    return found


def _unknown(place: _Place, name: str) -> str:
    owner = place.expression
    choice = children(place.kind).get(name)
    if choice is not None and choice.choice:
        forms = ", ".join(form for form, _ in choice.properties()[:4])
        return f"{owner} has no property {name!r}: write it with its type, such as {forms}."
    if name.startswith("_"):
        return f"{owner} has no primitive element {_show(name[1:])} that {_show(name)} could belong to."
    return f"{owner} has no element {_show(name)}."


def _missing(place: _Place, name: str) -> Issue:
    expression = f"{place.expression}.{name}"
    return Issue("error", "required", f"{expression} is required.", expression)


def _is_list_matter(error: ValidationError, place: _Place) -> bool:
    """Return whether a list stands where one value belongs, or the other way round."""
    if place.element is None or not isinstance(
        error.kind, ValidationErrorKind.Type | ValidationErrorKind.Enum
    ):
        return False
    within = bool(error.instance_path) and isinstance(error.instance_path[-1], int)
    return not within and place.element.many != isinstance(error.instance, list)


def _list_matter(place: _Place) -> str:
    if place.element and place.element.many:
        return f"{place.expression} can have several values, so it must be a list in [ ]."
    return f"{place.expression} can have one value only, so it must not be a list."


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = (
        repr(value)
        if isinstance(value, str)
        else {True: "true", False: "false", None: "null"}.get(value, str(value))
    )
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _primitive(place: _Place, kind: str, error: ValidationError) -> Issue:
    form = _FORMS.get(kind) or (_TEXT_FORM if kind in ("string", "markdown") else _URI_FORM)
    text = f"{place.expression}: {_show(error.instance)} is no {kind}; it must be {form}."
    return Issue("error", "value", text, place.expression)


def _binding(place: _Place, url: str, error: ValidationError) -> Issue:
    options = error.kind.options if isinstance(error.kind, ValidationErrorKind.Enum) else []
    listed = f": {', '.join(map(str, options))}" if 0 < len(options) <= 20 else ""
    form = bindings.form_of(url)
    shown = f", which is {form}" if form else listed
    text = f"{place.expression}: {_show(error.instance)} is not in its required value set {url}{shown}."
    return Issue("error", "code-invalid", text, place.expression)


def _target(place: _Place, names: str, error: ValidationError) -> Issue:
    """Refuse a reference that names nothing, or a type that R4 does not foresee at this place; remark on one
    that R4 does not foresee and its own examples have.
    """
    value = error.instance
    if not isinstance(value, str):
        return _primitive(place, "string", error)
    shown, expression = _show(value), place.expression
    if not references.is_reference(value):
        text = (
            f"{expression}: {shown} is no reference; it must be an absolute URL, '#' with the id of a"
            " contained resource, or a resource type and an id, as in Patient/1."
        )
        return Issue("error", "value", text, expression)
    text = f"{expression}: {shown} is of a type that R4 does not foresee here, which is {names}."
    known = place.holder is not None and references.is_further(place.holder.path, value)
    return Issue("warning" if known else "error", "business-rule", text, expression)


def _invariant(place: _Place, sentence: str, error: ValidationError) -> Issue:
    return Issue("error", "invariant", f"{place.expression}: {sentence}.", place.expression)


def _required(place: _Place, name: str, error: ValidationError) -> Issue:
    return _missing(place, name)


def _choice(place: _Place, name: str, error: ValidationError) -> Issue:
    expression = f"{place.expression}.{name}"
    return Issue(
        "error",
        "structure",
        f"{expression} can have one type only, and stands here with several.",
        expression,
    )


def _null(place: _Place, detail: str, error: ValidationError) -> Issue:
    text = f"{place.expression} is null, which only stands for a value that has an extension in its place."
    return Issue("error", "structure", text, place.expression)


def _sibling(place: _Place, detail: str, error: ValidationError) -> Issue:
    text = f"{place.property!r} at {place.expression} must hold null or an object with an id or extension."
    return Issue("error", "structure", text, place.expression)


def _paired(place: _Place, name: str, error: ValidationError) -> Issue:
    expression = f"{place.expression}.{name}"
    text = f"{expression} and '_{name}' must be equally long, and have at each place a value or an extension."
    return Issue("error", "structure", text, expression)


def _other(place: _Place, detail: str, error: ValidationError) -> Issue:
    if isinstance(error.kind, ValidationErrorKind.Type):
        wanted = " or ".join(error.kind.types)
        text = f"{place.expression}: {_show(error.instance)} stands where an {wanted} belongs."
        return Issue("error", "structure", text, place.expression)
    return Issue("error", "structure", f"{place.expression}: {error.message}.", place.expression)


_RULES: dict[str, Callable[[_Place, str, ValidationError], Issue]] = {
    "primitive": _primitive,
    "binding": _binding,
    "target": _target,
    "invariant": _invariant,
    "required": _required,
    "choice": _choice,
    "null": _null,
    "sibling": _sibling,
    "paired": _paired,
}

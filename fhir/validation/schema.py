"""Makes a JSON Schema for all resource types from the tables of elements.

Every rule that its keyword does not name well carries a `$comment`, "rule:detail", from which messages are
made. https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from fhir.elements import RESOURCE_TYPES, Element, children, is_primitive, is_resource_type
from fhir.validation import bindings, invariants, references
from fhir.validation.primitives import PRIMITIVES

_NO_SIBLING = frozenset({"Element.id", "Extension.url", "Resource.id"})
_NESTED_RESOURCE: dict[str, Any] = {"type": "object", "required": ["resourceType"]}
_CONTAINED_RESOURCE = _NESTED_RESOURCE | {"allOf": [invariants.NOTHING_CONTAINED]}
_OPEN = "#/$defs/"


@cache
def r4_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an object that holds a resource under the name of its type.

    The wrapping finds the type's rules by one look-up. Resources within a resource are only seen to be
    objects with a type: each is held against its own rules.
    """
    definitions: dict[str, Any] = {references.RESTFUL: references.restful()}
    waiting = list(RESOURCE_TYPES)
    while waiting:
        name = waiting.pop()
        if name in definitions:
            continue
        definitions[name] = _definition(name)
        waiting.extend(sorted(_references(definitions[name])))
    resources = {name: {"$ref": _OPEN + name} for name in RESOURCE_TYPES}
    return {"type": "object", "properties": resources, "additionalProperties": False, "$defs": definitions}


def _references(value: Any) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(_references, value.values()))
    reference = value.get("$ref")
    return found | {reference.removeprefix(_OPEN)} if isinstance(reference, str) else found


def _definition(name: str) -> dict[str, Any]:
    if name in PRIMITIVES:
        return PRIMITIVES[name] | {"$comment": f"primitive:{name}"}
    if name.startswith("Reference:"):
        return _structure("Reference", tuple(name.partition(":")[2].split(",")))
    return _structure(name, ())


def _structure(context: str, targets: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a type or structure; for a Reference, one that may name only `targets` (empty:
    all).
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    rules: list[dict[str, Any]] = []
    if is_resource_type(context):
        properties["resourceType"] = {"const": context}
        required.append("resourceType")
    for element in children(context).values():
        properties.update(_properties(element))
        rules.extend(_rules(element))
        if element.min and not element.choice and not _has_sibling(element, element.types[0]):
            required.append(element.name)
    rules.extend(invariants.RULES.get(context, ()))
    if context == "Reference":
        properties["reference"] = references.text(targets)
    made: dict[str, Any] = {
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        made["required"] = required
    if rules:
        made["allOf"] = rules
    return made


def _has_sibling(element: Element, kind: str) -> bool:
    """Return whether a value of this type can have an `_element` beside it, for its id and extensions."""
    return is_primitive(kind) and element.path not in _NO_SIBLING


def _properties(element: Element) -> Iterator[tuple[str, Any]]:
    for name, kind in element.properties():
        value = _value(element, kind)
        sibling: dict[str, Any] = {"$ref": _OPEN + "Element"}
        if element.many and is_primitive(kind):
            value = {
                "anyOf": [{"type": "null"}, value],
                "$comment": value.get("$comment", f"primitive:{kind}"),
            }
            sibling = {"anyOf": [{"type": "null"}, sibling], "$comment": "sibling:"}
        yield name, _many(value) if element.many else value
        if _has_sibling(element, kind):
            yield f"_{name}", _many(sibling) if element.many else sibling


def _many(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


def _value(element: Element, kind: str) -> dict[str, Any]:
    if kind == "Resource":
        return _CONTAINED_RESOURCE if element.path == "DomainResource.contained" else _NESTED_RESOURCE
    if kind == "Reference" and element.targets and "Resource" not in element.targets:
        return {"$ref": f"{_OPEN}Reference:{','.join(element.targets)}"}
    if not is_primitive(kind):
        return {"$ref": _OPEN + kind} | (bindings.concept(element) if kind == "CodeableConcept" else {})
    return (bindings.code(element) if kind == "code" else None) or {"$ref": _OPEN + kind}


def _forms(element: Element) -> list[tuple[str, list[str]]]:
    """Return for each form of an element its name and the JSON properties that make it present."""
    return [
        (name, [name, f"_{name}"] if _has_sibling(element, kind) else [name])
        for name, kind in element.properties()
    ]


def _rules(element: Element) -> Iterator[dict[str, Any]]:
    """Return the rules about which properties stand beside each other."""
    forms = _forms(element)
    names = [name for _, both in forms for name in both]
    if element.min and (element.choice or len(names) > 1):
        yield {"anyOf": [{"required": [name]} for name in names], "$comment": f"required:{element.name}"}
    if element.choice:
        yield {"dependentSchemas": dict(_exclusions(element, forms))}
    if element.many and len(names) > 1:
        yield _pairing(element.name)


def _exclusions(element: Element, forms: list[tuple[str, list[str]]]) -> Iterator[tuple[str, Any]]:
    for form, both in forms:
        others = [name for other, names in forms if other != form for name in names]
        rule = {"propertyNames": {"not": {"enum": others}}, "$comment": f"choice:{element.name}"}
        yield from ((name, rule) for name in both)


def _pairing(name: str) -> dict[str, Any]:
    """Return the rule that a null in an array of primitives stands for a value that only its sibling has."""
    return {
        "if": {"required": [f"_{name}"]},
        "then": {"paired": name, "$comment": f"paired:{name}"},
        "else": {"properties": {name: {"items": {"not": {"type": "null"}, "$comment": "null:"}}}},
    }

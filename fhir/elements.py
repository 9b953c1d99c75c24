"""What R4 says about types and elements: which there are, of which types, how many, bound to which codes.

Facts only; the rules made of them are in `fhir.validation`, the paths through them in `fhir.expressions`.
https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from fhir.definitions import load

_TYPES: dict[str, Any] = load("types")
_PARENTS: dict[str, str] = _TYPES["parents"]

RESOURCE_TYPES: tuple[str, ...] = tuple(_TYPES["resources"])
"""The 146 concrete resource types of R4 4.0.1, in alphabetical order, which is fixed."""

ABSTRACT_TYPES: frozenset[str] = frozenset(_TYPES["abstract"])
PRIMITIVE_TYPES: frozenset[str] = frozenset(_TYPES["primitive"])

_RESOURCE_SET = frozenset(RESOURCE_TYPES)
_STRUCTURED = frozenset({"BackboneElement", "Element"})


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: `path` is where it is defined, `name` its name there (without `[x]`).

    `types` are FHIR type names; a nested structure has the path of that structure as its one type. `values`
    is the URL of the value set of a required binding; `targets` the resource types that a reference or
    canonical may name (empty: any).
    """

    path: str
    name: str
    types: tuple[str, ...]
    min: int
    many: bool
    choice: bool
    modifier: bool
    targets: tuple[str, ...]
    values: str | None

    def properties(self) -> tuple[tuple[str, str], ...]:
        """Return (JSON property, type) for each form that the element can take: one, or one a type for a
        choice.
        """
        if not self.choice:
            return ((self.name, self.types[0]),)
        return tuple((self.name + kind[0].upper() + kind[1:], kind) for kind in self.types)


@cache
def _table() -> dict[str, dict[str, dict[str, Any]]]:
    table: dict[str, dict[str, dict[str, Any]]] = load("elements")
    return table


@cache
def value_sets() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Return value set URL → code system URL → codes, for the required bindings that R4 itself expands."""
    tables: dict[str, dict[str, list[str]]] = load("value-sets")
    return {url: {system: frozenset(codes) for system, codes in rows.items()} for url, rows in tables.items()}


def is_resource_type(name: str) -> bool:
    """Return whether `name` is one of the 146 concrete resource types."""
    return name in _RESOURCE_SET


def is_primitive(name: str) -> bool:
    """Return whether the type `name` is a primitive, whose JSON form is a string, number or boolean."""
    return name in PRIMITIVE_TYPES


def parent(name: str) -> str | None:
    """Return the type that the resource or complex type `name` specialises, or None at the top."""
    return _PARENTS.get(name)


def lineage(name: str) -> tuple[str, ...]:
    """Return the type `name` and all types that it specialises, nearest first: canonical is a uri, Age a
    Quantity.
    """
    above = _PARENTS.get(name) or _TYPES["primitive"].get(name)
    return (name, *lineage(above)) if above else (name,)


def _build(context: str, key: str, row: dict[str, Any]) -> Element:
    name = key.removesuffix("[x]")
    path = f"{context}.{name}"
    types: tuple[str, ...] = (row["like"],) if "like" in row else tuple(row["types"])
    if types[0] in _STRUCTURED and path in _table():
        types = (path,)
    return Element(
        path=path,
        name=name,
        types=types,
        min=row.get("min", 0),
        many=row.get("many", False),
        choice=key.endswith("[x]"),
        modifier=row.get("modifier", False),
        targets=tuple(row.get("targets", ())),
        values=row.get("values"),
    )


def _base(context: str) -> str | None:
    """Return the context whose elements come before those of `context` itself."""
    if "." in context:
        owner, _, key = context.rpartition(".")
        declared: str = _table()[owner][key]["types"][0]
        return declared
    if context in _RESOURCE_SET or context == "DomainResource":
        return _PARENTS[context]
    return None


@cache
def children(context: str) -> Mapping[str, Element]:
    """Return name → Element of all elements of `context`: a type's name or a structure's path, inherited ones
    included.

    Empty for primitives and for names that are no type.
    """
    rows = _table().get(context)
    if rows is None:
        return MappingProxyType({})
    base = _base(context)
    found = dict(children(base)) if base else {}
    for key, row in rows.items():
        built = _build(context, key, row)
        found[built.name] = built
    return MappingProxyType(found)


@cache
def contexts() -> tuple[str, ...]:
    """Return every type name and structure path that has elements of its own."""
    return tuple(_table())


def _child(context: str, name: str) -> Element | None:
    found = children(context).get(name)
    if found is not None:
        return found
    for candidate in children(context).values():
        if candidate.choice and any(name == form for form, _ in candidate.properties()):
            return candidate
    return None


@cache
def element(path: str) -> Element | None:
    """Return the element at a dotted path such as `Observation.code.coding.system`, or None.

    A choice is found by its name (`Observation.value`) and by each JSON property
    (`Observation.valueQuantity`); the path may go on behind the latter, or behind the former where exactly
    one type has the next element.
    """
    head, *names = path.split(".")
    kinds: tuple[str, ...] = (head,)
    found: Element | None = None
    for name in names:
        hits = [hit for hit in (_child(kind, name) for kind in kinds) if hit is not None]
        if not hits:
            return None
        found = hits[0]
        kinds = found.types if found.name == name else (dict(found.properties())[name],)
    return found

"""Which search parameters, compartments and resource types there are: R4's tables as typed facts, loaded
once.

https://hl7.org/fhir/R4/searchparameter-registry.html
https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Literal

from fhir.definitions import load
from fhir.elements import RESOURCE_TYPES, Element, element, is_resource_type, parent
from fhir.expression_paths import Route, parse
from fhir.expressions import Found, compile_routes

__all__ = [
    "RESOURCE_TYPES",
    "SHARED_TYPES",
    "Component",
    "Element",
    "PatientParameter",
    "SearchParameter",
    "compartment_class",
    "compartment_parameters",
    "element",
    "extract",
    "is_resource_type",
    "main_date",
    "patient_parameter",
    "search_parameter",
    "search_parameters",
]

CompartmentClass = Literal["compartment", "shared", "none"]


@dataclass(frozen=True)
class Component:
    """One part of a composite parameter: `code` of the parameter that says how it is compared, and where it
    lies.
    """

    code: str
    expression: str


@dataclass(frozen=True)
class SearchParameter:
    """A search parameter as it holds for one resource type.

    `type` is number | date | string | token | reference | composite | quantity | uri | special. `targets` are
    the resource types that a reference may name. `usage` is `normal`, `phonetic` or `nearby`. `expression` is
    empty for the three (`_text`, `_content`, `_query`) that R4 gives none.
    """

    resource_type: str
    code: str
    type: str
    expression: str
    url: str
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    usage: str = "normal"

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The ways from the resource to the values (a composite: to what its components apply to)."""
        return parse(self.expression, self.resource_type) if self.expression else ()

    @cached_property
    def element_types(self) -> tuple[str, ...]:
        """The FHIR types that found values can have, each once."""
        return tuple(dict.fromkeys(route.kind for route in self.routes))

    @cached_property
    def element_paths(self) -> tuple[str, ...]:
        """The element paths that the values lie at, choices by their plain name, each once."""
        return tuple(dict.fromkeys(route.element for route in self.routes))

    @cached_property
    def is_single(self) -> bool:
        """Whether a resource has at most one value: one element path, and max 1 all the way."""
        return len(self.element_paths) == 1 and all(route.single for route in self.routes)

    @cached_property
    def compiled(self) -> Callable[[dict[str, Any]], list[Found]]:
        """A function from a resource of this type to the values found.

        For a composite each value is a tuple with one list of found values for each component, its type that
        of the place which the components apply to.
        """

        def find(resource: dict[str, Any]) -> list[Found]:
            return self.finish(run(resource)[0], resource)

        run = compile_routes([self.routes])
        return find

    @cached_property
    def _parts(self) -> Mapping[str, Callable[[dict[str, Any], dict[str, Any]], tuple[list[Found], ...]]]:
        return MappingProxyType({kind: _composite(self.components, kind) for kind in self.element_types})

    def finish(self, found: list[Found], resource: dict[str, Any]) -> list[Found]:
        """Return `found` as it is, or for a composite the values of the components at each place found."""
        if not self.components:
            return found
        return [(self._parts[kind](value, resource), kind) for value, kind in found]


def _composite(
    components: tuple[Component, ...], kind: str
) -> Callable[[dict[str, Any], dict[str, Any]], tuple[list[Found], ...]]:
    """Return a function from (place, resource) to the composite value there."""
    routes = [parse(component.expression, kind) for component in components]
    absolute = [any(route.from_resource for route in ways) for ways in routes]
    run = compile_routes(routes)

    def read(place: dict[str, Any], resource: dict[str, Any]) -> tuple[list[Found], ...]:
        here = run(place)
        if any(absolute):
            top = run(resource)
            here = [top[i] if absolute[i] else here[i] for i in range(len(here))]
        return tuple(here)

    return read


@dataclass(frozen=True)
class PatientParameter:
    """The parameter that names the patient a resource is about.

    `is_single`: a resource names at most one patient by it. `same_path`: the codes of other parameters that
    read the same element, so that a search by one of them for a Patient reference gives the same resources.
    """

    code: str
    is_single: bool
    same_path: tuple[str, ...]


@cache
def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    tables: dict[str, dict[str, dict[str, Any]]] = load("search-parameters")
    return tables


SHARED_TYPES: frozenset[str] = frozenset(load("shared-types"))
"""Types that hold no patient's data, readable and searchable with a `patient/` scope that names them."""

_COMPARTMENT: dict[str, list[str]] = load("patient-compartment")
_MAIN_DATES: dict[str, str] = load("main-dates")


def _build(resource_type: str, code: str, row: dict[str, Any]) -> SearchParameter:
    targets = row.get("targets", [])
    return SearchParameter(
        resource_type=resource_type,
        code=code,
        type=row["type"],
        expression=row["expression"] or "",
        url=row["url"],
        targets=RESOURCE_TYPES if targets == ["*"] else tuple(targets),
        components=tuple(Component(part, expression) for part, expression in row.get("components", ())),
        usage=row.get("usage", "normal"),
    )


@cache
def search_parameters(resource_type: str) -> Mapping[str, SearchParameter]:
    """Return code → parameter of everything searchable on `resource_type`, those of its abstract bases
    included.

    Raises KeyError if `resource_type` is not a concrete resource type.
    """
    if not is_resource_type(resource_type):
        raise KeyError(resource_type)
    found: dict[str, SearchParameter] = {}
    base = parent(resource_type)
    for owner in ("Resource", base if base == "DomainResource" else None, resource_type):
        for code, row in _tables().get(owner or "", {}).items():
            found[code] = _build(resource_type, code, row)
    return MappingProxyType(found)


def search_parameter(resource_type: str, code: str) -> SearchParameter | None:
    """Return the parameter `code` of `resource_type`, or None if it has none of that name."""
    return search_parameters(resource_type).get(code)


@cache
def _plan(
    resource_type: str,
) -> tuple[tuple[SearchParameter, ...], Callable[[dict[str, Any]], list[list[Found]]]]:
    found = tuple(parameter for parameter in search_parameters(resource_type).values() if parameter.routes)
    return found, compile_routes([parameter.routes for parameter in found])


def extract(resource: dict[str, Any]) -> list[tuple[SearchParameter, list[Found]]]:
    """Return each search parameter that finds something in `resource`, with the values and their FHIR types.

    The resource's own `resourceType` decides. Raises KeyError if that is missing or not a concrete type.
    """
    parameters, run = _plan(resource["resourceType"])
    return [
        (parameter, parameter.finish(values, resource) if parameter.components else values)
        for parameter, values in zip(parameters, run(resource), strict=True)
        if values
    ]


def main_date(resource_type: str) -> SearchParameter | None:
    """Return the date parameter that people sort this type by, or None if it has no such date.

    It reads one single-valued element, so a resource has one main date at most. docs/decisions/ says how it
    was chosen.
    """
    code = _MAIN_DATES.get(resource_type)
    return search_parameters(resource_type)[code] if code else None


@cache
def patient_parameter(resource_type: str) -> PatientParameter | None:
    """Return the parameter that names the patient: `patient`, else a `subject` that may be one, else None."""
    parameters = search_parameters(resource_type)
    for code in ("patient", "subject"):
        chosen = parameters.get(code)
        if chosen is None or chosen.type != "reference" or "Patient" not in chosen.targets:
            continue
        same = tuple(
            other.code
            for other in parameters.values()
            if other.code != code
            and "Patient" in other.targets
            and other.element_paths == chosen.element_paths
        )
        return PatientParameter(code, chosen.is_single, same)
    return None


@cache
def compartment_parameters(resource_type: str) -> tuple[SearchParameter, ...]:
    """Return the parameters by which a resource of this type belongs to a patient's compartment.

    Empty for a type outside the compartment, and for Patient, which belongs only to its own compartment, by
    its id.
    """
    return tuple(search_parameters(resource_type)[code] for code in _COMPARTMENT.get(resource_type, ()))


def compartment_class(resource_type: str) -> CompartmentClass:
    """Return what a `patient/` scope can reach of a type: the patient's compartment, all of it (shared), or
    none.

    A name in no table is `none`. Binary is `none` here: it is reached through its securityContext only.
    """
    if resource_type in _COMPARTMENT:
        return "compartment"
    return "shared" if resource_type in SHARED_TYPES else "none"

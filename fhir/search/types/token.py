"""Token parameters: a code, with or without the system it comes from.

https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from fhir.elements import element, value_sets
from fhir.expressions import Found
from fhir.hashing import NONE, digest
from fhir.registry import search_parameter

TokenRow = tuple[int, int]
"""(hash, system)"""

_BOOLEANS = "http://terminology.hl7.org/CodeSystem/special-values"


@lru_cache(maxsize=65536)
def _known_digest(*parts: str) -> int:
    """`digest`, remembered: for texts that come again and again, such as codes and systems."""
    return digest(*parts)


def index(resource_type: str, code: str, found: list[Found]) -> set[TokenRow]:
    """Return the rows of the values that the parameter `code` finds in one resource.

    One for each value, keyed by type, parameter and value; and one for each system, keyed by type and parameter
    alone, which answers `system|` and `:missing`.
    """
    rows: set[TokenRow] = set()
    present = _known_digest(resource_type, code)
    for value, kind in found:
        for system, token in _tokens(value, kind, resource_type, code):
            origin = _known_digest(system) if system else NONE
            rows.add((present, origin))
            if token:
                key = digest if kind in ("Identifier", "ContactPoint") else _known_digest
                rows.add((key(resource_type, code, token), origin))
    return rows


def _tokens(value: Any, kind: str, resource_type: str, code: str) -> Iterator[tuple[str, str]]:
    """Yield (system, code) for one value; either may be empty. The table is that of the token section."""
    match kind:
        case "CodeableConcept":
            codings = value.get("coding")
            if not codings:
                yield "", ""
            for coding in codings or ():
                yield coding.get("system", ""), coding.get("code", "")
        case "code":
            yield implied_systems(resource_type, code).get(value, ""), value
        case "Coding":
            yield value.get("system", ""), value.get("code", "")
        case "Identifier":
            yield value.get("system", ""), value.get("value", "")
        case "ContactPoint":
            yield value.get("use", ""), value.get("value", "")
        case "boolean":
            yield _BOOLEANS, "true" if value else "false"
        case _:
            yield "", str(value)


@cache
def implied_systems(resource_type: str, code: str) -> dict[str, str]:
    """Return value → code system for the plain codes that this parameter finds: their required binding names it."""
    parameter = search_parameter(resource_type, code)
    found: dict[str, str] = {}
    for path in parameter.element_paths if parameter else ():
        bound = element(path)
        for system, codes in value_sets().get(bound.values or "", {}).items() if bound else ():
            for each in codes:
                found.setdefault(each, system)
    return found

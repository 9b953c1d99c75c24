"""Token parameters: a code, with or without the system it comes from.

https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from fhir.condition import Condition
from fhir.elements import element, value_sets
from fhir.expressions import Found
from fhir.hashing import NONE, digest
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, search_parameter
from fhir.search.criteria import TOKENS, Asked, Criterion, Probe
from fhir.search.escapes import split, unescape
from fhir.search.modifiers import unknown_modifier

TokenRow = tuple[int, int]
"""(hash, system)"""

_BOOLEANS = "http://terminology.hl7.org/CodeSystem/special-values"


@lru_cache(maxsize=65536)
def _known_digest(*parts: str) -> int:
    """`digest`, remembered: for texts that come again and again, such as codes and systems."""
    return digest(*parts)


def index(resource_type: str, code: str, found: list[Found], *under: str) -> set[TokenRow]:
    """Return the rows of the values that the parameter `code` finds in one resource.

    One for each value, keyed by type, parameter and value; and one for each system, keyed by type and
    parameter alone, which answers `system|` and `:missing`. `under` takes the place of type and parameter in
    the keys.
    """
    rows: set[TokenRow] = set()
    within = under or (resource_type, code)
    present = _known_digest(*within)
    for value, kind in found:
        for system, token in tokens(value, kind, resource_type, code):
            origin = _known_digest(system) if system else NONE
            rows.add((present, origin))
            if token:
                key = digest if kind in ("Identifier", "ContactPoint") else _known_digest
                rows.add((key(*within, token), origin))
    return rows


def tokens(value: Any, kind: str, resource_type: str, code: str) -> Iterator[tuple[str, str]]:
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
    """Return value → code system for the plain codes that this parameter finds, as their required binding
    says.
    """
    parameter = search_parameter(resource_type, code)
    found: dict[str, str] = {}
    for path in parameter.element_paths if parameter else ():
        bound = element(path)
        for system, codes in value_sets().get(bound.values or "", {}).items() if bound else ():
            for each in codes:
                found.setdefault(each, system)
    return found


@cache
def ordered_codes(resource_type: str, code: str) -> tuple[str, ...]:
    """Return all values that a parameter can have, in their order, where R4 lists them: booleans, and codes
    with a required binding. Empty for any other parameter.
    """
    parameter = search_parameter(resource_type, code)
    if parameter is None or not {"code", "boolean"}.issuperset(parameter.element_types):
        return ()
    if parameter.element_types == ("boolean",):
        return ("false", "true")
    bound = (element(path) for path in parameter.element_paths)
    if not all(each and value_sets().get(each.values or "") for each in bound):
        return ()
    return tuple(sorted(implied_systems(resource_type, code)))


def criterion(asked: Asked) -> Criterion:
    """What a token parameter asks: `code`, `system|code`, `|code` (no system) or `system|` (any code of it).

    Understands the modifier `:not`. Raises BadRequest for a value without code and system, or another
    modifier.
    """
    if asked.modifier not in ("", "not"):
        raise unknown_modifier(asked)
    parameter = asked.parameter
    probes = tuple(probe(value, parameter.resource_type, parameter.code) for value in asked.values)
    return Criterion(probes, negated=asked.modifier == "not", rank=_rank(parameter))


def probe(value: str, *within: str) -> Probe:
    """Return where the index has one value, which may still have escapes, of type and parameter `within`.

    Raises BadRequest if it says nothing.
    """
    parts = [unescape(part) for part in split(value, "|")]
    if len(parts) > 2 or not any(parts):
        raise BadRequest(f"'{value}' is not a token: it should be code, system|code, |code or system|.")
    token = parts[-1]
    key = digest(*within, token) if token else digest(*within)
    if len(parts) == 1:
        return Probe(TOKENS, Condition("x.hash = %s", (key,)))
    system = digest(parts[0]) if parts[0] else NONE
    return Probe(TOKENS, Condition("x.hash = %s AND x.system = %s", (key, system)), unique=True)


def _rank(parameter: SearchParameter) -> int:
    """Guess how few resources have one value: identifiers tell one from all, a status hardly narrows a
    search.
    """
    kinds = set(parameter.element_types)
    if kinds & {"Identifier", "ContactPoint"}:
        return 10
    if kinds <= {"code", "boolean"}:
        return 70
    return 65 if parameter.code == "category" or parameter.code.startswith("_") else 30

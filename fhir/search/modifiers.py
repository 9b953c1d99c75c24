"""What can stand behind a parameter's name. https://hl7.org/fhir/R4/search.html#modifiers"""

from fhir.condition import ALWAYS, NEVER, Condition
from fhir.hashing import digest
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter
from fhir.search.criteria import DATES, QUANTITIES, REFERENCES, STRINGS, TOKENS, Asked, Criterion, Probe

UNDERSTOOD: dict[str, tuple[str, ...]] = {
    "token": ("missing", "not", "text"),
    "string": ("missing", "exact", "contains"),
    "uri": ("missing", "below", "above"),
    "reference": ("missing", "identifier", "text"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "composite": (),
}
"""The modifiers that work, by the type of parameter; for references also the name of a resource type."""

_TABLES = {
    "token": TOKENS,
    "string": STRINGS,
    "uri": STRINGS,
    "reference": REFERENCES,
    "date": DATES,
    "number": QUANTITIES,
    "quantity": QUANTITIES,
}


def is_supported(parameter: SearchParameter) -> bool:
    """Whether a parameter can be searched by: it has values to index, and none that sound or lie near."""
    return parameter.type in UNDERSTOOD and parameter.usage == "normal" and bool(parameter.expression)


def unknown_modifier(asked: Asked) -> BadRequest:
    """Return the refusal of a modifier that does not exist here: to ignore it would change what was asked."""
    return BadRequest(
        f"The modifier ':{asked.modifier}' is not supported on '{asked.parameter.code}', "
        f"which is of the type {asked.parameter.type}.",
        code="not-supported",
    )


def missing(asked: Asked) -> Criterion:
    """What `:missing` asks: `true` for resources without a value, `false` for those with one.

    Every value leaves a row whose hash is that of type and parameter. Raises BadRequest for any other word.
    """
    _check(asked)
    parameter = asked.parameter
    key = digest(parameter.resource_type, parameter.code)
    probe = Probe(_TABLES[parameter.type], Condition("x.hash = %s", (key,)))
    return Criterion((probe,), negated=asked.values == ("true",), rank=85)


def never_missing(asked: Asked) -> Criterion:
    """What `:missing` asks of what every resource has: none, or all. Raises BadRequest as `missing` does."""
    _check(asked)
    return Criterion(home=NEVER if asked.values == ("true",) else ALWAYS, rank=85)


def _check(asked: Asked) -> None:
    if asked.values not in (("true",), ("false",)):
        raise BadRequest(f"'{asked.name}' takes true or false.")

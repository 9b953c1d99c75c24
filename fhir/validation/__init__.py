"""Holds resources against the structure of R4: elements, types, cardinalities, choices, bindings, values,
references.

A schema compiled once decides in a few microseconds; messages are only made for what
it refuses. `fhir.validation.second_opinion` asks another library, where there is time.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

import jsonschema_rs

from fhir.elements import is_resource_type
from fhir.jsontext import Number
from fhir.outcome import Issue
from fhir.validation.contained import unforeseen
from fhir.validation.keywords import KEYWORDS
from fhir.validation.messages import issues
from fhir.validation.nested import nested
from fhir.validation.primitives import FORMATS
from fhir.validation.sample import samples
from fhir.validation.schema import r4_schema

__all__ = ["MAX_ISSUES", "TOLERABLE", "Issue", "prepare", "validate"]

MAX_ISSUES = 100
"""How many issues are said of one resource at most."""
_SHOWN = 64

TOLERABLE: frozenset[str] = frozenset({"required", "code-invalid", "business-rule", "invariant"})
"""The codes of issues that leave every element that is there in the shape of its type: something is missing,
is of another value set, or does not go together. What is stored like that can be searched and read."""


@cache
def _validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        r4_schema(),
        formats=FORMATS,
        validate_formats=True,
        ignore_unknown_formats=False,
        keywords=KEYWORDS,
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def prepare() -> None:
    """Compile the schema now, not at the first validation: half a second, and some 70 MB of memory."""
    _validator()


def validate(
    resource: dict[str, Any], *, expected_type: str | None = None, remarks: bool = False
) -> list[Issue]:
    """Return why `resource` is to be refused by R4's structural rules: an empty list if it is not.

    `expected_type` is the type that the caller asks for, as by the URL of a create. Resources within it
    (contained, entries of a Bundle, Parameters) are held against their own types. With `remarks`, what is
    unusual and no reason to refuse is among the issues too, as warnings. At most 100 issues are returned.
    https://hl7.org/fhir/R4/validation.html
    """
    found = _name(resource, expected_type)
    if found is None:
        wanted = (issue for issue in _within(resource, resource["resourceType"]) if remarks or issue.refuses)
        # Some faults are reported in several ways that read the same: twice as many as are said suffice.
        found = list(dict.fromkeys(islice(wanted, 2 * MAX_ISSUES)))
    return found[:MAX_ISSUES]


def _name(resource: Any, expected_type: str | None) -> list[Issue] | None:
    """Return what is wrong with the type of the resource itself, or None."""
    name = resource.get("resourceType")
    if name is None:
        return [Issue("error", "required", "resourceType is required.", "resourceType")]
    if not isinstance(name, str) or not is_resource_type(name):
        shown = repr(name)[:_SHOWN]
        return [Issue("error", "structure", f"{shown} is no resource type of FHIR R4.", "resourceType")]
    if expected_type is not None and name != expected_type:
        return [
            Issue("error", "invalid", f"This is a {name}, where a {expected_type} belongs.", "resourceType")
        ]
    return None


def _within(resource: dict[str, Any], place: str) -> Iterator[Issue]:
    """Return what is wrong with a resource at a place, and with the resources within it."""
    kind = resource["resourceType"]
    if not _is_valid({kind: resource}):
        wrong_part = next((part for part in samples(resource) if not _is_valid({kind: part})), None)
        if wrong_part is None:
            yield Issue("error", "structure", f"{place} is wrong, and too large to say where.", place)
            return
        for error in _validator().iter_errors({kind: _plain(wrong_part)}):
            yield from issues(error, place)
    yield from unforeseen(resource, place)
    for where, inner in nested(resource):
        here = place + where
        if not isinstance(inner, dict):
            continue  # the rules of the holder have said so
        wrong = _name(inner, None)
        if wrong is None:
            yield from _within(inner, here)
        elif "resourceType" in inner:
            yield from (Issue(issue.severity, issue.code, issue.diagnostics, here) for issue in wrong)


def _is_valid(wrapped: dict[str, Any]) -> bool:
    try:
        return _validator().is_valid(wrapped)
    except ValueError:  # it takes no subclass of Decimal, and few resources hold one
        return _validator().is_valid(_plain(wrapped))


def _plain(value: Any) -> Any:
    """Return a copy of a JSON value with its unusually written numbers as plain Decimals."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return Decimal(value) if isinstance(value, Number) else value

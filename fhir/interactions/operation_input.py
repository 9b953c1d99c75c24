"""What operations are called with: a query string, or a Parameters resource in the body.

https://hl7.org/fhir/R4/operations.html#request
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.db import connection

from fhir.access import Access
from fhir.enforcement import AccessLapsed, guard
from fhir.exchange import Request
from fhir.incoming import json_body
from fhir.outcome import BadRequest, Unprocessable
from fhir.search.types import date
from fhir.validation import validate

_LARGEST = 200
_OF_THE_ANSWER = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class Given:
    """The values of an operation's parameters, by name, in the order in which they came."""

    values: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The only value of a parameter, empty if there is none. Raises BadRequest if there are several."""
        found = self.values.get(name, ())
        if len(found) > 1:
            raise BadRequest(f"'{name}' is given more than once.", code="invalid")
        return found[0] if found else ""

    def words(self, name: str) -> tuple[str, ...]:
        """The values of a parameter that may be repeated and may hold several, separated by commas."""
        return tuple(word for value in self.values.get(name, ()) for word in value.split(",") if word)

    def since(self, name: str) -> int:
        """The first microsecond since 1970 that an instant covers; 0 if it is not given. Raises
        BadRequest."""
        return self.span(name)[0] if self.one(name) else 0

    def span(self, name: str) -> tuple[int, int]:
        """The first and last microsecond that a date covers. Raises BadRequest for what is no date."""
        try:
            return date.span(self.one(name))
        except date.DateError as error:
            raise BadRequest(f"'{name}': {error}.", code="value") from error


def from_query(request: Request, known: Collection[str]) -> Given:
    """The parameters in the URL. Raises BadRequest for one that is not among `known`, and for malformed
    text."""
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, errors="strict", max_num_fields=_LARGEST)
    except ValueError as error:  # UnicodeDecodeError is one
        raise BadRequest(f"The query is not valid UTF-8, or has more than {_LARGEST} parameters.") from error
    return _given(pairs, known)


def from_body(request: Request, known: Collection[str]) -> Given:
    """The parameters in the URL and in the Parameters resource of the body, if there is one.

    Raises BadRequest, UnsupportedMediaType, and Unprocessable for what is no Parameters resource.
    """
    found = dict(from_query(request, known).values)
    if request.body or request.resource is not None:
        parameters = json_body(request)
        issues = validate(parameters, expected_type="Parameters")
        if issues:
            raise Unprocessable.because(issues)
        for name, values in _given(_pairs(parameters), known).values.items():
            found[name] = (*found.get(name, ()), *values)
    return Given(found)


def _pairs(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for position, part in enumerate(parameters.get("parameter", ())):
        values = [value for key, value in part.items() if key.startswith("value")]
        if isinstance(values[0] if values else None, dict):
            values = [values[0].get("reference")]
        if not values or not isinstance(values[0], str | int) or isinstance(values[0], bool):
            place = f"Parameters.parameter[{position}]"
            raise BadRequest(
                f"{part['name'][:64]!r} does not take such a value.", code="value", expression=place
            )
        yield part["name"], str(values[0])


def _given(pairs: Collection[tuple[str, str]] | Iterator[tuple[str, str]], known: Collection[str]) -> Given:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if name in _OF_THE_ANSWER:
            continue
        if name not in known:
            raise BadRequest(
                f"{name[:64]!r} is not supported here. These are: {', '.join(sorted(known))}.",
                code="not-supported",
            )
        if "\x00" in value or not value:
            raise BadRequest(f"'{name}' has no value that can be read.", code="value")
        found[name] = (*found.get(name, ()), value)
    return Given(found)


def hold(access: Access) -> None:
    """Raise AccessLapsed unless the guard holds at this moment: for what reads no resource, which would
    ask it."""
    alive = guard(access)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {alive.sql}", alive.params)
        if not cursor.fetchone()[0]:
            raise AccessLapsed

"""Reading what a client sends: the body's format, the resource in it, and the ids in URLs."""

from __future__ import annotations

import re
from typing import Any

from fhir import jsontext
from fhir.exchange import Request
from fhir.outcome import BadRequest, Unprocessable, UnsupportedMediaType
from fhir.validation import validate

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_JSON = frozenset({"application/fhir+json", "application/json", "text/json"})


def is_id(text: str) -> bool:
    """Whether this can be a resource's id: https://hl7.org/fhir/R4/datatypes.html#id."""
    return _ID.fullmatch(text) is not None


def json_body(request: Request) -> dict[str, Any]:
    """The object that the body holds. A batch entry brings its resource already parsed.

    Raises UnsupportedMediaType unless the body calls itself JSON, BadRequest if it is none that we accept.
    """
    if request.resource is not None:
        return request.resource
    if not request.body:
        raise BadRequest("The request has no body, where a resource belongs.", code="required")
    media = request.content_type.partition(";")[0].strip().lower()
    if media not in _JSON:
        raise UnsupportedMediaType(
            f"{_named(media)} is not read here, XML neither: send JSON as application/fhir+json."
        )
    try:
        return jsontext.parse(request.body)
    except jsontext.JsonTextError as error:
        raise BadRequest(str(error), code="structure", expression=error.path) from error


def _named(media: str) -> str:
    return "A body without a Content-Type" if not media else media[:60]


def resource_body(request: Request) -> dict[str, Any]:
    """The resource in the body, which is of the type in the URL and keeps the rules of R4.

    Raises as json_body does, and Unprocessable with every fault and its element.
    """
    resource = json_body(request)
    check(resource, request.type)
    return resource


def check(resource: dict[str, Any], resource_type: str) -> None:
    """Raise Unprocessable with every fault that the resource has by the rules of R4, or if it is of another
    type."""
    issues = validate(resource, expected_type=resource_type)
    if issues:
        raise Unprocessable.because(issues)

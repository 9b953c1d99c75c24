"""$validate: would this resource be accepted? Nothing is written.
https://hl7.org/fhir/R4/resource-operation-validate.html

Without a mode the content alone is judged, for everybody who may do anything with the type. With a mode
the right to do just that is needed, and it is tried out as far as the last step before writing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir import store
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.incoming import json_body
from fhir.interactions.create import check_creation
from fhir.interactions.delete import prepare_deletion
from fhir.interactions.operation_input import Given, from_query, hold
from fhir.interactions.update import check_id, check_update
from fhir.interactions.written import draft
from fhir.jsontext import serialise
from fhir.outcome import BadRequest, FhirError, Forbidden, Issue, outcome
from fhir.validation import validate as faults
from fhir.validation.second_opinion import second_opinion

KNOWN = frozenset({"mode", "profile"})
_LETTERS = {"create": "c", "update": "u", "delete": "d"}
_SOUND = Issue("information", "informational", "Nothing is wrong with this by the rules of FHIR R4.")


def validate(request: Request) -> Answer:
    """200 with an OperationOutcome that has all issues: an error among them means that the resource would
    be refused.

    Raises BadRequest for a request that is not understood (as for a mode or parameter that does not
    exist), Forbidden, NotFound for an instance out of reach, Unprocessable for malformed Parameters.
    """
    given, resource = _input(request)
    mode = given.one("mode")
    _check_rights(request, mode)
    hold(request.access)
    if mode == "delete":
        issues = _tried(request, lambda: _try_deletion(request))
    elif resource is None:
        raise BadRequest(
            "There is no resource to validate.", code="required", expression="Parameters.parameter"
        )
    else:
        issues = _judged(request, resource) or _tried_out(request, mode, resource)
        issues += [] if any(issue.refuses for issue in issues) else _remarks(resource)
    issues += [_unchecked(profile) for profile in given.values.get("profile", ())]
    return Answer(200, serialise(outcome(issues or [_SOUND])))


def _input(request: Request) -> tuple[Given, dict[str, Any] | None]:
    """The parameters, and the resource: the body itself, or what Parameters in it call `resource`."""
    given = from_query(request, KNOWN)
    if not request.body and request.resource is None:
        return given, None
    body = json_body(request)
    if body.get("resourceType") != "Parameters" or not _is_wrapper(request, body):
        return given, body
    found = dict(given.values)
    resource = None
    for position, part in enumerate(body.get("parameter", ())):
        place = f"Parameters.parameter[{position}]"
        name, value = _part(part, place)
        if name == "resource":
            resource = value
        else:
            found[name] = (*found.get(name, ()), value)
    return Given(found), resource


def _is_wrapper(request: Request, body: dict[str, Any]) -> bool:
    """Whether Parameters wrap the resource, and are not themselves what is to be validated."""
    parts = body.get("parameter")
    names = [part.get("name") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return request.type != "Parameters" or "resource" in names


def _part(part: Any, place: str) -> tuple[str, Any]:
    if not isinstance(part, dict) or part.get("name") not in (*KNOWN, "resource"):
        raise BadRequest(
            "These parameters exist: resource, mode, profile.", code="not-supported", expression=place
        )
    name: str = part["name"]
    value = part.get("resource") if name == "resource" else _text(part)
    if not isinstance(value, dict if name == "resource" else str):
        raise BadRequest(f"'{name}' does not have such a value.", code="value", expression=place)
    return name, value


def _text(part: dict[str, Any]) -> Any:
    return next(
        (part[key] for key in ("valueCode", "valueUri", "valueCanonical", "valueString") if key in part), None
    )


def _check_rights(request: Request, mode: str) -> None:
    if mode in _LETTERS:
        require(request.access, request.type, _LETTERS[mode])
    elif mode:
        raise BadRequest("'mode' takes create, update or delete.", code="value")
    elif not any(request.access.allows(request.type, letter) for letter in "curds"):
        raise Forbidden(f"The token's scopes allow nothing with {request.type}.")
    if mode == "delete" and not request.id:
        raise BadRequest("Which resource? mode=delete goes to [type]/[id]/$validate.", code="required")


def _judged(request: Request, resource: dict[str, Any]) -> list[Issue]:
    """What the gate refuses that every write passes."""
    return faults(resource, expected_type=request.type)


def _tried_out(request: Request, mode: str, resource: dict[str, Any]) -> list[Issue]:
    if mode == "create":
        return _tried(request, lambda: _try_creation(request, resource))
    if mode == "update":
        # Without an id in the URL the resource's own says which one is to be updated.
        named = replace(request, id=request.id or str(resource.get("id", "")))
        return _tried(named, lambda: _try_update(named, resource))
    return []


def _tried(request: Request, attempt: Callable[[], None]) -> list[Issue]:
    """The issues of the error with which an attempt ends, which is rolled back. NotFound is an issue like
    others."""
    try:
        store.in_transaction(attempt)
    except FhirError as error:
        return list(error.issues)
    return []


def _try_creation(request: Request, resource: dict[str, Any]) -> None:
    check_creation(request, draft(request.type, store.new_fhir_id(), "POST", resource))


def _try_update(request: Request, resource: dict[str, Any]) -> None:
    check_id(request, resource.get("id"))
    place = (request.type, request.id)
    current = store.lock(request.access, [place]).get(place)
    check_update(request, draft(request.type, request.id, "PUT", resource, current), current)


def _try_deletion(request: Request) -> None:
    place = (request.type, request.id)
    prepare_deletion(request, store.lock(request.access, [place]).get(place))


def _remarks(resource: dict[str, Any]) -> list[Issue]:
    """What is unusual, and what another library says: never a reason to refuse here."""
    unusual = [issue for issue in faults(resource, remarks=True) if not issue.refuses]
    other = [
        replace(issue, severity="warning") if issue.refuses else issue for issue in second_opinion(resource)
    ]
    return unusual + other


def _unchecked(profile: str) -> Issue:
    return Issue(
        "information",
        "not-supported",
        f"The profile {profile[:200]} was not checked: only FHIR R4 itself is.",
    )

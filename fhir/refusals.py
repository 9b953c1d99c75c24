"""What staff are told of a refused interaction: which rule it was, what was expected and what came.

The caller learns nothing of this: whether something exists that a token may not see is for staff alone.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from fhir.access import LETTERS, Access, Rule
from fhir.elements import is_resource_type
from fhir.enforcement import permits
from fhir.exchange import Request
from fhir.incoming import is_id
from fhir.outcome import FhirError, Unauthorized

MOST = 20
"""So many types, rules or patients are named at the most."""
_LETTERS = {
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "search-type": "s",
    "search-system": "s",
    "history-type": "s",
    "history-system": "s",
    "create": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
}
"""The letter that an interaction needs:
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""


def why(request: Request, error: FhirError, owners: Collection[str]) -> dict[str, str]:
    """`rule`, `expected`, `received` and perhaps a `cause` that says more than the caller is told.

    `owners` are the ids of the patients to whom the resource at the request's address belongs.
    """
    if error.status == HTTPStatus.UNAUTHORIZED:
        return _of_token(error)
    if error.status == HTTPStatus.FORBIDDEN:
        return _beyond(request) if _has_its_letter(request) else _of_scope(request)
    if error.status == HTTPStatus.NOT_FOUND and is_addressed(request):
        return _of_reach(request, owners)
    return {"rule": error.code}


def is_addressed(request: Request) -> bool:
    """Whether the request is about the resource at one address."""
    return is_id(request.id) and is_resource_type(request.type)


def _of_token(error: FhirError) -> dict[str, str]:
    """https://www.rfc-editor.org/rfc/rfc6750#section-3.1"""
    known = error.known if isinstance(error, Unauthorized) else None
    received = f"one of {known.client}'s that is not" if known and known.client else "none that anybody knows"
    return {"rule": "check_token", "expected": "an access token that is alive", "received": received}


def _of_scope(request: Request) -> dict[str, str]:
    letter = _LETTERS.get(request.kind)
    of_type = request.type if is_resource_type(request.type) else "what is asked for"
    expected = f"a scope with '{letter}' on {of_type}" if letter else f"scopes for {request.kind}"
    return {"rule": "check_scope", "expected": expected, "received": reach(request.access)}


def _has_its_letter(request: Request) -> bool:
    """Whether the scopes allow such an interaction on the type: then it was refused for what it was about."""
    letter = _LETTERS.get(request.kind)
    return (
        letter is not None
        and is_resource_type(request.type)
        and permits(request.access, request.type, letter)
    )


def _beyond(request: Request) -> dict[str, str]:
    within = f"something within reach of {reach(request.access)}"
    received = f"{request.kind} of {request.type} that goes beyond it"
    return {"rule": "check_reach", "expected": within, "received": received}


def _of_reach(request: Request, owners: Collection[str]) -> dict[str, str]:
    address = f"{request.type}/{request.id}"
    told = {"rule": "check_reach", "expected": f"something within reach of {reach(request.access)}"}
    if not owners:
        return told | {"received": f"{address}, which is not here, or is no patient's"}
    whose = _patients(owners)
    told["received"] = f"{address}, which is {whose}'s"
    own = _patients_of(request.access)
    if own is not None and not own & set(owners):
        told["cause"] = f"{address} belongs to {whose}; the token is for {_patients(own) or 'no patient'}."
    return told


def reach(access: Access) -> str:
    """What the rules of an access say, as in "Condition,Observation.rs of Patient/1"."""
    told = [_rule(rule) for rule in access.rules[:MOST]]
    more = ["…"] if len(access.rules) > MOST else []
    return "; ".join([*told, *more]) or "nothing"


def _rule(rule: Rule) -> str:
    types = "*" if rule.types is None else _few(sorted(rule.types))
    letters = "".join(letter for letter in LETTERS if letter in rule.letters)
    criteria = f"?{rule.criteria}" if rule.criteria else ""
    of = "" if rule.patients is None else f" of {_patients(rule.patients) or 'no patient'}"
    return f"{types}.{letters}{criteria}{of}"


def _patients_of(access: Access) -> set[str] | None:
    """The patients whom the rules name; None if some rule reaches all of them."""
    found: set[str] = set()
    for rule in access.rules:
        if rule.patients is None:
            return None
        found |= rule.patients
    return found


def _patients(ids: Collection[str]) -> str:
    return _few([f"Patient/{each}" for each in sorted(ids)])


def _few(names: list[str]) -> str:
    return ",".join([*names[:MOST], *(["…"] if len(names) > MOST else [])])

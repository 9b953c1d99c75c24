"""patch: changes to parts of a resource, as JSON Patch. https://hl7.org/fhir/R4/http.html#patch"""

from __future__ import annotations

import base64

from django.conf import settings

from fhir import jsontext, store
from fhir.enforcement import may_write, require
from fhir.exchange import Answer, Request
from fhir.incoming import check
from fhir.interactions.read import unknown
from fhir.interactions.update import check_id
from fhir.interactions.written import answer, check_change, draft, reaches, shows
from fhir.jsonpatch import READING, Operation, PatchError, PatchTooLarge, patched, read_patch
from fhir.outcome import (
    BadRequest,
    FhirError,
    Forbidden,
    Gone,
    TooLarge,
    Unprocessable,
    UnsupportedMediaType,
)
from fhir.preconditions import hold_to_version
from fhir.store import Change, Current

JSON_PATCH = "application/json-patch+json"


def patch(request: Request) -> Answer:
    """200 with the new version. A patch that comes to nothing makes none.

    Raises BadRequest for what is no JSON Patch, UnsupportedMediaType, Unprocessable where an operation cannot
    be carried out (a failed test, too) or the result breaks a rule of R4, Forbidden, NotFound, Gone,
    PreconditionFailed (If-Match), TooLarge.
    """
    require(request.access, request.type, "u")
    operations = operations_of(request)

    def write() -> Change:
        current = store.lock(request.access, [(request.type, request.id)]).get((request.type, request.id))
        change = prepare_patch(request, operations, current)
        store.apply(request.access, [change])
        return change

    return answer(request, store.in_transaction(write), 200)


def operations_of(request: Request) -> list[Operation]:
    """The operations in the body, or in the Binary that an entry of a Bundle has instead.

    Raises BadRequest, UnsupportedMediaType. https://hl7.org/fhir/R4/http.html#patch
    """
    media, body = request.content_type, request.body
    if request.resource is not None:
        media = str(request.resource.get("contentType", ""))
        body = base64.b64decode(request.resource.get("data", ""))
    if media.partition(";")[0].strip().lower() != JSON_PATCH:
        raise UnsupportedMediaType(
            f"A patch is sent as JSON Patch ({JSON_PATCH}); XML Patch and FHIRPath Patch are not supported.",
            headers={"Accept-Patch": JSON_PATCH},
        )
    try:
        return read_patch(body)
    except jsontext.JsonTextError as error:
        raise BadRequest(str(error), code="structure", expression=error.path) from error
    except PatchError as error:
        raise _refusal(error) from error


def prepare_patch(request: Request, operations: list[Operation], current: Current | None) -> Change:
    """The change that patches the locked resource, if this access may make it.

    What the resource is now is asked first: nothing is tried on a resource out of reach.
    """
    before = _reached(request, current)
    hold_to_version(request, before.version)
    if READING.intersection(each.name for each in operations) and not shows(request, before.rows):
        raise Forbidden("'test', 'copy' and 'move' tell of the content, which the token may not read.")
    try:
        change = _draft(request, operations, before)
    except Unprocessable as error:
        if shows(request, before.rows):
            raise
        # Which operation fails, and what then is wrong, would tell of content piece by piece.
        raise Unprocessable(
            "The patch cannot be carried out, or what it leaves breaks a rule. No more is said, since the "
            "token may not read the resource."
        ) from error
    if not check_change(request, "u", change, before):
        raise unknown(request)
    return change


def _draft(request: Request, operations: list[Operation], before: Current) -> Change:
    try:
        resource = patched(jsontext.parse(before.text.encode()), operations, settings.FHIR_MAX_BODY_BYTES)
    except PatchError as error:
        raise _refusal(error) from error
    check(resource, request.type)
    check_id(request, resource.get("id"))
    return draft(request.type, request.id, "PATCH", resource, before)


def _reached(request: Request, current: Current | None) -> Current:
    """The resource, if it is there and `u` reaches what it is now."""
    if current is None:
        raise unknown(request)
    if current.deleted:
        last = store.last_content(request.type, request.id)
        if last is None or not may_write(request.access, request.type, "u", last, None):
            raise unknown(request)
        raise Gone(f"{request.type}/{request.id} was deleted.")
    if may_write(request.access, request.type, "u", current.content, current.content):
        return current
    if not reaches(request, "u", current):
        raise unknown(request)
    raise Forbidden(f"The {request.type} belongs to a patient that the token may not write for.")


def _refusal(error: PatchError) -> FhirError:
    if isinstance(error, PatchTooLarge):
        return TooLarge(str(error))
    return BadRequest(str(error)) if error.malformed else Unprocessable(str(error))

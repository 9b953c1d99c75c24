"""POST /launch/contexts, where an external EHR makes a launch."""

import logging
import re
from dataclasses import replace

from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from audit.origin import client_address
from launch.attempts import Wanted, tell_refused_launch
from launch.starting import launch_address
from oauth.clients.calling import Refused
from oauth.launch_context_members import BadMember, read_members
from oauth.launch_contexts import NotLaunched, calling_ehr, make

logger = logging.getLogger("oauth.refusals")

MAX_BYTES = 16_384
_LENGTH = re.compile(r"[0-9]{1,9}")


@csrf_exempt  # the caller proves itself by its token; no cookie is ever looked at
def launch_contexts(request: HttpRequest) -> HttpResponse:
    """201 with `launch` and `url`, the address at which the EHR opens the app in the person's browser.

    The launch value is a credential until the app has claimed it, so that it is neither kept nor logged.
    """
    try:
        response = _answer(request)
    except Refused as refused:
        reference = _tell(request, refused)
        logger.warning(
            "Launch context refused, reference %s: %s: %s", reference, refused.error, refused.description
        )
        return refused.quoting(reference).response()
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        response = Refused(405, "invalid_request", "Launch contexts are made by POST.").response()
        response["Allow"] = "POST"
        return response
    ehr = calling_ehr(request.META.get("HTTP_AUTHORIZATION", ""))
    try:
        launch = make(ehr, read_members(_body(request)), client_address(request.META))
    except BadMember as fault:
        raise Refused(400, "invalid_request", str(fault)) from fault
    return JsonResponse({"launch": launch.pk, "url": launch_address(launch)}, status=201)


def _tell(request: HttpRequest, refused: Refused) -> str:
    """Record the refusal, with its cause where that is more than the EHR is told. Its reference code."""
    fault, address = refused.__cause__, client_address(request.META)
    if isinstance(fault, NotLaunched):
        expected = refused.description.partition(":")[0]
        wanted = replace(fault.wanted, address=address)
        return tell_refused_launch(wanted, refused.status, fault.rule, expected, fault.cause)
    wanted = Wanted(address, ehr="an EHR that has not proven itself")
    return tell_refused_launch(wanted, refused.status, refused.error, "", refused.description)


def _body(request: HttpRequest) -> bytes:
    """The bytes of a JSON body. Raises Refused; what is too long by its own account is not even read."""
    if request.content_type != "application/json":
        raise Refused(415, "invalid_request", "Send the launch context as application/json.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not _LENGTH.fullmatch(length) or int(length) > MAX_BYTES:
        raise Refused(413, "invalid_request", f"The body must not be longer than {MAX_BYTES} bytes.")
    try:
        return request.body
    except UnreadablePostError as error:
        raise Refused(400, "invalid_request", "The body cannot be read.") from error

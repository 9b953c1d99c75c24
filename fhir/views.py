"""From HTTP to interactions and back. The only module that knows HTTP's requests and responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.utils.decorators import decorator_from_middleware
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.csrf import csrf_exempt
from rest_framework.settings import api_settings

from fhir.access import Access
from fhir.elements import is_resource_type
from fhir.exchange import Answer, Request, http_date
from fhir.incoming import is_id
from fhir.jsontext import parse, serialise
from fhir.negotiation import MEDIA_TYPE, preferences, wants_pretty
from fhir.outcome import (
    BadRequest,
    FhirError,
    Issue,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthorized,
    outcome,
)
from fhir.renewal import with_renewal

logger = logging.getLogger(__name__)

Interaction = Callable[[Request], Answer]
View = Callable[..., HttpResponseBase]

_VARY = "Authorization, Accept, Prefer, Origin"
_NOBODY = Access(rules=())


class UnexpectedErrors(MiddlewareMixin):
    """Turns what nobody has foreseen into an OperationOutcome without details; these go to the log."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse:
        """500, with nothing about the cause."""
        logger.error("A FHIR request failed: %s %s", request.method, request.path, exc_info=exception)
        issue = Issue("fatal", "exception", "The server failed at this request. What happened is in its log.")
        return _respond(Answer(500, serialise(outcome([issue]))))


def view(*, public: bool = False, negotiated: bool = True, **interactions: Interaction) -> View:
    """A view with one interaction for each HTTP method that this URL knows (HEAD is answered as GET).

    `public` views are for everybody, with a token or without. Those that are not `negotiated` answer in a
    format of their own, whatever the caller accepts. All errors become OperationOutcomes.
    """

    @csrf_exempt
    @decorator_from_middleware(UnexpectedErrors)
    def answer(http: HttpRequest, **address: str) -> HttpResponse:
        try:
            return _answer(http, interactions, address, public=public, negotiated=negotiated)
        except FhirError as error:
            return refuse(error)

    # The CapabilityStatement tells of what is mounted.
    answer.methods = frozenset(interactions)  # type: ignore[attr-defined]
    return answer


@csrf_exempt
def unknown_path(http: HttpRequest) -> HttpResponse:
    """404 for every path that is none of ours."""
    return refuse(NotFound("There is nothing at this address. The API is described in /metadata."))


def refuse(error: FhirError) -> HttpResponse:
    """The response that says what was wrong."""
    return _respond(Answer(error.status, serialise(error.outcome())), error.headers)


def _answer(
    http: HttpRequest,
    interactions: Mapping[str, Interaction],
    address: dict[str, str],
    *,
    public: bool,
    negotiated: bool,
) -> HttpResponse:
    interaction = _interaction(http, interactions)
    if interaction is None:
        return _respond(Answer(204), {"Allow": _allowed(interactions)})
    if "type" in address and not is_resource_type(address["type"]):
        raise NotFound(f"{address['type'][:64]!r} is no resource type of FHIR R4.")
    if "id" in address and http.method != "PUT" and not is_id(address["id"]):
        raise NotFound("No resource can have this id.")
    query: str = http.META.get("QUERY_STRING", "")
    pretty = negotiated and wants_pretty(http.headers.get("Accept", ""), query)
    request = _request(http, _NOBODY if public else authenticated(http), query, address)
    found = with_renewal(request, lambda: interaction(request))
    if pretty and found.text:
        text = found.text if isinstance(found.text, bytes) else found.text.encode()
        found.text = serialise(parse(text), pretty=True)
    return _respond(found)


def _interaction(http: HttpRequest, interactions: Mapping[str, Interaction]) -> Interaction | None:
    """The interaction for this method, None for OPTIONS. Raises MethodNotAllowed."""
    method = http.method or ""
    found = interactions.get("GET" if method == "HEAD" else method)
    if found is None and method != "OPTIONS":
        raise MethodNotAllowed(f"{method} is not possible here.", allow=_allowed(interactions).split(", "))
    return found


def _allowed(interactions: Mapping[str, Interaction]) -> str:
    return ", ".join([*interactions, *(["HEAD"] if "GET" in interactions else []), "OPTIONS"])


def authenticated(http: HttpRequest) -> Access:
    """The Access of the caller, from the authenticators that settings.REST_FRAMEWORK names; they see Django's
    request.

    Raises Unauthorized with the first one's challenge if none knows the caller.
    """
    challenge = ""
    for authenticator in _authenticators():
        found = authenticator.authenticate(http)
        if found is not None:
            access: Access = found[1]
            return access
        challenge = challenge or authenticator.authenticate_header(http)
    raise Unauthorized(
        "An access token is needed: send it as 'Authorization: Bearer …'.", challenge=challenge
    )


def _authenticators() -> list[Any]:
    # The stubs say that these are still names; the settings have imported the classes.
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    return [authenticator() for authenticator in classes]


def _request(http: HttpRequest, access: Access, query: str, address: dict[str, str]) -> Request:
    header: Callable[[str, str], str] = http.META.get
    _check_conditions(http)
    return Request(
        access=access,
        type=address.get("type", ""),
        id=address.get("id", ""),
        version=address.get("version", ""),
        file=address.get("file", ""),
        query=query,
        body=b"" if http.method in ("GET", "HEAD", "DELETE") else _body(http),
        content_type=header("CONTENT_TYPE", ""),
        if_match=header("HTTP_IF_MATCH", ""),
        if_none_match=header("HTTP_IF_NONE_MATCH", ""),
        if_modified_since=header("HTTP_IF_MODIFIED_SINCE", ""),
        if_none_exist=header("HTTP_IF_NONE_EXIST", ""),
        prefer=preferences(header("HTTP_PREFER", "")),
    )


def _check_conditions(http: HttpRequest) -> None:
    """Raise BadRequest for a condition that is there and says nothing, which would otherwise count as none.

    A header that is not ASCII arrives from the server as empty.
    """
    for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_EXIST"):
        if http.META.get(name, "-").strip() == "":
            header = name.removeprefix("HTTP_").replace("_", "-").title()
            raise BadRequest(f"{header} is empty or not in ASCII (encode what is not ASCII by percent).")


def _body(http: HttpRequest) -> bytes:
    """Raises TooLarge over FHIR_MAX_BODY_BYTES, BadRequest where the connection ends too early."""
    length = http.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.FHIR_MAX_BODY_BYTES:
        raise TooLarge(f"A request may have {settings.FHIR_MAX_BODY_BYTES} bytes at most.")
    try:
        return http.body
    except RequestDataTooBig as error:
        raise TooLarge(f"A request may have {settings.FHIR_MAX_BODY_BYTES} bytes at most.") from error
    except UnreadablePostError as error:
        raise BadRequest("The request's body did not arrive.") from error


def _respond(found: Answer, headers: Mapping[str, str] | None = None) -> HttpResponse:
    response: HttpResponse
    if found.stream is not None:
        response = StreamingHttpResponse(found.stream, status=found.status)  # type: ignore[assignment]
    else:
        response = HttpResponse(found.text, status=found.status, content_type=MEDIA_TYPE)
    if not found.text:
        del response.headers["Content-Type"]
    out = response.headers
    if found.text:
        # A HEAD has it too, whose body the server leaves out.
        out["Content-Length"] = str(len(response.content))
    out["Vary"] = _VARY
    out["Cache-Control"] = "private, no-cache"
    if found.version:
        out["ETag"] = found.etag
    if found.last_updated:
        out["Last-Modified"] = http_date(found.last_updated)
    if found.location:
        out["Location"] = f"{settings.FHIR_BASE}/{found.location}"
    for name, value in {**found.headers, **(headers or {})}.items():
        out[name] = value
    return response

"""From what arrives over HTTP to an interaction, and from its answer to what leaves: the API's rules of HTTP,
whoever carries the bytes.

`fhir.views` carries them for Django, `fhir.front` for WSGI servers directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from rest_framework.settings import api_settings

from audit.origin import client_address
from fhir import accounting
from fhir.access import Access
from fhir.elements import is_resource_type
from fhir.exchange import Answer, Request, http_date
from fhir.incoming import is_id
from fhir.interactions.kinds import KINDS
from fhir.jsontext import parse, serialise
from fhir.negotiation import MEDIA_TYPE, preferences, wants_pretty
from fhir.outcome import BadRequest, FhirError, MethodNotAllowed, NotFound, TooLarge, Unauthorized
from fhir.renewal import with_renewal

Interaction = Callable[[Request], Answer]
Address = Mapping[str, str]

_VARY = "Authorization, Accept, Prefer, Origin"
_NOBODY = Access(rules=())
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})


class Message(Protocol):
    """A request as it arrived. `META` is the WSGI environ, `body` is read when it is asked for."""

    @property
    def META(self) -> Mapping[str, Any]:
        """What PEP 3333 calls the environ."""

    @property
    def method(self) -> str | None:
        """The HTTP method."""

    @property
    def body(self) -> bytes:
        """The whole body."""


@dataclass(slots=True)
class Reply:
    """What leaves: header names are written as usual. With a `stream`, the body comes in its pieces."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: Iterable[bytes] | None = None


class Resource:
    """What stands at one kind of address: an interaction for each HTTP method (HEAD is answered as GET).

    A `public` one is for everybody, with a token or without. One that is not `negotiated` answers in a format
    of its own, whatever the caller accepts. Without `head` there is no HEAD, for what a GET sets going.
    """

    def __init__(
        self,
        interactions: Mapping[str, Interaction],
        *,
        public: bool = False,
        negotiated: bool = True,
        head: bool = True,
    ) -> None:
        self.interactions = interactions
        self._public, self._negotiated = public, negotiated
        self._head = head and "GET" in interactions
        self._kinds = {} if public else {method: KINDS[each] for method, each in interactions.items()}
        if self._head:
            self._kinds.setdefault("HEAD", self._kinds.get("GET", ""))
        self._allowed = [*interactions, *(["HEAD"] if self._head else []), "OPTIONS"]

    def reply(self, message: Message, address: Address) -> Reply:
        """What the interaction answers. All errors that are foreseen become OperationOutcomes.

        However it ends, the audit trail is told.
        """
        environ = message.META
        request = Request(
            access=_NOBODY,
            type=address.get("type", ""),
            id=address.get("id", ""),
            version=address.get("version", ""),
            file=address.get("file", ""),
            query=environ.get("QUERY_STRING", ""),
            kind=self._kinds.get(message.method or "", ""),
        )
        is_foreseen = False
        try:
            reply = self._reply(message, address, request)
            is_foreseen = True
            return reply
        except FhirError as error:
            is_foreseen = True
            if request.access is _NOBODY and request.kind:
                request.access = _caller(message, error)
            accounting.refuse(request, error)
            return refusal(error)
        finally:
            if not is_foreseen:
                accounting.fail(request)

    def _reply(self, message: Message, address: Address, request: Request) -> Reply:
        interaction = self._interaction(message.method or "")
        if interaction is None:
            return reply_with(Answer(204), {"Allow": ", ".join(self._allowed)})
        if "type" in address and not is_resource_type(address["type"]):
            raise NotFound(f"{address['type'][:64]!r} is no resource type of FHIR R4.")
        if "id" in address and message.method != "PUT" and not is_id(address["id"]):
            raise NotFound("No resource can have this id.")
        accept = message.META.get("HTTP_ACCEPT", "")
        pretty = self._negotiated and wants_pretty(accept, request.query)
        if not self._public:
            request.access = authenticated(message)
        _complete(request, message)
        found = with_renewal(request, lambda: interaction(request))
        accounting.tell(request, found)
        if pretty and found.text:
            found.text = serialise(parse(_as_bytes(found.text)), pretty=True)
        return reply_with(found)

    def _interaction(self, method: str) -> Interaction | None:
        """The interaction for this method, None for OPTIONS. Raises MethodNotAllowed."""
        found = self.interactions.get("GET" if method == "HEAD" and self._head else method)
        if found is None and method != "OPTIONS":
            raise MethodNotAllowed(f"{method} is not possible here.", allow=self._allowed)
        return found


def refusal(error: FhirError) -> Reply:
    """What says what was wrong."""
    return reply_with(Answer(error.status, serialise(error.outcome())), error.headers)


def authenticated(message: Message) -> Access:
    """The Access of the caller, from the authenticators that settings.REST_FRAMEWORK names; they see `META`.

    Raises Unauthorized with the first one's challenge if none knows the caller.
    """
    challenge = ""
    for authenticator in _authenticators():
        found = authenticator.authenticate(message)
        if found is not None:
            access: Access = found[1]
            return access
        challenge = challenge or authenticator.authenticate_header(message)
    raise Unauthorized(
        "An access token is needed: send it as 'Authorization: Bearer …'.", challenge=challenge
    )


def _authenticators() -> list[Any]:
    # The stubs say that these are still names; the settings have imported the classes.
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    return [authenticator() for authenticator in classes]


def _caller(message: Message, error: FhirError) -> Access:
    """Who is refused, for the audit trail, where that was not asked before; nothing but the address where
    nobody knows.
    """
    if isinstance(error, Unauthorized) and error.known is not None:
        return error.known
    if error.status != HTTPStatus.UNAUTHORIZED:
        with suppress(FhirError):
            return authenticated(message)
    return Access(rules=(), origin=client_address(message.META))


def _complete(request: Request, message: Message) -> None:
    """Add what headers and body say."""
    header: Callable[[str, str], str] = message.META.get
    _check_conditions(message.META)
    request.body = b"" if message.method in _BODILESS else _body(message)
    request.content_type = header("CONTENT_TYPE", "")
    request.if_match = header("HTTP_IF_MATCH", "")
    request.if_none_match = header("HTTP_IF_NONE_MATCH", "")
    request.if_modified_since = header("HTTP_IF_MODIFIED_SINCE", "")
    request.if_none_exist = header("HTTP_IF_NONE_EXIST", "")
    request.prefer = preferences(header("HTTP_PREFER", ""))


def _check_conditions(environ: Mapping[str, Any]) -> None:
    """Raise BadRequest for a condition that is there and says nothing, which would otherwise count as none.

    A header that is not ASCII arrives from the server as empty.
    """
    for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_EXIST"):
        if environ.get(name, "-").strip() == "":
            header = name.removeprefix("HTTP_").replace("_", "-").title()
            raise BadRequest(f"{header} is empty or not in ASCII (encode what is not ASCII by percent).")


def _body(message: Message) -> bytes:
    """Raises TooLarge over FHIR_MAX_BODY_BYTES, BadRequest where the connection ends too early."""
    length = message.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > settings.FHIR_MAX_BODY_BYTES:
        raise TooLarge(f"A request may have {settings.FHIR_MAX_BODY_BYTES} bytes at most.")
    try:
        return message.body
    except RequestDataTooBig as error:
        raise TooLarge(f"A request may have {settings.FHIR_MAX_BODY_BYTES} bytes at most.") from error
    except UnreadablePostError as error:
        raise BadRequest("The request's body did not arrive.") from error


def reply_with(found: Answer, headers: Mapping[str, str] | None = None) -> Reply:
    """An interaction's answer with the headers that follow from it, and these besides."""
    body = _as_bytes(found.text)
    out: dict[str, str] = {}
    if body:
        out["Content-Type"] = MEDIA_TYPE
        # A HEAD has it too, whose body the server leaves out.
        out["Content-Length"] = str(len(body))
    out["Vary"] = _VARY
    out["Cache-Control"] = "private, no-cache"
    if found.version:
        out["ETag"] = found.etag
    if found.last_updated:
        out["Last-Modified"] = http_date(found.last_updated)
    if found.location:
        out["Location"] = f"{settings.FHIR_BASE}/{found.location}"
    out.update(found.headers)
    out.update(headers or {})
    return Reply(found.status, out, body, found.stream)


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()

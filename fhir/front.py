"""The shortest way to the API: from the WSGI server to `fhir.answering`, past Django's handler.

Django's middleware, URL resolver, responses and signals would take more time than a read itself. What they do
for the API is done here too: the headers of SecurityMiddleware are asked of it, a connection to the database
that has failed is given up, refusals go to the log. Pages of other origins need CORS and go the common way,
as does every address but those of a type and of an instance.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
from django.urls import URLResolver, get_resolver

from fhir.answering import Reply
from fhir.elements import is_resource_type
from fhir.views import Replying

Environ = dict[str, Any]
Respond = Callable[..., Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]

# As Django's handler does, so that refusals are found where they always were.
logger = logging.getLogger("django.request")
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def straight_to_api(common_way: Wsgi) -> Wsgi:
    """A WSGI application that answers for types and instances itself and passes everything else on."""
    base = f"{urlsplit(settings.FHIR_BASE).path}/"
    resolver = get_resolver("fhir.urls")
    # What stands at an address is for the URLconf alone to say.
    of_type, of_instance = _reply_at(resolver, "/Patient"), _reply_at(resolver, "/Patient/1")
    transport: dict[bool, dict[str, str]] = {}

    def answer(environ: Environ, start_response: Respond) -> Iterable[bytes]:
        address = _address(environ["PATH_INFO"], base)
        if address is None or "HTTP_ORIGIN" in environ or environ["REQUEST_METHOD"] == "OPTIONS":
            return common_way(environ, start_response)
        request = WSGIRequest(environ)
        try:
            reply: Reply = (of_instance if "id" in address else of_type)(request, address)
        finally:
            give_up_a_failed_connection()
        if reply.status >= HTTPStatus.BAD_REQUEST:
            logger.warning("%s: %a", _STATUS[reply.status], request.path)
        secure = request.is_secure()
        if secure not in transport:
            transport[secure] = _transport_headers(request)
        start_response(_STATUS[reply.status], _written(transport[secure] | reply.headers))
        return [reply.body]

    return answer


def _reply_at(resolver: URLResolver, path: str) -> Replying:
    view: Any = resolver.resolve(path).func
    reply: Replying = view.reply
    return reply


def _address(path: str, base: str) -> dict[str, str] | None:
    """Type and id of an address that is one of a type or an instance."""
    if not path.startswith(base) or not path.isascii():
        return None
    kind, slash, fhir_id = path[len(base) :].partition("/")
    if not is_resource_type(kind):
        return None
    if not slash:
        return {"type": kind}
    # Operations and histories begin with these.
    if not fhir_id or fhir_id[0] in "$_" or "/" in fhir_id:
        return None
    return {"type": kind, "id": fhir_id}


def give_up_a_failed_connection() -> None:
    """What Django does between two requests: https://docs.djangoproject.com/en/5.2/ref/databases/#caveats"""
    connection = connections[DEFAULT_DB_ALIAS]
    # Only a test holds a transaction around a request, and would lose it.
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def _transport_headers(request: WSGIRequest) -> dict[str, str]:
    """The headers that SecurityMiddleware adds to every answer of this server (over TLS, or without)."""
    response = SecurityMiddleware(lambda _: HttpResponse()).process_response(request, HttpResponse())
    return {name: value for name, value in response.items() if name != "Content-Type"}


def _written(headers: dict[str, str]) -> list[tuple[str, str]]:
    """The headers as the server takes them. What is not plain text is encoded, or refused, by Django."""
    if all(value.isascii() and value.isprintable() for value in headers.values()):
        return list(headers.items())
    return list(HttpResponse(headers=headers).items())

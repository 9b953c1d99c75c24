"""The API as Django's views: `fhir.answering` with Django's requests and responses around it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.decorators import decorator_from_middleware
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.csrf import csrf_exempt

from fhir.answering import Address, Interaction, Message, Reply, Resource, refusal, reply_with
from fhir.exchange import Answer
from fhir.jsontext import serialise
from fhir.outcome import Issue, NotFound, outcome
from fhir.search.time_limit import is_timeout, too_slow

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]
Replying = Callable[[Message, Address], Reply]


class UnexpectedErrors(MiddlewareMixin):
    """Turns what nobody has foreseen into an OperationOutcome without details; these go to the log."""

    def process_exception(self, message: Message, exception: Exception) -> Reply:
        """500, with nothing about the cause; 504 for a statement that the database has stopped."""
        if isinstance(exception, OperationalError) and is_timeout(exception):
            return refusal(too_slow())
        logger.error(
            "A FHIR request failed: %s %s", message.method, message.META["PATH_INFO"], exc_info=exception
        )
        issue = Issue("fatal", "exception", "The server failed at this request. What happened is in its log.")
        return reply_with(Answer(500, serialise(outcome([issue]))))


def view(
    *, public: bool = False, negotiated: bool = True, head: bool = True, **interactions: Interaction
) -> View:
    """A view with one interaction for each HTTP method that this URL knows (HEAD is answered as GET).

    `public`, `negotiated` and `head` are as for fhir.answering.Resource. The view's `reply` is the same
    without Django's requests and responses, `methods` are the HTTP methods.
    """
    watched: Any = decorator_from_middleware(UnexpectedErrors)
    reply: Replying = watched(Resource(interactions, public=public, negotiated=negotiated, head=head).reply)

    @csrf_exempt
    def answer(http: HttpRequest, **address: str) -> HttpResponseBase:
        return _response(reply(http, address))

    answer.reply = reply  # type: ignore[attr-defined]
    # The CapabilityStatement tells of what is mounted.
    answer.methods = frozenset(interactions)  # type: ignore[attr-defined]
    return answer


@csrf_exempt
def unknown_path(http: HttpRequest) -> HttpResponseBase:
    """404 for every path that is none of ours."""
    return _response(
        refusal(NotFound("There is nothing at this address. The API is described in /metadata."))
    )


def _response(reply: Reply) -> HttpResponseBase:
    if reply.stream is not None:
        return StreamingHttpResponse(reply.stream, status=reply.status, headers=reply.headers)
    response = HttpResponse(reply.body, status=reply.status, headers=reply.headers)
    if not reply.body:
        del response.headers["Content-Type"]
    return response

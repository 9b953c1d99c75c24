"""What arrives over HTTP, put in order where Django would fail at it or misread it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_BOUNDARY = re.compile(r'boundary=("[^"]{1,70}"|[^\s;"]{1,70})', re.IGNORECASE)


def framed(application: Wsgi) -> Wsgi:
    """The same WSGI application, which then finds a plain Content-Type and a body whose length is known."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = plain_media_type(environ.get("CONTENT_TYPE", ""))
        if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
            _measure(environ)
        return application(environ, start_response)

    return answer


def plain_media_type(content_type: str) -> str:
    """The media type without its parameters, but for the boundary that multipart cannot do without.

    Neither JSON nor forms have a charset (https://www.rfc-editor.org/rfc/rfc8259#section-11,
    https://url.spec.whatwg.org/#application/x-www-form-urlencoded): they are UTF-8. Django would read the
    whole request by whatever codec is named there, and fail at those that are for no text.
    """
    media, _, parameters = content_type.partition(";")
    boundary = _BOUNDARY.search(parameters)
    return f"{media}; {boundary[0]}" if boundary else media


def _measure(environ: dict[str, Any]) -> None:
    """A body in chunks says its length only when it is over, and Django reads none without a length.

    One byte more than is allowed is read at most, so that what is too long is refused as such.
    https://www.rfc-editor.org/rfc/rfc9112#section-6.3
    """
    body: bytes = environ["wsgi.input"].read(settings.FHIR_MAX_BODY_BYTES + 1)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))

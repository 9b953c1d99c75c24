"""Browsers in which a person has signed in before: whoever guesses the person's password elsewhere does not
lock them out of these.

Such a browser carries a signed cookie; failed sign-ins are counted for each one by itself. It proves nothing
and opens nothing: without the password it is worth five guesses in five minutes, as no cookie is.

https://www.rfc-editor.org/rfc/rfc6819#section-4.4.3.6
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

_SALT = "accounts.known_browsers"
_SECONDS = 180 * 86400
_MOST_PEOPLE = 20
"""Workstations are shared; whoever signed in least recently is forgotten first."""


def known_as(request: HttpRequest, username: str) -> str:
    """What to count this browser's failed sign-ins for that user name by; the empty string if nobody of that
    name has signed in here.
    """
    content = _content(request)
    return str(content["browser"]) if _mark(username) in content["people"] else ""


def remember(request: HttpRequest, response: HttpResponseBase, username: str) -> None:
    """Let the browser that gets the response be known as one in which that person has signed in."""
    content, mark = _content(request), _mark(username)
    people = [mark, *(other for other in content["people"] if other != mark)][:_MOST_PEOPLE]
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        signing.dumps({"browser": content["browser"], "people": people}, salt=_SALT),
        max_age=_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _content(request: HttpRequest) -> dict[str, Any]:
    try:
        content: dict[str, Any] = signing.loads(
            request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, ""), salt=_SALT, max_age=_SECONDS
        )
    except signing.BadSignature:
        return {"browser": secrets.token_urlsafe(16), "people": []}
    return content


def _mark(username: str) -> str:
    """The name, unreadable for whoever uses the browser next."""
    return salted_hmac(_SALT, username.lower(), algorithm="sha256").hexdigest()[:32]

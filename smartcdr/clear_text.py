"""Nothing is answered that came in clear text: a token or password in it is known to whoever listened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from smartcdr.framing import Wsgi

_WORDS = b"This server answers over https only.\n"


def encrypted_only(application: Wsgi) -> Wsgi:
    """The same WSGI application, which refuses with 403 what the proxy in front says it got over http.

    That is known only where `BEHIND_TLS_PROXY` says that the proxy's word counts, and wanted only where
    SITE_URL is https. It is no redirect, as whoever follows one sends the token in clear text each time.
    https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#request-1
    """
    if not settings.SITE_URL.startswith("https://") or settings.SECURE_PROXY_SSL_HEADER is None:
        return application
    name, _ = settings.SECURE_PROXY_SSL_HEADER

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # The proxy nearest to the client speaks first. No proxy, no header: somebody beside the server.
        if environ.get(name, "").partition(",")[0].strip().lower() == "http":
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_WORDS)))]
            start_response("403 Forbidden", headers)
            return [_WORDS]
        return application(environ, start_response)

    return answer

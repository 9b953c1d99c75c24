"""The shortest way to the endpoints that apps' servers call: from the WSGI server to the view.

Django's handler and the middleware that every answer needs would take a fifth of the time of an
introspection. What they do for these endpoints is done here too: a failure becomes an answer and goes to the
log, as refusals do; the headers of SecurityMiddleware are asked of it, and caches are told that pages of
other origins get another answer; a connection to the database that has failed is given up. Those pages
themselves need CORS and go the common way (`oauth.middleware`).
"""

from collections.abc import Iterable
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
from django.urls import resolve
from django.utils.cache import patch_vary_headers
from django.utils.log import log_response

from fhir.front import Wsgi, give_up_a_failed_connection
from oauth.middleware import WITHOUT_PAGES


def straight_to_endpoints(common_way: Wsgi) -> Wsgi:
    """A WSGI application that answers GET and POST of the endpoints itself and passes everything else on."""
    views = {path: convert_exception_to_response(resolve(path).func) for path in WITHOUT_PAGES}
    secured = SecurityMiddleware(lambda _: HttpResponse())

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        view = views.get(environ["PATH_INFO"])
        if view is None or "HTTP_ORIGIN" in environ or environ["REQUEST_METHOD"] not in ("GET", "POST"):
            return common_way(environ, start_response)
        request = WSGIRequest(environ)
        try:
            response: Any = view(request)
            secured.process_response(request, response)
        finally:
            give_up_a_failed_connection()
        patch_vary_headers(response, ("origin",))
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    return answer

"""The short way to the endpoints that apps call: past everything that is made for pages with sessions."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve

from oauth.cors import FOR_CLIENTS

WITHOUT_PAGES = (*FOR_CLIENTS, "/launch/contexts")
"""What programs call. Launch contexts are made by servers: no page of another origin may."""


class StraightToEndpoints:
    """Calls the view of an endpoint at once, so that no middleware listed behind this one runs.

    Who calls there proves itself in the request; no cookie is looked at and no page is shown, so that
    sessions, CSRF, messages and page policies have no meaning. They would take a fifth of the time of an
    introspection.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._common_way = get_response
        self._views: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
            path: resolve(path).func for path in WITHOUT_PAGES
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer of the endpoint, or what the common way gives."""
        return self._views.get(request.path_info, self._common_way)(request)

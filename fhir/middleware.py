"""The short way to the API: past everything that is made for pages with sessions."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from fhir.elements import is_resource_type


class StraightToApi:
    """Calls the view of a resource's address at once, so that no middleware listed behind this one runs.

    Sessions, CSRF, messages and page policies have no meaning for the API, which knows no cookies; they would
    take a third of the time of a read. Every other address, that of discovery included, goes the common way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._common_way = get_response
        self._base = urlsplit(settings.FHIR_BASE).path
        self._resolver = get_resolver("fhir.urls")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer of the API, or what the common way gives."""
        path = request.path_info
        if not path.startswith(f"{self._base}/"):
            return self._common_way(request)
        try:
            match = self._resolver.resolve(path.removeprefix(self._base))
        except Resolver404:
            return self._common_way(request)
        if not is_resource_type(match.kwargs.get("type", "")):
            return self._common_way(request)
        request.resolver_match = match
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return answer

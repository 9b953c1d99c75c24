"""The same constant bytes and the same SELECT, as the plainest Django would serve them: its handler without
any middleware, its own connection, a view that does nothing else. A URLconf."""

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import path

from bench.floor import CONSTANT, DJANGO_CONSTANT, DJANGO_FLOOR, QUERY

_QUERY = QUERY.format("%s")


class _Request(WSGIRequest):
    urlconf = "bench.django_floor"


class _Handler(WSGIHandler):
    request_class = _Request


def handler() -> WSGIHandler:
    """Django's handler with the benchmark's two views. Django must be set up."""
    if not settings.configured:
        raise RuntimeError("Set up Django first.")
    with override_settings(MIDDLEWARE=[]):
        return _Handler()


def constant(request: HttpRequest) -> HttpResponse:
    """The same few bytes."""
    return HttpResponse(CONSTANT, content_type="application/fhir+json")


def select(request: HttpRequest, kind: str, fhir_id: str) -> HttpResponse:
    """A resource's text, 404 if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, (kind, fhir_id))
        found = cursor.fetchone()
    if found is None:
        return HttpResponse(status=404)
    return HttpResponse(found[0].encode(), content_type="application/fhir+json")


urlpatterns = [
    path(DJANGO_CONSTANT.removeprefix("/"), constant),
    path(f"{DJANGO_FLOOR.removeprefix('/')}<kind>/<fhir_id>", select),
]

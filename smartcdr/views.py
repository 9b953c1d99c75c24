"""The home page and the health probes."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static


def home(request: HttpRequest) -> HttpResponse:
    """Send people to the portal, which asks them to sign in."""
    return redirect("launch:portal")


def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon that a document did not name."""
    return redirect(static("images/mark.svg"), permanent=True)


def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: the database answers too. 503 while it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})

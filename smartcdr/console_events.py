"""What staff do in the console, told to the audit trail: every change, and every page that is refused.

Whatever is written into the console's own history is told, by whichever page or action, so an action that
changes something has to write that history; and both stand or fall with the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User
from audit.events import Event
from audit.origin import client_address
from audit.recording import record
from oauth.models import Application

Rooms = type[ModelAdmin[Any]]
_LONGEST = 200


@cache
def told(room: Rooms) -> Rooms:
    """The same room of the console, whose history the audit trail is told too."""

    class Told(room):  # type: ignore[valid-type,misc]  # whichever it is
        __doc__ = room.__doc__

        def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
            _tell(request, "add", obj, message)
            return super().log_addition(request, obj, message)

        def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
            _tell(request, "change", obj, message)
            return super().log_change(request, obj, message)

        def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
            for each in queryset:
                _tell(request, "delete", each, "")
            return super().log_deletions(request, queryset)

    Told.__name__, Told.__qualname__, Told.__module__ = room.__name__, room.__qualname__, room.__module__
    return Told


def _tell(request: HttpRequest, action: str, row: Model, message: Any) -> None:
    """`message` is what the console's history gets: words, or which fields of which part were changed. Values
    are never in it.
    """
    record(
        Event(
            "console-change",
            "allowed",
            person=_subject(request),
            client=_client(row),
            patient=_patient(row),
            what=f"{row._meta.label_lower}/{row.pk}",
            address=client_address(request.META),
            detail={"action": action, "name": str(row)[:_LONGEST], **_changes(message)},
        )
    )


def _changes(message: Any) -> dict[str, Any]:
    if isinstance(message, str):
        return {"words": message} if message else {}
    lines = [line for part in message for line in _lines(part)]
    return {"fields": lines} if lines else {}


def _lines(part: dict[str, dict[str, Any]]) -> list[str]:
    """One part of a message: {"changed": {"fields": […]}}, or {"added": {"name": …, "object": …}}."""
    found = []
    for verb, about in part.items():
        of = f"{about['name']} “{str(about['object'])[:_LONGEST]}”" if "name" in about else ""
        if fields := [str(field) for field in about.get("fields", ())]:
            found += [f"{of}: {field}" if of else field for field in fields]
        elif of:
            found.append(f"{verb} {of}")
    return found


def _client(row: Model) -> str:
    """The client that the row is, or that it belongs to."""
    application = row if isinstance(row, Application) else getattr(row, "application", None)
    return str(application.client_id) if isinstance(application, Application) else ""


def _patient(row: Model) -> str:
    """The id of the patient whom the row is about, as consents are about one."""
    patient = getattr(row, "patient", "")
    return patient if isinstance(patient, str) else ""


def _subject(request: HttpRequest) -> str:
    return str(request.user.uid) if isinstance(request.user, User) else ""


def refused(request: HttpRequest, rule: str, cause: str) -> None:
    """Somebody who is signed in may not have this page of the console."""
    record(
        Event(
            "console",
            "refused",
            403,
            person=_subject(request),
            address=client_address(request.META),
            detail={"rule": rule, "cause": cause, "method": request.method, "page": request.path[:_LONGEST]},
        )
    )


def watched(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of the console whose refusals are told, after what it began is rolled back."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except PermissionDenied:
            refused(request, "right", "The groups of this member of staff give no right to this page.")
            raise

    return answered

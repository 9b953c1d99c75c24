"""The audit trail in the admin console: to look at and to export, never to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from audit.console import attempt_pages, pages
from audit.console.look_only import LookOnlyAdmin
from audit.models import Attempt, Event


class PagesOfOurOwn(LookOnlyAdmin):
    """Instead of Django's, for whoever has the right to view."""

    def viewed(self, view: Any) -> Any:
        """The view, for those who may look. Raises PermissionDenied for others."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied
            answer: HttpResponseBase = view(self, request, *args, **kwargs)
            return answer

        return self.admin_site.admin_view(checked)


@admin.register(Event)
class EventAdmin(PagesOfOurOwn):
    """All events."""

    def get_urls(self) -> list[URLPattern]:
        """The list, one event, and the export."""
        return [
            path("", self.viewed(pages.listed), name="audit_event_changelist"),
            path("export/", self.viewed(pages.export), name="audit_event_export"),
            path("<int:number>/change/", self.viewed(pages.single), name="audit_event_change"),
        ]


@admin.register(Attempt)
class AttemptAdmin(PagesOfOurOwn):
    """Authorization attempts."""

    def get_urls(self) -> list[URLPattern]:
        """The list, and one attempt."""
        return [
            path("", self.viewed(attempt_pages.listed), name="audit_attempt_changelist"),
            path("<str:code>/", self.viewed(attempt_pages.timeline), name="audit_attempt_timeline"),
        ]

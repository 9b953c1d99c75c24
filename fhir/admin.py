"""The repository in the admin console: resources with their history, to look at and never to change.

Only people with the right "Can view resource" find it there, and each look is an event of the audit trail.
Writing goes through the API, which keeps the indexes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.origin import client_address
from fhir import accounting, jsontext
from fhir.access import Access
from fhir.elements import is_resource_type
from fhir.exchange import Answer, Request, Shown, moment
from fhir.hashing import MIXED, digest
from fhir.models import Resource, ResourceVersion


def _indented(text: str) -> SafeString | str:
    """The JSON of a version, folded until it is wanted."""
    if not text:
        return "deleted"
    pretty = jsontext.serialise(jsontext.parse(text.encode()), pretty=True).decode()
    return format_html("<details><summary>Show</summary><pre>{}</pre></details>", pretty)


class LookOnly:
    """Nothing is added, changed or deleted here, whatever rights a person has."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class VersionInline(LookOnly, admin.TabularInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """The versions before the current one, newest first. Who may view the resource may view them."""

    model = ResourceVersion
    extra = 0
    ordering = ("-version",)
    fields = ("version", "method", "updated", "content")
    readonly_fields = fields
    verbose_name_plural = "earlier versions"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The right to the resource counts."""
        return request.user.has_perm("fhir.view_resource")

    @admin.display(description="updated")
    def updated(self, version: ResourceVersion) -> dt.datetime:
        """When this version was written."""
        return moment(version.last_updated)

    @admin.display(description="content")
    def content(self, version: ResourceVersion) -> SafeString | str:
        """The version's JSON."""
        return _indented(version.text)


@admin.register(Resource)
class ResourceAdmin(LookOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Resources, newest first. The search takes a type, an id, or both as Type/id: what an index can
    answer."""

    list_display = ("__str__", "version", "method", "updated", "deleted")
    ordering = ("-id",)
    search_fields = ("fhir_id",)
    search_help_text = "Patient/123, or an id, or a resource type"
    show_full_result_count = False
    list_per_page = 50
    fields = ("type", "identity", "version", "method", "updated", "deleted", "content")
    readonly_fields = fields
    inlines = [VersionInline]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, which shows addresses only; what was searched for is told to the audit trail."""
        page = super().changelist_view(request, extra_context)
        kind, _, fhir_id = request.GET.get("q", "").strip().partition("/")
        self._tell(request, kind, fhir_id, ())
        return page

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """A resource with all its versions."""
        page = super().changeform_view(request, object_id, form_url, extra_context)
        resource = self.get_object(request, object_id or "")
        if resource is not None:
            versions = [resource.version, *resource.versions.values_list("version", flat=True)]
            self._tell_of(request, resource, versions)
        return page

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What staff did to it: nothing, here."""
        page = super().history_view(request, object_id, extra_context)
        resource = self.get_object(request, object_id)
        if resource is not None:
            self._tell_of(request, resource, [resource.version])
        return page

    def _tell_of(self, request: HttpRequest, resource: Resource, versions: list[int]) -> None:
        shown: list[Shown] = [
            (
                resource.type,
                resource.fhir_id,
                version,
                resource.patient if version == resource.version else MIXED,
                "",
            )
            for version in versions
        ]
        self._tell(request, resource.type, resource.fhir_id, shown)

    def _tell(self, request: HttpRequest, kind: str, fhir_id: str, shown: Sequence[Shown]) -> None:
        """Record who has looked. Where that is impossible nothing is shown."""
        staff = Access((), subject=str(getattr(request.user, "uid", "")), origin=client_address(request.META))
        query = request.META.get("QUERY_STRING", "")
        looked = Request(staff, type=kind, id=fhir_id, query=query, kind="console-read")
        accounting.record_answer(looked, Answer(200, shown=shown))

    @admin.display(description="FHIR id")
    def identity(self, resource: Resource) -> str:
        """The resource's id, under its proper name."""
        return str(resource.fhir_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Resource], search_term: str
    ) -> tuple[QuerySet[Resource], bool]:
        """Resources of this type, with this id, or the one at this address."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if is_resource_type(term):
            return queryset.filter(type=term), False
        if "/" in term:
            return queryset.filter(key=digest(term)), False
        return queryset.filter(fhir_id=term), False

    @admin.display(description="updated", ordering="last_updated")
    def updated(self, resource: Resource) -> dt.datetime:
        """When the current version was written."""
        return moment(resource.last_updated)

    @admin.display(description="content")
    def content(self, resource: Resource) -> SafeString | str:
        """The current version's JSON."""
        return _indented(resource.text)

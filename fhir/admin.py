"""The repository in the admin console: resources with their history, to look at and never to change.

Only people with the right "Can view resource" find it there. Writing goes through the API, which keeps the
indexes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fhir import jsontext
from fhir.elements import is_resource_type
from fhir.exchange import moment
from fhir.hashing import digest
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

"""Launch contexts in the admin console: to look at, never to make or change. The launch id is nowhere shown.

A launch id opens an app with a patient until it is claimed, and it is the row's primary key: so there is only
the list, no page (and so no address) for a single launch, and no tick box that would carry the id.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils import timezone

from launch.models import LaunchContext


class StateFilter(admin.SimpleListFilter):
    """Waiting, claimed or expired."""

    title = "state"
    parameter_name = "state"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[LaunchContext]
    ) -> list[tuple[str, str]]:
        """The states that a launch can be in."""
        return [
            ("waiting", "Waiting for its app"),
            ("claimed", "Claimed"),
            ("expired", "Expired, never claimed"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LaunchContext]) -> QuerySet[LaunchContext]:
        """The launches in the chosen state."""
        now = timezone.now()
        match self.value():
            case "waiting":
                return queryset.filter(claimed_by="", expires__gt=now)
            case "claimed":
                return queryset.filter(~Q(claimed_by=""))
            case "expired":
                return queryset.filter(claimed_by="", expires__lte=now)
            case _:
                return queryset


@admin.register(LaunchContext)
class LaunchContextAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """The list of launches."""

    list_display = (
        "created",
        "state",
        "application",
        "user",
        "patient",
        "encounter",
        "maker",
        "claimed_at",
        "expires",
        "more_context",
    )
    list_display_links = None
    list_filter = (
        StateFilter,
        ("application", admin.RelatedOnlyFieldListFilter),
        ("made_by", admin.RelatedOnlyFieldListFilter),
        "created",
    )
    list_select_related = ("application", "user", "created_by", "made_by")
    search_fields = ("user__username", "patient", "encounter", "application__name", "application__client_id")
    search_help_text = "User name, patient id, encounter id, app name or client id"
    date_hierarchy = "created"
    ordering = ("-created",)
    actions = None

    @admin.display(description="state")
    def state(self, context: LaunchContext) -> str:
        """In words: claimed, waiting or expired."""
        if context.claimed_by:
            return "Claimed"
        return "Waiting" if context.expires > timezone.now() else "Expired"

    @admin.display(description="made by")
    def maker(self, context: LaunchContext) -> str:
        """The external EHR, or the person."""
        if context.made_by is not None:
            return f"{context.made_by} (external EHR)"
        return str(context.created_by) if context.created_by else "a client that was deleted"

    @admin.display(description="further context")
    def more_context(self, context: LaunchContext) -> str:
        """Intent, tenant, further resources and whether the app shows the patient's banner."""
        words = [f"intent {context.intent}" if context.intent else ""]
        words.append(f"tenant {context.tenant}" if context.tenant else "")
        words.append(f"{len(context.fhir_context)} further resources" if context.fhir_context else "")
        words.append("" if context.need_patient_banner else "no banner needed")
        return ", ".join(word for word in words if word) or "–"

    def get_urls(self) -> list[URLPattern]:
        """The list alone: a page for one launch would have the id in its address."""
        return [
            pattern for pattern in super().get_urls() if pattern.name == "launch_launchcontext_changelist"
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Launches are made by the portal, by pickers and by external EHRs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: LaunchContext | None = None) -> bool:
        """Nobody changes a launch."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LaunchContext | None = None) -> bool:
        """A launch is part of the record of who opened what."""
        return False

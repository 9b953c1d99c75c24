"""Registered apps and their secrets in the admin console."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache

from oauth.admin.client_form import ClientForm
from oauth.admin.key_sets import check
from oauth.catalogue import offered_to_new_clients
from oauth.client_secrets import add_secret
from oauth.models import Application, ClientSecret
from oauth.revocation import revoke_all


class SecretInline(admin.TabularInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """A client's secrets: when each counts, and when it was last used. The secret itself is not kept."""

    model = ClientSecret
    extra = 0
    fields = ("description", "starts", "ends", "last_used")
    readonly_fields = ("last_used",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Secrets are made by the action "Make a new secret"; nobody types one."""
        return False


@admin.register(Application)
class ClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Clients."""

    form = ClientForm
    view_on_site = False
    inlines = (SecretInline,)
    list_display = (
        "name",
        "client_id",
        "status",
        "application_type",
        "token_endpoint_auth_method",
        "publisher",
        "updated",
    )
    list_filter = ("status", "application_type", "token_endpoint_auth_method")
    search_fields = ("name", "client_id", "software_id", "publisher")
    search_help_text = "Name, client id, software id or publisher"
    ordering = ("name",)
    actions = ("make_live", "suspend", "revoke_tokens", "make_secret", "check_keys")
    fieldsets = (
        (
            "What people see",
            {
                "fields": (
                    "name",
                    "description",
                    "publisher",
                    "logo_uri",
                    "client_uri",
                    "policy_uri",
                    "tos_uri",
                )
            },
        ),
        ("Standing", {"fields": ("status", "contacts", "software_id")}),
        (
            "How it connects",
            {
                "fields": (
                    "client_id",
                    "application_type",
                    "token_endpoint_auth_method",
                    "client_jwks_uri",
                    "client_jwks",
                    "redirect_uris",
                    "launch_url",
                    "allowed_origins",
                    "grant_types",
                )
            },
        ),
        ("What it may do", {"fields": ("scope", "auto_approved_scope", "consent_policy", "introspection")}),
        ("How long", {"fields": ("access_token_seconds", "refresh_token_seconds")}),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new client starts with the scopes that the catalogue offers to new clients."""
        return {"scope": offered_to_new_clients(), **super().get_changeform_initial_data(request)}

    def response_add(
        self, request: HttpRequest, obj: Application, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the first secret of a new client that has one."""
        if obj.has_secrets:
            return self._show_secrets(request, [obj])
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Application) -> HttpResponse:
        """The same for a client that was public until now."""
        if obj.has_secrets and not obj.secrets.exists():
            return self._show_secrets(request, [obj])
        return super().response_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A client that is done with is retired: its tokens and consents stay as a record."""
        return False

    @admin.action(description="Put live", permissions=["change"])
    def make_live(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let the clients take part. Tokens from before stay dead."""
        count = queryset.exclude(status=Application.Status.RETIRED).update(status=Application.Status.LIVE)
        messages.success(request, f"{count} put live. Retired clients stay retired.")

    @admin.action(description="Suspend, and kill every token", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Nothing of these clients works from the next request on, and going live again revives no token."""
        chosen = list(queryset.exclude(status=Application.Status.RETIRED).values_list("pk", flat=True))
        Application.objects.filter(pk__in=chosen).update(status=Application.Status.SUSPENDED)
        messages.success(
            request, f"{len(chosen)} suspended, {revoke_all(application__in=chosen)} tokens revoked."
        )

    @admin.action(description="Revoke every token", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End what these clients hold now; they may get new tokens."""
        count = revoke_all(application__in=queryset.values_list("pk", flat=True))
        messages.success(request, f"{count} tokens revoked.")

    @admin.action(description="Make a new secret", permissions=["change"])
    def make_secret(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """One more secret for each; the older ones go on until they end."""
        clients = [client for client in queryset if client.has_secrets]
        if not clients:
            messages.error(request, "None of these clients proves itself by a secret.")
            return None
        return self._show_secrets(request, clients)

    @admin.action(description="Check the key sets", permissions=["change"])
    def check_keys(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Say which keys each client has, fetched just now where it publishes them."""
        for client in queryset:
            check(request, client)

    def _show_secrets(self, request: HttpRequest, clients: list[Application]) -> HttpResponse:
        """The only page on which a secret is ever seen; nothing may keep a copy of it."""
        made_by = f"Made by {request.user}"
        context = {
            **self.admin_site.each_context(request),
            "title": "New client secret",
            "opts": self.opts,
            "made": [(client, add_secret(client, description=made_by)) for client in clients],
        }
        page = TemplateResponse(request, "admin/oauth/new_secrets.html", context)
        return never_cache(lambda _: page)(request)

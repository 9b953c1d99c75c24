"""Registered apps and their secrets in the admin console."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from oauth.admin.client_form import ClientForm
from oauth.admin.client_import import import_page
from oauth.admin.key_sets import check
from oauth.catalogue import offered_to_new_clients
from oauth.client_exchange.describing import export
from oauth.clients import status as client_status
from oauth.clients.advice import advice
from oauth.clients.secrets import add_secret
from oauth.models import Application, ClientSecret
from oauth.tokens.revocation import revoke_all

_NOT_PUT_LIVE = (Application.Status.LIVE, Application.Status.RETIRED)
_NOT_SUSPENDED = (Application.Status.SUSPENDED, Application.Status.RETIRED)
"""Clients of these statuses stay as they are."""


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """When a secret counts."""

    class Meta:
        model = ClientSecret
        fields = ("description", "starts", "ends")
        help_texts = {"ends": "Empty: for good. A moment in the past ends it at the next request."}

    def clean(self) -> dict[str, Any]:
        """A secret ends after it starts."""
        given: dict[str, Any] = super().clean() or {}
        starts, ends = given.get("starts"), given.get("ends")
        if starts and ends and ends < starts:
            self.add_error("ends", "It would end before it starts.")
        return given


class SecretInline(admin.StackedInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """A client's secrets: when each counts, and when it was last used. The secret itself is not kept."""

    model = ClientSecret
    form = SecretForm
    extra = 0
    verbose_name_plural = "secrets (the action “Make a new secret” in the list of clients adds one)"
    fields = (("description", "last_used"), ("starts", "ends"))
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
        "standing",
        "kind",
        "proof",
        "publisher",
        "updated",
    )
    list_filter = ("status", "application_type", "token_endpoint_auth_method", "registration_source")
    search_fields = ("name", "client_id", "software_id", "publisher")
    search_help_text = "Name, client id, software id or publisher"
    ordering = ("name",)
    actions = ("make_live", "suspend", "revoke_tokens", "make_secret", "check_keys", "export_clients")
    filter_horizontal = ("may_launch",)
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
        (
            "What it may do",
            {
                "fields": (
                    "scope",
                    "required_scope",
                    "auto_approved_scope",
                    "consent_policy",
                    "introspection",
                )
            },
        ),
        ("How long", {"fields": ("access_token_seconds", "refresh_token_seconds")}),
        ("Launching apps from outside", {"fields": ("may_launch",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whom it may launch is asked only of a client that could."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or "client_credentials" in obj.grant_types or obj.may_launch.exists():
            return fieldsets
        return [each for each in fieldsets if each[1]["fields"] != ("may_launch",)]

    @admin.display(description="status", ordering="status")
    def standing(self, client: Application) -> str:
        """The status in a word."""
        return client.status

    @admin.display(description="type", ordering="application_type")
    def kind(self, client: Application) -> str:
        """The type in a word."""
        return str(client.application_type)

    @admin.display(description="proves itself by", ordering="token_endpoint_auth_method")
    def proof(self, client: Application) -> str:
        """The method by its name in metadata."""
        return str(client.token_endpoint_auth_method)

    def get_urls(self) -> list[URLPattern]:
        """The import stands beside the list."""
        page = self.admin_site.admin_view(lambda request: import_page(self, request))
        return [path("import/", page, name="oauth_application_import"), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save by the one way that ends what a change of status ends, and say what is worth a second look."""
        client_status.save(obj)
        for words in advice(obj):
            messages.warning(request, words)

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
        source, draft = Application.RegistrationSource.DCR, Application.Status.DRAFT
        unseen = queryset.filter(registration_source=source, status=draft)
        if names := [str(client) for client in unseen]:
            words = "registered by itself: look at what it says under “Client registrations”."
            messages.warning(request, f"{', '.join(names)}: {words}")
        seen = queryset.exclude(registration_source=source, status=draft)
        with transaction.atomic():
            chosen = list(seen.exclude(status__in=_NOT_PUT_LIVE))
            count, _ = client_status.change(seen, Application.Status.LIVE)
            self._log_each(request, chosen, "Put live.")
        messages.success(request, f"{count} put live. Retired clients stay retired.")

    @admin.action(description="Suspend, and kill every token", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Nothing of these clients works from the next request on, and going live again revives no token."""
        with transaction.atomic():
            chosen = list(queryset.exclude(status__in=_NOT_SUSPENDED))
            count, tokens = client_status.change(queryset, Application.Status.SUSPENDED)
            self._log_each(request, chosen, "Suspended.")
        messages.success(request, f"{count} suspended, {tokens} tokens revoked.")

    @admin.action(description="Revoke every token", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End what these clients hold now; they may get new tokens."""
        with transaction.atomic():
            count = revoke_all(application__in=queryset.values_list("pk", flat=True))
            self._log_each(request, queryset, "Revoked every token.")
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
            self.log_change(request, client, "Checked the key set.")

    @admin.action(description="Export as JSON, without secrets", permissions=["view"])
    def export_clients(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """A file that the import takes, here or on another server."""
        self._log_each(request, queryset, "Exported.")
        response = HttpResponse(export(queryset.order_by("client_id")), content_type="application/json")
        response["Content-Disposition"] = 'attachment; filename="clients.json"'
        response["Cache-Control"] = "no-store"
        return response

    def _log_each(self, request: HttpRequest, clients: QuerySet[Any] | list[Application], words: str) -> None:
        """The console's history of each client has what was done to it from the list."""
        for client in clients:
            self.log_change(request, client, words)

    def _show_secrets(self, request: HttpRequest, clients: list[Application]) -> HttpResponse:
        """The only page on which a secret is ever seen; nothing may keep a copy of it."""
        made_by = f"Made by {request.user}"
        with transaction.atomic():
            self._log_each(request, clients, "Made a new secret.")
            made = [(client, add_secret(client, description=made_by)) for client in clients]
        context = {
            **self.admin_site.each_context(request),
            "title": "New client secret",
            "opts": self.opts,
            "made": made,
        }
        page = TemplateResponse(request, "admin/oauth/new_secrets.html", context)
        return never_cache(lambda _: page)(request)

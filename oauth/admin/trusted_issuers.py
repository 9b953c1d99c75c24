"""Other authorization servers whose tokens open our FHIR API, in the admin console."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from oauth.admin.key_sets import told
from oauth.admin.trusted_issuer_form import TrustedIssuerForm
from oauth.clients.keys import KeysUnavailable
from oauth.foreign.introspection import COULD_NOT_BE_ASKED, ask, failure_words
from oauth.foreign.issuer_metadata import MetadataUnavailable, fetch_metadata
from oauth.foreign.issuers import jwks_uri_of, keys_now
from oauth.models import FetchedKeySet, TrustedIssuer


@admin.register(TrustedIssuer)
class TrustedIssuerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """To let in what another server issues: say who it is, where its keys are, and what it may grant."""

    form = TrustedIssuerForm
    list_display = ("name", "issuer", "active", "keys", "how_long", "scope", "updated")
    list_filter = ("active", "keys", "checking")
    search_fields = ("name", "issuer")
    search_help_text = "Name or issuer"
    ordering = ("name",)
    readonly_fields = ("has_secret", "refused_before", "created", "updated")
    actions = ("look_again", "switch_on", "switch_off", "refuse_earlier")
    fieldsets = (
        ("Who it is", {"fields": ("name", "active", "issuer")}),
        ("How its tokens are verified", {"fields": ("keys", "jwks_uri", "jwks", "algorithms", "audience")}),
        ("What its tokens give", {"fields": ("scope", "fhir_base", "allowed_origins")}),
        (
            "Where its tokens say so",
            {"fields": ("patient_claim", "user_claim", "scope_claim", "client_claim")},
        ),
        (
            "How long a token counts",
            {
                "fields": (
                    "checking",
                    "introspection_endpoint",
                    "introspection_client_id",
                    "introspection_secret",
                    "has_secret",
                    "refused_before",
                )
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees no field for a secret."""
        found = super().get_fieldsets(request, obj)
        may_type = (
            self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        )
        if may_type:
            return found
        return [
            (title, {"fields": [name for name in each["fields"] if name != "introspection_secret"]})
            for title, each in found
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An issuer that is done with is switched off: so its tokens stay dead if it ever comes back."""
        return False

    @admin.display(description="counts until", ordering="checking")
    def how_long(self, issuer: TrustedIssuer) -> str:
        """In a word."""
        return "asked" if issuer.is_introspected else "exp"

    @admin.display(description="secret kept", boolean=True)
    def has_secret(self, issuer: TrustedIssuer) -> bool:
        """Whether our secret there is known; it is never shown."""
        return bool(issuer.introspection_secret_encrypted)

    def save_model(self, request: HttpRequest, obj: TrustedIssuer, form: Any, change: bool) -> None:
        """Save, and say what was found there."""
        super().save_model(request, obj, form, change)
        check(request, obj)

    @admin.action(description="Fetch what they publish, and say what was found", permissions=["change"])
    def look_again(self, request: HttpRequest, queryset: QuerySet[TrustedIssuer]) -> None:
        """Metadata, keys and introspection, as they are at this moment."""
        for issuer in queryset:
            check(request, issuer)
            self.log_change(request, issuer, "Fetched what it publishes.")

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[TrustedIssuer]) -> None:
        """What they issue from now on counts; nothing that they issued before does."""
        self._set(request, queryset, "Switched on.", active=True)

    @admin.action(description="Switch off: refuse all of their tokens", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[TrustedIssuer]) -> None:
        """At the next request, in every process."""
        self._set(request, queryset, "Switched off.", active=False)

    @admin.action(description="Refuse every token that they have issued until now", permissions=["change"])
    def refuse_earlier(self, request: HttpRequest, queryset: QuerySet[TrustedIssuer]) -> None:
        """For the day on which tokens got out there; new ones count."""
        self._set(request, queryset, "Refused its earlier tokens.", refused_before=timezone.now())

    def _set(
        self, request: HttpRequest, queryset: QuerySet[TrustedIssuer], words: str, **values: Any
    ) -> None:
        with transaction.atomic():
            issuers = list(queryset)
            queryset.update(updated=timezone.now(), **values)
            for issuer in issuers:
                self.log_change(request, issuer, words)
        messages.success(request, f"{len(issuers)} changed; this counts at the next request.")


def check(request: HttpRequest, issuer: TrustedIssuer) -> None:
    """Fetch what an issuer publishes, and say to staff what was found and what was not."""
    if issuer.keys == TrustedIssuer.Keys.DISCOVERY:
        try:
            found = fetch_metadata(issuer.issuer)
        except MetadataUnavailable as error:
            messages.error(request, f"{issuer.name}: {error} None of its tokens will be accepted.")
            return
        asked = found.introspection_endpoint or "none"
        messages.success(
            request, f"{issuer.name}: found its metadata. Keys: {found.jwks_uri}. Introspection: {asked}."
        )
    try:
        keys = keys_now(issuer)
    except KeysUnavailable as error:
        messages.error(request, f"{issuer.name}: {error} {_failure(issuer)}".rstrip())
    else:
        usable = len({key.kid for key in keys.keys})
        say = messages.success if usable else messages.error
        say(request, f"{issuer.name}: {usable} key{'s' * (usable != 1)} can verify: {told(keys)}.")
    if issuer.is_introspected:
        _check_introspection(request, issuer)


def _failure(issuer: TrustedIssuer) -> str:
    """Why the key set could not be fetched, as the last attempt has noted."""
    try:
        url = jwks_uri_of(issuer)
    except KeysUnavailable:
        return ""
    return FetchedKeySet.objects.filter(url=url).values_list("failure", flat=True).first() or ""


def _check_introspection(request: HttpRequest, issuer: TrustedIssuer) -> None:
    """Ask about a token that nobody has issued: whoever is let in is told that it is not active."""
    try:
        answer = ask(issuer, "nobody-has-issued-this")
    except COULD_NOT_BE_ASKED as error:
        messages.error(request, f"{issuer.name}: introspection does not work. {failure_words(error)}")
        return
    if answer.get("active") is False:
        messages.success(request, f"{issuer.name}: introspection answers us.")
    else:
        words = "introspection says of a made-up token that it is active, or nothing: do not rely on it."
        messages.error(request, f"{issuer.name}: {words}")

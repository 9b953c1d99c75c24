"""What people allowed apps, and its withdrawal by staff."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from oauth.admin.read_only import ReadOnlyAdmin
from oauth.consent.duration import in_words
from oauth.consent.withdrawing import tell_withdrawn
from oauth.models import Consent
from oauth.tokens.revocation import revoke_all


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """One row per person, app and patient."""

    list_display = ("created", "application", "user", "patient", "scope", "lasts", "withdrawn")
    list_filter = (
        ("application", admin.RelatedOnlyFieldListFilter),
        ("withdrawn", admin.EmptyFieldListFilter),
    )
    list_select_related = ("application", "user")
    search_fields = ("user__username", "application__name", "application__client_id", "patient")
    search_help_text = "User name, app name, client id or patient id"
    date_hierarchy = "created"
    ordering = ("-created",)
    fields = (
        "application",
        "user",
        "patient",
        "scope",
        "asked",
        "created",
        "updated",
        "lasts",
        "withdrawn",
    )
    actions = ("withdraw_selected",)

    @admin.display(ordering="expires")
    def lasts(self, consent: Consent) -> str:
        """Until when the person allowed it."""
        return in_words(consent)

    @admin.action(description="Withdraw the selected consents and revoke their tokens", permissions=["act"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End these consents and every token that rests on them."""
        with transaction.atomic():
            chosen = list(queryset.values_list("pk", flat=True))
            count = revoke_all(consent__in=chosen)
            in_force = Consent.objects.filter(pk__in=chosen, withdrawn__isnull=True)
            for each in in_force.select_related("application", "user"):
                self.log_change(request, each, "Withdrawn, and its tokens revoked.")
                tell_withdrawn(request, each, by="staff")
            Consent.objects.filter(pk__in=chosen, withdrawn__isnull=True).update(withdrawn=timezone.now())
        messages.success(request, f"{len(chosen)} withdrawn, {count} tokens revoked.")

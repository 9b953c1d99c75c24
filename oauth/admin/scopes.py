"""The scope catalogue in the admin console."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from oauth.catalogue import is_enforced
from oauth.models import Scope
from oauth.scope_words import describe
from oauth.scopes import parse_scope


class ScopeForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes only what the grammar reads and this server enforces."""

    class Meta:
        model = Scope
        fields = ("pattern", "description", "enabled", "advertised", "sensitive", "default")

    def clean_pattern(self) -> str:
        """The pattern as the grammar writes it."""
        scope = parse_scope(self.cleaned_data["pattern"])
        if scope is None:
            raise forms.ValidationError(
                "This is not a SMART scope, such as patient/Observation.rs or launch/patient."
            )
        if not is_enforced(scope):
            raise forms.ValidationError(
                "A query is for one type, and has only search parameters of that type which can be enforced."
            )
        return scope.text


@admin.register(Scope)
class ScopeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Lines add up: a scope is granted as far as the enabled lines together cover it."""

    form = ScopeForm
    list_display = ("pattern", "words", "enabled", "advertised", "sensitive", "default")
    list_filter = ("enabled", "advertised", "sensitive", "default")
    search_fields = ("pattern", "description")
    actions = ("enable", "disable")

    @admin.display(description="in plain words")
    def words(self, line: Scope) -> str:
        """What people read about it."""
        scope = parse_scope(line.pattern)
        return line.description or (describe(scope) if scope else "not a scope: grants nothing")

    @admin.action(description="Enable the selected scopes", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Grant and honour them from now on."""
        messages.success(request, f"{self._switch(request, queryset, enabled=True)} enabled.")

    @admin.action(description="Disable the selected scopes", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Grant them no more, and narrow living tokens at their next request."""
        count = self._switch(request, queryset, enabled=False)
        messages.success(request, f"{count} disabled; living tokens are narrowed at once.")

    def _switch(self, request: HttpRequest, chosen: QuerySet[Any], *, enabled: bool) -> int:
        with transaction.atomic():
            for line in chosen:
                self.log_change(request, line, "Enabled." if enabled else "Disabled.")
            return int(chosen.update(enabled=enabled))

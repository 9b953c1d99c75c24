"""The signing keys: make, activate, withdraw. Private parts are never shown."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from oauth import signing_keys
from oauth.models import SigningKey


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new key needs nothing but its algorithm."""

    class Meta:
        model = SigningKey
        fields = ("algorithm",)
        help_texts = {
            "algorithm": "ES256 signs access tokens, RS256 id_tokens. The new key is published at once, and "
            "signs once you activate it: wait an hour, so that resource servers have read the keys anew."
        }


@admin.register(SigningKey)
class SigningKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """To rotate: add a key, wait, activate it. The one before it goes on verifying until it is withdrawn."""

    list_display = ("kid", "algorithm", "status", "created", "activated", "retired")
    list_filter = ("status", "algorithm")
    ordering = ("-created",)
    fields = ("kid", "algorithm", "status", "created", "activated", "retired")
    actions = ("activate", "withdraw")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form for a new key; a known one has nothing to type."""
        return super().get_form(request, obj, change, **kwargs) if obj else NewKeyForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The algorithm of a new key; everything public about a known one."""
        return self.fields if obj else ("algorithm",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are acted on, not typed into."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A withdrawn key stays as a record."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may activate and withdraw."""
        return request.user.has_perm("oauth.change_signingkey")

    def save_model(self, request: HttpRequest, obj: SigningKey, form: Any, change: bool) -> None:
        """Make the key pair."""
        made = signing_keys.new_key(obj.algorithm)
        obj.pk = made.pk
        obj.kid = made.kid

    @admin.action(description="Sign with the selected key from now on", permissions=["act"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let one published key sign, and retire the one before it."""
        keys = list(queryset)
        if len(keys) != 1 or keys[0].status != SigningKey.Status.PUBLISHED:
            messages.error(request, "Select one key that is published and does not sign yet.")
            return
        signing_keys.activate(keys[0])
        messages.success(request, f"{keys[0]} signs from now on.")

    @admin.action(description="Withdraw the selected keys: what they signed is refused", permissions=["act"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take retired or published keys out of use; a signing key must be replaced first."""
        if queryset.filter(status=SigningKey.Status.ACTIVE).exists():
            messages.error(request, "A key that signs cannot be withdrawn. Activate another one first.")
            return
        for key in queryset:
            signing_keys.withdraw(key)
        messages.success(request, f"{queryset.count()} withdrawn.")

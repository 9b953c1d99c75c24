"""The signing keys: replaced step by step, or at once when one got out. Private parts are never shown."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from oauth import key_rotation, signing_keys
from oauth.models import SigningKey


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new key needs nothing but its algorithm."""

    class Meta:
        model = SigningKey
        fields = ("algorithm",)
        help_texts = {
            "algorithm": "ES256 signs access tokens unless a setting says RS256, and RS256 signs id_tokens. "
            "The new key is published at once, and signs when the rotation's next step is due."
        }


@admin.register(SigningKey)
class SigningKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """The same steps as `manage.py rotate_signing_key` takes, under the same lock."""

    list_display = ("kid", "algorithm", "status", "created", "activated", "retired")
    list_filter = ("status", "algorithm")
    ordering = ("-created",)
    fields = ("kid", "algorithm", "status", "created", "activated", "retired")
    actions = ("rotate", "replace_compromised")

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
        """Whether this member of staff may replace and withdraw."""
        return request.user.has_perm("oauth.change_signingkey")

    def save_model(self, request: HttpRequest, obj: SigningKey, form: Any, change: bool) -> None:
        """Make the key pair."""
        made = signing_keys.new_key(obj.algorithm)
        obj.pk = made.pk
        obj.kid = made.kid

    @admin.action(description="Replace: take the next step of the rotation", permissions=["act"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """For the algorithms of the selected keys, however young those are; the waiting times stay."""
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, "rotate", "Replace the signing keys of these algorithms?")
        algorithms = sorted(set(queryset.values_list("algorithm", flat=True)))
        with transaction.atomic():
            said = key_rotation.rotate(algorithms, begin=True)
            for key in queryset:
                self.log_change(request, key, "Asked for the next step of the rotation: " + " ".join(said))
        self._tell(request, said)
        return None

    @admin.action(
        description="Withdraw at once as compromised: what they signed is refused", permissions=["act"]
    )
    def replace_compromised(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """For the day when a key may be known to others."""
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, "replace_compromised", "Withdraw these keys at once?")
        for key in queryset:
            with transaction.atomic():
                said = key_rotation.replace_compromised(key)
                self.log_change(request, key, "Withdrawn as compromised. " + " ".join(said))
            self._tell(request, said)
        return None

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Any], action: str, title: str
    ) -> TemplateResponse:
        """The page that says what will happen, and asks whether it should."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "action": action,
            "keys": [(key, key_rotation.living_tokens(key)) for key in queryset],
            "minutes_to_sign": key_rotation.until_all_have_seen_it().total_seconds() / 60,
            "minutes_to_end": key_rotation.until_all_has_run_out().total_seconds() / 60,
        }
        return TemplateResponse(request, "admin/oauth/confirm_keys.html", context)

    def _tell(self, request: HttpRequest, said: list[str]) -> None:
        for words in said:
            messages.success(request, words)

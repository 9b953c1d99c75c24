"""People in the admin console: who they are in FHIR, for whom they may act, and their rights there."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.forms import StaffPasswordForm, UserForm
from accounts.models import Proxy, User

# django-allauth's own list of e-mail addresses: nobody signs in by e-mail here.
admin.site.unregister(EmailAddress)

SUPERUSER_ONLY = ("is_superuser", "user_permissions")


class ProxyInline(admin.TabularInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """The patients for whom a RelatedPerson may act."""

    model = Proxy
    extra = 0
    fields = ("patient", "active", "starts", "ends")


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """People. Staff without superuser rights can neither make superusers nor touch them."""

    form = UserForm
    change_password_form = StaffPasswordForm
    inlines = [ProxyInline]
    list_display = ("username", "full_name", "fhir_user", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email", "fhir_user")
    search_help_text = "User name, name, e-mail address or FHIR user"
    readonly_fields = ("uid", "last_login", "date_joined", "credentials_reset_at")
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Who it is", {"fields": ("first_name", "last_name", "email")}),
        (
            "In the health record",
            {
                "fields": ("fhir_user", "uid"),
                "description": "What this person may see follows from the FHIR user alone; a right in this "
                "console never opens a record. A change of the FHIR user ends all tokens of the person.",
            },
        ),
        (
            "In this console",
            {
                "fields": ("is_staff", "groups", "is_superuser", "user_permissions"),
                "description": "Staff may open this console; what they may do follows from their groups.",
            },
        ),
        ("Moments", {"fields": ("last_login", "date_joined", "credentials_reset_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "first_name",
                    "last_name",
                    "fhir_user",
                    "is_staff",
                    "password1",
                    "password2",
                ),
            },
        ),
    )

    @admin.display(description="name", ordering="last_name")
    def full_name(self, person: User) -> str:
        """First and last name."""
        return person.get_full_name()

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        """Proxies are given to people who exist already."""
        return [] if obj is None else list(self.inlines)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only superusers hand out what goes beyond the groups."""
        fields = [str(name) for name in super().get_readonly_fields(request, obj)]
        return fields if request.user.is_superuser else [*fields, *SUPERUSER_ONLY]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A superuser's record, password included, is for superusers."""
        return super().has_change_permission(request, obj) and self._outranks(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for changes. Switching an account off is nearly always the better way: its traces stay."""
        return super().has_delete_permission(request, obj) and self._outranks(request, obj)

    @staticmethod
    def _outranks(request: HttpRequest, person: User | None) -> bool:
        return person is None or not person.is_superuser or request.user.is_superuser

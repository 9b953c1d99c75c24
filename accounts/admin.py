"""People in the admin console: who they are in FHIR, for whom they may act, and their rights there."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.federation.admin import LinkInline
from accounts.forms import StaffPasswordForm, UserForm
from accounts.models import Proxy, User
from accounts.recent_proof import has_proven_recently
from accounts.second_factor import FACTORS, reset_second_factor

# django-allauth's own lists: nobody signs in by e-mail here, and the others would show secrets and sessions.
for _listed in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(_listed)

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
    inlines = [ProxyInline, LinkInline]
    actions = ("reset_second_factor",)
    list_display = (
        "username",
        "full_name",
        "fhir_user",
        "is_active",
        "is_staff",
        "second_factor",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email", "fhir_user")
    search_help_text = "User name, name, e-mail address or FHIR user"
    readonly_fields = ("uid", "last_login", "date_joined", "credentials_reset_at", "standing_changed_at")
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
        (
            "Moments",
            {"fields": ("last_login", "date_joined", "credentials_reset_at", "standing_changed_at")},
        ),
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """People, with what they have beside a password."""
        return super().get_queryset(request).prefetch_related("authenticator_set")

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, person: User) -> bool:
        """Whether sign-in asks for more than a password."""
        return any(each.type in FACTORS for each in person.authenticator_set.all())  # type: ignore[attr-defined]

    @admin.action(description="Reset the second factor of the selected people", permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """For people who have lost theirs: ask first, then remove all factors and end tokens and sessions.

        Raises ReauthenticationRequired for staff who have not proven lately who they are; the form that they
        sent is taken up again afterwards.
        """
        if not has_proven_recently(request):
            raise ReauthenticationRequired
        people = [each for each in queryset if each.pk != request.user.pk and self._outranks(request, each)]
        if len(people) < queryset.count():
            messages.error(request, "Superusers are reset by superusers, and nobody resets themselves.")
        if not people:
            return None
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": "Reset the second factor?",
                "opts": self.opts,
                "people": people,
            }
            return TemplateResponse(request, "admin/accounts/reset_second_factor.html", context)
        for person in people:
            with transaction.atomic():
                reset_second_factor(person)
                self.log_change(request, person, "Reset the second factor.")
            messages.success(request, f"{person} has no second factor now, and is signed out everywhere.")
        return None

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set somebody's password, together with what is told of it.

        Raises ReauthenticationRequired for staff who have not proven lately who they are: this page asks for
        no old password. A form that they sent is not kept meanwhile, as the new one is in it.
        """
        if not has_proven_recently(request):
            if request.method != "GET":
                return redirect(request.path)
            raise ReauthenticationRequired
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

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

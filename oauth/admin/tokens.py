"""Issued tokens: whose they are, what they allow, whether they live, and their end. The token itself is
nowhere.
"""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator

from accounts.models import User
from oauth.admin.read_only import ReadOnlyAdmin
from oauth.models import AccessToken, Application, RefreshToken
from oauth.tokens.liveness import alive, with_key_in_force
from oauth.tokens.revocation import revoke_all


class AliveFilter(admin.SimpleListFilter):
    """Alive now, by the same rule that the FHIR API asks; or not any more."""

    title = "state"
    parameter_name = "alive"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two states."""
        return [("yes", "Alive"), ("no", "Dead")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The tokens in the chosen state."""
        match self.value():
            case "yes":
                return _living(queryset)
            case "no":
                return queryset.exclude(pk__in=_living(queryset.model.objects.all()).values("pk"))
            case _:
                return queryset


def _living(tokens: QuerySet[Any]) -> QuerySet[Any]:
    return with_key_in_force(alive(tokens)) if tokens.model is AccessToken else alive(tokens)


class TokenAdmin(ReadOnlyAdmin):
    """What access tokens and refresh tokens share."""

    list_display = ("created", "is_alive", "application", "user", "patient", "expires", "revoked", "scopes")
    list_display_links = ("created",)
    list_filter = (AliveFilter, ("application", admin.RelatedOnlyFieldListFilter), "created")
    list_select_related = ("application", "user", "launch_context")
    search_fields = (
        "user__username",
        "application__name",
        "application__client_id",
        "launch_context__patient",
    )
    search_help_text = "User name, app name, client id or patient id"
    date_hierarchy = "created"
    ordering = ("-created",)
    fields = (
        "application",
        "user",
        "patient",
        "scope",
        "is_alive",
        "created",
        "expires",
        "revoked",
        "auth_time",
        "token_family",
        "number",
    )
    actions = ("revoke_selected", "revoke_of_clients", "revoke_of_users")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Tokens, each with whether it is alive."""
        tokens = super().get_queryset(request)
        living = Exists(_living(tokens.model.objects.filter(pk=OuterRef("pk"))))
        annotated: QuerySet[Any] = tokens.annotate(living=living)
        return annotated

    @admin.display(description="patient")
    def patient(self, token: Any) -> str:
        """The id of the patient in context."""
        return (token.launch_context.patient if token.launch_context else "") or "–"

    @admin.display(description="scope")
    def scopes(self, token: Any) -> str:
        """The scopes, cut short: the token's own page has them all."""
        return Truncator(token.scope).chars(60)

    @admin.display(description="alive", boolean=True)
    def is_alive(self, token: Any) -> bool:
        """Whether it works at this moment."""
        return bool(token.living)

    @admin.action(description="Revoke the selected tokens", permissions=["act"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End these tokens and all that came of the same authorizations.

        An access token alone would not do: the app would fetch the next one by its refresh token.
        """
        count = 0
        with transaction.atomic():
            for token in queryset:
                count += self._revoke(token)
                self.log_change(request, token, "Revoked, with all that came of the same authorization.")
        self._tell(request, count)

    @staticmethod
    def _revoke(token: Any) -> int:
        if token.token_family:
            return revoke_all(token_family=token.token_family)
        rows = type(token).objects.filter(pk=token.pk, revoked__isnull=True)
        return int(rows.update(revoked=timezone.now()))

    @admin.action(description="Revoke every token of these clients", permissions=["act"])
    def revoke_of_clients(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End whatever the clients of these tokens hold."""
        clients = Application.objects.filter(pk__in=queryset.values_list("application", flat=True))
        with transaction.atomic():
            chosen = list(clients)
            count = revoke_all(application__in=[client.pk for client in chosen])
            for client in chosen:
                self.log_change(request, client, "Revoked every token.")
        self._tell(request, count)

    @admin.action(description="Revoke every token of these users", permissions=["act"])
    def revoke_of_users(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End whatever was given in the names of these tokens' users."""
        people = User.objects.filter(pk__in=queryset.values_list("user", flat=True))
        with transaction.atomic():
            chosen = list(people)
            count = revoke_all(user__in=[person.pk for person in chosen])
            for person in chosen:
                self.log_change(request, person, "Revoked every token.")
        self._tell(request, count)

    def _tell(self, request: HttpRequest, count: int) -> None:
        messages.success(request, f"{count} token{'' if count == 1 else 's'} revoked.")


@admin.register(AccessToken)
class AccessTokenAdmin(TokenAdmin):
    """Access tokens."""

    @admin.display(description="jti")
    def number(self, token: AccessToken) -> str:
        """What the JWT itself is told apart by."""
        return token.jti


@admin.register(RefreshToken)
class RefreshTokenAdmin(TokenAdmin):
    """Refresh tokens."""

    @admin.display(description="number")
    def number(self, token: RefreshToken) -> str:
        """The row's number: a refresh token has no name of its own."""
        return str(token.pk)

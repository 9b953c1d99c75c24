"""Apps that registered themselves: the tokens that let them, and the drafts that wait for staff."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache

from oauth.admin.read_only import ReadOnlyAdmin
from oauth.clients import registering
from oauth.clients.initial_access_tokens import draw
from oauth.models import Application, ClientRegistration, InitialAccessToken

USUAL_LIFE = timedelta(days=7)


class InitialAccessTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What staff say of a token; its value is drawn by lot."""

    class Meta:
        model = InitialAccessToken
        fields = ("description", "expires", "registrations_left")
        help_texts = {
            "description": "For whom it is, such as the developers' company.",
            "expires": "From then on it registers nothing; empty: never.",
        }


@admin.register(InitialAccessToken)
class InitialAccessTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """To let an app register itself: add a token, and hand its value to the app's developers."""

    form = InitialAccessTokenForm
    list_display = ("__str__", "made_by", "created", "expires", "registrations_left", "made", "revoked")
    list_filter = (("revoked", admin.EmptyFieldListFilter), "expires")
    list_select_related = ("made_by",)
    search_fields = ("description",)
    ordering = ("-created",)
    readonly_fields = ("made_by", "created", "made", "revoked")
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InitialAccessToken]:
        """With the number of clients that each has registered."""
        rows: QuerySet[InitialAccessToken] = super().get_queryset(request)
        return rows.annotate(number_made=Count("registrations"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a new token, what is typed; of a known one, also what became of it."""
        typed = InitialAccessTokenForm.Meta.fields
        return typed if obj is None else (*typed, *self.readonly_fields)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """One app within a week, if nobody says otherwise."""
        usual = {"expires": timezone.now() + USUAL_LIFE, "registrations_left": 1}
        return {**usual, **super().get_changeform_initial_data(request)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token that is done with is revoked: it stays beside the clients that it registered."""
        return False

    @admin.display(description="clients registered")
    def made(self, token: InitialAccessToken) -> str:
        """How many, with a link to them."""
        number: int = getattr(token, "number_made", 0)
        address = reverse("admin:oauth_clientregistration_changelist")
        return format_html(
            '<a href="{}?initial_access_token__id__exact={}">{}</a>', address, token.pk, number
        )

    def save_model(self, request: HttpRequest, obj: InitialAccessToken, form: Any, change: bool) -> None:
        """Draw the value of a new token; of a known one write only what was changed, as it counts down
        meanwhile.
        """
        if change:
            obj.save(update_fields=form.changed_data)
            return
        request.new_token = draw(obj)  # type: ignore[attr-defined]  # for response_add
        obj.made_by = request.user  # type: ignore[assignment]  # staff are users
        obj.save()

    def response_add(
        self, request: HttpRequest, obj: InitialAccessToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the value, this once."""
        made = request.new_token  # type: ignore[attr-defined]  # save_model left it there
        return _shown_once(self, request, "New initial access token", "Initial access token", [(obj, made)])

    @admin.action(description="Revoke: register no more clients", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End these tokens. Clients that they have registered stay as they are."""
        chosen = list(queryset.values_list("pk", flat=True))
        with transaction.atomic():
            living = InitialAccessToken.objects.filter(pk__in=chosen, revoked__isnull=True)
            for each in living:
                self.log_change(request, each, "Revoked.")
            count = living.update(revoked=timezone.now())
        messages.success(request, f"{count} revoked.")


@admin.register(ClientRegistration)
class ClientRegistrationAdmin(ReadOnlyAdmin):
    """Which clients registered themselves, and by which token. A draft waits for somebody to look at it."""

    list_display = ("application", "status", "token", "created", "updated")
    list_filter = ("application__status", "initial_access_token", "application__application_type")
    list_select_related = ("application", "initial_access_token")
    search_fields = ("application__name", "application__client_id", "application__software_id")
    search_help_text = "Name, client id or software id"
    ordering = ("-created",)
    fields = ("application", "client_id", "status", "token", "created", "updated", "whole")
    readonly_fields = fields
    actions = ("put_live", "replace_token")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whoever may change clients may do so here."""
        return request.user.has_perm("oauth.change_application")

    @admin.display(description="client id", ordering="application__client_id")
    def client_id(self, registration: ClientRegistration) -> str:
        """The client's."""
        return str(registration.application.client_id)

    @admin.display(description="status", ordering="application__status")
    def status(self, registration: ClientRegistration) -> str:
        """In one word."""
        return str(Application.Status(registration.application.status).label).partition(":")[0]

    @admin.display(description="registered by", ordering="initial_access_token")
    def token(self, registration: ClientRegistration) -> str:
        """The initial access token."""
        return str(registration.initial_access_token or "nobody: registration was open")

    @admin.display(description="everything")
    def whole(self, registration: ClientRegistration) -> str:
        """A link to the client's form."""
        address = reverse("admin:oauth_application_change", args=[registration.application_id])
        return format_html('<a href="{}">Look at the client</a>', address)

    @admin.action(description="Look at the selected drafts, and put them live", permissions=["act"])
    def put_live(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Show what the apps say of themselves; once confirmed, put those live that still say the same."""
        drafts = [each.application for each in queryset.filter(application__status=Application.Status.DRAFT)]
        if not drafts:
            messages.error(request, "None of these is a draft.")
            return None
        if "confirmed" not in request.POST:
            return self._asked(request, drafts)
        for application in drafts:
            if self._put_live(request, application):
                messages.success(request, f"{application} is live.")
            else:
                messages.error(request, f"{application} has changed in the meantime. Look at it again.")
        return None

    @transaction.atomic
    def _put_live(self, request: HttpRequest, application: Application) -> bool:
        is_live = registering.put_live(application.pk, request.POST.get(f"seen-{application.pk}", ""))
        if is_live:
            self.log_change(request, application, "Put live.")
        return is_live

    @admin.action(description="Replace the registration access token, and show it", permissions=["act"])
    def replace_token(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """For developers who lost it, or whose token somebody else has seen: the one before is dead."""
        made = []
        with transaction.atomic():
            for each in queryset:
                made.append((each.application, registering.replace_token(each)))
                self.log_change(request, each.application, "Replaced the registration access token.")
        return _shown_once(self, request, "New registration access token", "Registration access token", made)

    def _asked(self, request: HttpRequest, drafts: list[Application]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Put live?",
            "opts": self.opts,
            "drafts": [(each, registering.told(each), registering.fingerprint(each)) for each in drafts],
            "twins": [each.pk for each in drafts if _has_twin(each)],
            "chosen": request.POST.getlist("_selected_action"),
        }
        page = TemplateResponse(request, "admin/oauth/put_live.html", context)
        return never_cache(lambda _: page)(request)


def _has_twin(application: Application) -> bool:
    """Whether another client has the same name, so that people could take one for the other."""
    others = Application.objects.exclude(pk=application.pk)
    return bool(others.filter(name__iexact=application.name).exists())


def _shown_once(
    room: admin.ModelAdmin,  # type: ignore[type-arg]  # not subscriptable at run time
    request: HttpRequest,
    title: str,
    kind: str,
    made: list[tuple[Any, str]],
) -> HttpResponse:
    """The only page on which these tokens are ever seen; nothing may keep a copy of it."""
    context = {
        **room.admin_site.each_context(request),
        "title": title,
        "opts": room.opts,
        "kind": kind,
        "made": made,
        "back": reverse(f"admin:{room.opts.app_label}_{room.opts.model_name}_changelist"),
    }
    page = TemplateResponse(request, "admin/oauth/new_registration_tokens.html", context)
    return never_cache(lambda _: page)(request)

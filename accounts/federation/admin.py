"""Identity providers in the admin console, and which of their people have an account here."""

from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.federation import exchange
from accounts.federation.identity_provider import KINDS, IdentityProvider
from accounts.federation.refused import Refused

# django-allauth's own lists: providers are registered below, and tokens of theirs are not kept.
for _listed in (SocialApp, SocialAccount, SocialToken):
    admin.site.unregister(_listed)

_WIDE = forms.TextInput(attrs={"size": 80})
BOUND_BY_LINKS = ("slug", "issuer", "identity_claim")
"""What gives a link its meaning: fixed while there is one."""


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """An identity provider. The secret goes in and never comes out."""

    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in KINDS],
        initial=["Practitioner"],
        widget=forms.CheckboxSelectMultiple,
        help_text="Nobody who is another kind of person in the health record signs in with it.",
    )
    secret = forms.CharField(
        required=False,
        max_length=500,
        label="Client secret",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "size": 80}),
        help_text="Kept encrypted, and never shown again. Leave empty to keep the one that is there.",
    )

    class Meta:
        model = IdentityProvider
        fields = (
            "name",
            "slug",
            "active",
            "issuer",
            "client_id",
            "token_endpoint_auth_method",
            "scope",
            "identity_claim",
            "fhir_user_claim",
            "reads_userinfo",
            "fhir_base",
            "kinds",
            "new_people",
            "without_fhir_user",
            "authority",
        )
        widgets = {name: _WIDE for name in ("issuer", "client_id", "scope", "fhir_base")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["kinds"] = self.instance.kinds.split()

    def clean_kinds(self) -> str:
        """The kinds as the model keeps them."""
        return " ".join(self.cleaned_data["kinds"])

    def save(self, commit: bool = True) -> IdentityProvider:
        """Keep the secret too, if there is a new one."""
        if self.cleaned_data.get("secret"):
            self.instance.secret = self.cleaned_data["secret"]
        saved: IdentityProvider = super().save(commit)
        return saved


@admin.register(IdentityProvider)
class ProviderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Registering providers, switching them off, and asking whether they answer."""

    form = ProviderForm
    actions = ("ask",)
    list_display = ("name", "issuer", "kinds", "new_people", "people", "active")
    list_filter = ("active",)
    search_fields = ("name", "slug", "issuer")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "active")}),
        (
            "How we are registered there",
            {
                "fields": (
                    "issuer",
                    "redirect_uri",
                    "client_id",
                    "secret",
                    "token_endpoint_auth_method",
                    "scope",
                ),
                "description": "Its operators register this server as a confidential client with the "
                "redirect URI below (shown once this is saved), the authorization code and PKCE S256.",
            },
        ),
        (
            "Who its people are here",
            {
                "fields": (
                    "reads_userinfo",
                    "identity_claim",
                    "fhir_user_claim",
                    "fhir_base",
                    "kinds",
                    "new_people",
                    "without_fhir_user",
                    "authority",
                ),
                "description": "Whoever runs this provider can sign in as anybody whom it may bring. It "
                "makes nobody staff, and gives nobody the FHIR user of another account.",
            },
        ),
    )

    @admin.display(description="redirect URI")
    def redirect_uri(self, provider: IdentityProvider) -> str:
        """What is registered at the provider."""
        return provider.redirect_uri if provider.slug else "is shown once this is saved"

    @admin.display(description="people with an account")
    def people(self, provider: IdentityProvider) -> int:
        """How many links there are."""
        return provider.links.count()

    def get_readonly_fields(self, request: HttpRequest, obj: IdentityProvider | None = None) -> list[str]:
        """A provider that has people keeps what their links rest on."""
        bound = BOUND_BY_LINKS if obj is not None and obj.links.exists() else ()
        return ["redirect_uri", *bound]

    def get_prepopulated_fields(self, request: HttpRequest, obj: IdentityProvider | None = None) -> Any:
        """Only for new ones; a redirect URI does not change with the name."""
        return {} if obj is not None else self.prepopulated_fields

    @admin.action(description="Ask the selected providers for their documents and keys")
    def ask(self, request: HttpRequest, queryset: QuerySet[IdentityProvider]) -> None:
        """Say of each whether people could be sent there now, and what is wrong if not."""
        for provider in queryset:
            self.log_change(request, provider, "Asked for its documents and keys.")
            try:
                keys = exchange.key_set(exchange.configuration(provider))
            except Refused as refused:
                words = f"{provider}: expected {refused.expected}, received {refused.received}."
                messages.error(request, words)
            else:
                messages.success(request, f"{provider} answers, and publishes {len(keys)} keys.")


class LinkForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """One identity at one provider."""

    provider = forms.ChoiceField(choices=lambda: IdentityProvider.objects.values_list("slug", "name"))

    class Meta:
        model = SocialAccount
        fields = ("provider", "uid")
        labels = {"uid": "identity there"}


class LinkInline(admin.TabularInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """Where a person signs in beside here; whoever proves that identity there is this person."""

    model = SocialAccount
    form = LinkForm
    extra = 0
    fields = ("provider", "uid", "last_login")
    readonly_fields = ("last_login",)
    verbose_name = "identity elsewhere"
    verbose_name_plural = "identities elsewhere"

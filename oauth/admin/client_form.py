"""The form for a client: it explains each field and refuses what `oauth.clients.metadata` refuses."""

import json
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from oauth.clients.metadata import (
    FOR_PEOPLE,
    GRANT_TYPES,
    TEXTS,
    faults,
    launch_faults,
    settle,
    status_faults,
)
from oauth.models import Application

# Field of the form for each name that a fault can begin with.
_FIELDS = {**TEXTS, "jwks": "client_jwks"}
_WIDE = forms.TextInput(attrs={"size": 80})
_ONE_PER_LINE = forms.Textarea(attrs={"rows": 3, "cols": 80})


def legible(key_set: str) -> str:
    """A key set with one member on each line; as it is where it is no JSON."""
    try:
        return json.dumps(json.loads(key_set), indent=2)
    except ValueError:
        return key_set


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Registering an app, in the words of the people who do it."""

    contacts = forms.CharField(
        required=False,
        widget=_ONE_PER_LINE,
        help_text="E-mail addresses of the people responsible, one per line.",
    )
    grant_types = forms.MultipleChoiceField(
        choices=[(name, name) for name in GRANT_TYPES],
        initial=list(FOR_PEOPLE),
        widget=forms.CheckboxSelectMultiple,
        help_text="authorization_code signs people in; refresh_token keeps access where people allow it; "
        "client_credentials is for backend services, which act for themselves.",
    )
    client_jwks_uri = forms.CharField(
        required=False,
        widget=_WIDE,
        label="Key set URL (jwks_uri)",
        help_text="Only for an app that proves itself by a signed assertion: the https address at which it "
        "publishes its public keys. Best, as the app can then change its keys by itself.",
    )
    client_jwks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 80, "spellcheck": "false"}),
        label="Key set (jwks)",
        help_text="Instead of the address: the public keys themselves, as a JWK Set. Keys are RSA with 2048 "
        "bits or more (RS384) or EC on P-384 (ES384), each with a kid of its own. Ask the developers to send "
        "you the set again whenever a key changes.",
    )
    client_uri = forms.CharField(required=False, widget=_WIDE, label="Home page")
    logo_uri = forms.CharField(
        required=False, widget=_WIDE, label="Logo", help_text="https address of a square picture."
    )
    policy_uri = forms.CharField(
        required=False,
        widget=_WIDE,
        label="Privacy policy",
        help_text="Where the app says how it treats data.",
    )
    tos_uri = forms.CharField(required=False, widget=_WIDE, label="Terms of service")
    launch_url = forms.CharField(
        required=False,
        widget=_WIDE,
        label="Launch URL",
        help_text="Where the portal opens the app, with iss and launch added. Empty: not from the portal.",
    )

    class Meta:
        model = Application
        fields = (
            "name",
            "status",
            "description",
            "publisher",
            "logo_uri",
            "client_uri",
            "policy_uri",
            "tos_uri",
            "contacts",
            "client_id",
            "software_id",
            "application_type",
            "token_endpoint_auth_method",
            "client_jwks_uri",
            "client_jwks",
            "redirect_uris",
            "launch_url",
            "allowed_origins",
            "grant_types",
            "scope",
            "required_scope",
            "auto_approved_scope",
            "consent_policy",
            "introspection",
            "access_token_seconds",
            "refresh_token_seconds",
            "may_launch",
        )
        widgets = {
            "redirect_uris": forms.Textarea(attrs={"rows": 3, "cols": 80}),
            "allowed_origins": forms.Textarea(attrs={"rows": 2, "cols": 80}),
            "scope": forms.Textarea(attrs={"rows": 4, "cols": 80}),
            "auto_approved_scope": forms.Textarea(attrs={"rows": 2, "cols": 80}),
            "required_scope": forms.Textarea(attrs={"rows": 2, "cols": 80}),
            "description": forms.Textarea(attrs={"rows": 2, "cols": 80}),
        }
        labels = {
            "software_id": "Software ID",
            "token_endpoint_auth_method": "Proves itself by",
            "allowed_origins": "Web origins",
            "scope": "May ask for",
            "auto_approved_scope": "Granted without asking",
            "required_scope": "Cannot be declined",
            "may_launch": "Apps it may launch",
            "introspection": "May ask about",
            "access_token_seconds": "Access token, seconds",
            "refresh_token_seconds": "Refresh token, seconds",
        }
        help_texts = {
            "client_id": "For the app's developers. It cannot be changed later without changing the app.",
            "redirect_uris": "Where people are sent back to, one per line, exactly as the app sends it: "
            "https://app.example.org/callback and the same with a slash at the end are two. Native apps: "
            "org.example.app:/callback (a domain name in reverse order) or http://127.0.0.1/callback (any "
            "port). Backend services have none.",
            "allowed_origins": "Only for apps that run in the browser: the addresses they are served from, "
            "such as https://app.example.org; one per line.",
            "scope": "What the app may ask for, separated by spaces or lines. It is granted what it asks "
            "for, within this list, the scope catalogue and what people tick. Start from what its developers "
            "say it needs: launch for the portal, openid and fhirUser to know who signs in, offline_access "
            "to work on when nobody is there, and patient/ (one patient), user/ (what the person may see) or "
            "system/ (backend services) scopes such as patient/Observation.rs: r read, s search, c create, "
            "u update, d delete.",
            "auto_approved_scope": "Within the list above: not shown on the consent page. For apps of the "
            "hospital's own; leave it empty for others.",
            "required_scope": "Within the list above: shown on the consent page without a tick, as the app "
            "cannot work without it.",
            "consent_policy": "A native app that only has an address of its own scheme is always asked for.",
            "refresh_token_seconds": "Life of a refresh token in seconds, at least 300; 7776000 are 90 days. "
            "Empty: the server's default. Each refresh begins it anew.",
            "may_launch": "Only for a client with client_credentials, such as an external EHR: the apps that "
            "it may launch through /launch/contexts.",
            "launch_url": "Where the portal opens the app, with iss and launch added.",
            "application_type": "Browser and native apps cannot keep a secret: choose None below for them. "
            "A backend service signs assertions and has client_credentials only.",
            "token_endpoint_auth_method": "How the app proves who it is. A secret is made when you save; "
            "for an assertion, register the app's public keys below.",
            "software_id": "The developers' own name for the app, the same in every installation.",
            "access_token_seconds": "Life of an access token in seconds, 300 to 3600; empty: the server's "
            "default. A token that a backend service gets for itself always lives 300.",
            "introspection": "Which tokens the app may ask about at /oauth/introspect.",
            "status": "Suspending kills every token at once, and going live again revives none.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who may only look gets a form without fields.
        if "name" in self.fields:
            self.fields["name"].required = True
        if self.instance.pk is not None:
            self.initial["contacts"] = "\n".join(self.instance.contacts)
            self.initial["grant_types"] = self.instance.grant_types or list(FOR_PEOPLE)
            self.initial["client_jwks"] = legible(self.instance.client_jwks)
            self.initial["redirect_uris"] = "\n".join(self.instance.redirect_uris.split())
            self.initial["allowed_origins"] = "\n".join(self.instance.allowed_origins.split())
        if "may_launch" in self.fields:
            self.fields["may_launch"].queryset = self._launchable()  # type: ignore[attr-defined]

    def _launchable(self) -> QuerySet[Application]:
        """The other clients; a retired one only where it is chosen already: saving must not lose it."""
        chosen = self.instance.may_launch.values("pk") if self.instance.pk else []
        apps = Application.objects.exclude(pk=self.instance.pk).order_by("name", "pk")
        offered: QuerySet[Application] = apps.filter(~Q(status=Application.Status.RETIRED) | Q(pk__in=chosen))
        return offered

    def clean_status(self) -> str:
        """Whatever is chosen, but nothing brings a retired client back."""
        status = str(self.cleaned_data["status"])
        for fault in status_faults(self.initial.get("status", ""), status):
            raise forms.ValidationError(fault.partition(": ")[2])
        return status

    def clean_contacts(self) -> list[str]:
        """One address per line."""
        return str(self.cleaned_data["contacts"]).split()

    def clean_scope(self) -> str:
        """Lines and spaces are the same."""
        return " ".join(self.cleaned_data["scope"].split())

    def clean_description(self) -> str:
        """Lines end as everywhere else."""
        return "\n".join(self.cleaned_data["description"].splitlines())

    def clean_required_scope(self) -> str:
        """Lines and spaces are the same."""
        return " ".join(self.cleaned_data["required_scope"].split())

    def clean_auto_approved_scope(self) -> str:
        """Lines and spaces are the same."""
        return " ".join(self.cleaned_data["auto_approved_scope"].split())

    def _post_clean(self) -> None:
        """Judge the client as a whole, by the same rules as every other door, and say each fault at its
        field.
        """
        super()._post_clean()  # type: ignore[misc]  # django-stubs does not know it
        if self.errors:
            return
        settle(self.instance)
        chosen = self.cleaned_data.get("may_launch")
        launched = None if chosen is None else [app.client_id for app in chosen]
        for fault in (*faults(self.instance), *launch_faults(self.instance, launched)):
            name, _, words = fault.partition(": ")
            field = _FIELDS.get(name, name)
            self.add_error(field if field in self.fields else None, words)

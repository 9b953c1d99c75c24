"""The form for a trusted issuer: it explains each field and refuses what `issuer_rules` refuses."""

from typing import Any

from django import forms

from oauth.admin.client_form import legible
from oauth.foreign.issuer_rules import faults
from oauth.foreign.issuers import keep_secret
from oauth.jwk_sets import ISSUER_ALGORITHMS
from oauth.models import TrustedIssuer

_WIDE = forms.TextInput(attrs={"size": 80})


class TrustedIssuerForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Registering another server, in the words of the people who do it."""

    algorithms = forms.MultipleChoiceField(
        choices=[(name, name) for name in ISSUER_ALGORITHMS],
        widget=forms.CheckboxSelectMultiple,
        help_text="By which its tokens may be signed. No other counts, whatever a token says.",
    )
    jwks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 80, "spellcheck": "false"}),
        label="Key set (jwks)",
        help_text="Its public keys as a JWK Set, each with a kid. Have them sent to you on a way that you "
        "trust, and again whenever one changes.",
    )
    introspection_secret = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 80}),
        label="Our client secret there",
        help_text="Kept encrypted and never shown again. Empty: the one that is kept stays.",
    )

    class Meta:
        model = TrustedIssuer
        fields = (
            "name",
            "active",
            "issuer",
            "keys",
            "jwks_uri",
            "jwks",
            "algorithms",
            "scope",
            "audience",
            "fhir_base",
            "patient_claim",
            "user_claim",
            "scope_claim",
            "client_claim",
            "checking",
            "introspection_endpoint",
            "introspection_client_id",
            "allowed_origins",
        )
        widgets = {
            "issuer": _WIDE,
            "jwks_uri": _WIDE,
            "audience": _WIDE,
            "fhir_base": _WIDE,
            "introspection_endpoint": _WIDE,
            "scope": forms.Textarea(attrs={"rows": 3, "cols": 80}),
            "allowed_origins": forms.Textarea(attrs={"rows": 2, "cols": 80}),
        }
        labels = {
            "issuer": "Issuer (iss)",
            "jwks_uri": "Key set URL (jwks_uri)",
            "audience": "Audience (aud)",
            "fhir_base": "Its FHIR base",
            "scope": "May grant at most",
            "patient_claim": "Claim: patient",
            "user_claim": "Claim: person",
            "scope_claim": "Claim: scope",
            "client_claim": "Claim: client",
            "checking": "How long a token counts",
            "introspection_endpoint": "Introspection URL",
            "introspection_client_id": "Our client id there",
            "allowed_origins": "Web origins of its apps",
        }
        help_texts = {
            "active": "Switched off, nothing that it issued opens anything at the next request, and what it "
            "issued until then never does again.",
            "issuer": "Exactly as its tokens say it, to the last slash.",
            "jwks_uri": "The https address at which it publishes its public keys.",
            "audience": "What the aud of its tokens must contain. Empty: the address of this FHIR API, which "
            "is best; anything that its tokens for others contain as well would let those in here.",
            "fhir_base": "Only if its tokens name people and patients by addresses below another FHIR base, "
            "and the ids there are the same as here.",
            "scope": "Separated by spaces or lines, such as openid fhirUser patient/*.rs. Its tokens give "
            "what they say within this list and the scope catalogue. system/ lets it speak for services that "
            "need no person: leave it out unless you mean that.",
            "patient_claim": "The id of a Patient here, alone or as Patient/id. Where a token names no "
            "person, its patient/ scopes give what this patient may do.",
            "user_claim": "Who it is, such as Practitioner/1. Only somebody with an account here that has "
            "this FHIR user gets anything, and no more than their own rights.",
            "scope_claim": "One text or a list, in SMART's words.",
            "client_claim": "The app. azp is understood where client_id is missing.",
            "checking": "Asking notices within a second when a token is taken back there. Otherwise only its "
            "exp ends it, or you here.",
            "introspection_endpoint": "Empty: what its metadata say, where the keys are discovered.",
            "allowed_origins": "Only for its apps that run in the browser, as https://app.example.org; one "
            "per line.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["jwks"] = legible(self.instance.jwks)
            self.initial["allowed_origins"] = "\n".join(self.instance.allowed_origins.split())

    def clean_scope(self) -> str:
        """Lines and spaces are the same."""
        return " ".join(self.cleaned_data["scope"].split())

    def clean_allowed_origins(self) -> str:
        """Lines and spaces are the same."""
        return " ".join(self.cleaned_data["allowed_origins"].split())

    def _post_clean(self) -> None:
        """Judge the issuer as a whole, and say each fault at its field."""
        super()._post_clean()  # type: ignore[misc]  # django-stubs does not know it
        if self.errors:
            return
        secret = self.cleaned_data.get("introspection_secret", "")
        for fault in faults(self.instance, has_secret=bool(secret)):
            name, _, words = fault.partition(": ")
            self.add_error(name if name in self.fields else None, words)
        if secret and not self.errors:
            keep_secret(self.instance, secret)
